"""Writing settings: only what changed, with the comments and the order of the file kept."""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_folder, write_private
from chatterm.client.settings import PARTS, Settings, read_settings, settings_path

_HEADING: Final = "Settings of chatterm; what is not named here has its default."


def edited(text: str, before: Settings, after: Settings) -> str:
    """The text of a file with what differs between two settings changed. Raises `ClientError`: `configBroken`."""
    try:
        document = tomlkit.parse(text)
        if not text.strip():
            document.add(tomlkit.comment(_HEADING))
        for part in PARTS:
            old, new = getattr(before, part.name), getattr(after, part.name)
            for field in msgspec.structs.fields(part.type):
                value = getattr(new, field.name)
                if value != getattr(old, field.name):
                    _set(document, part.name, field.name, value)
        return tomlkit.dumps(document)
    except (TOMLKitError, ValueError, TypeError, RecursionError) as error:
        raise ClientError(
            "configBroken", f"The settings file cannot be changed: {error}.", "Correct it with an editor first."
        ) from None


def _set(document: tomlkit.TOMLDocument, part: str, key: str, value: Any) -> None:
    table: Any = document.get(part)
    if table is None:
        if document.as_string().strip():
            document.add(tomlkit.nl())
        table = tomlkit.table()
        document[part] = table
        table = document[part]
    if isinstance(value, dict) and isinstance(table.get(key), dict):
        _set_entries(table[key], value)
    elif isinstance(value, dict):
        entries = tomlkit.table()
        _set_entries(entries, value)
        table[key] = entries
    else:
        table[key] = value


def _set_entries(entries: Table | dict[str, Any], value: dict[str, Any]) -> None:
    for name in [name for name in entries if name not in value]:
        del entries[name]
    for name, each in value.items():
        if name not in entries or entries[name] != each:
            entries[name] = each


def write_settings(settings: Settings, path: Path | None = None) -> None:
    """Make the file say this; private (0600), atomic and durable. What it says beyond it stays.

    Raises `ClientError`: `configBroken` if the file cannot be understood (it is left as it is), or for the disk.
    """
    path = path or settings_path()
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        text = ""
    except OSError as error:
        raise from_os_error(error, path) from error
    except UnicodeError:
        raise ClientError("configBroken", f"{path} is no text.", "Correct or remove it.") from None
    changed = edited(text, read_settings(path).settings, settings)
    if changed != text:
        ensure_folder(path.parent)
        write_private(path.resolve() if path.is_symlink() else path, changed.encode())


class SettingsWriter:
    """Writes settings one after the other, off the event loop."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = asyncio.Lock()

    async def write(self, settings: Settings) -> None:
        """Raises as `write_settings`."""
        async with self._lock:
            await asyncio.to_thread(write_settings, settings, self._path)
