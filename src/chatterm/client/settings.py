"""What the user has set: one TOML file that people may write by hand, with a default for everything."""

from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from chatproto.errors import ErrorInfo
from chatterm.client.disk_errors import from_os_error
from chatterm.client.paths import config_dir

FILE_NAME: Final = "config.toml"
MAX_BYTES: Final = 1_048_576
"""A larger file is no settings."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A table of the file; names are as they are written there."""


class Look(Part, frozen=True, kw_only=True):
    """How the window looks."""

    theme: str = "auto"
    """Name of a theme; `auto` is dark or day as the terminal is."""
    density: Literal["comfortable", "compact"] = "comfortable"
    images: Literal["auto", "kitty", "sixel", "cells", "off"] = "auto"
    """How pictures are drawn; `auto` goes by the environment, and by what the terminal says of Sixel."""
    markdown: bool = True
    list_width: Annotated[int, Meta(ge=16, le=80)] = 30
    """Cells of the client list."""


class Keys(Part, frozen=True, kw_only=True):
    """Which keys do what."""

    preset: Literal["default", "vim", "emacs"] = "default"
    bindings: dict[str, list[str]] = {}
    """Keys by name of action, in place of those of the preset; an empty list unbinds."""


class Composing(Part, frozen=True, kw_only=True):
    """Writing."""

    typing_notices: bool = True
    """Others see that one is writing."""
    emoji_shortcodes: bool = True


class Notifications(Part, frozen=True, kw_only=True):
    """How news of other chats is told."""

    direct: bool = True
    groups: Literal["all", "mentions", "none"] = "mentions"
    toast: bool = True
    bell: bool = False
    terminal: Literal["auto", "osc9", "osc99", "osc777", "off"] = "auto"
    desktop: bool = True
    show_text: bool = True
    """Notifications outside the window may quote the message."""
    quiet_hours: Annotated[str, Meta(pattern=r"^(\d\d?:\d\d-\d\d?:\d\d)?$", examples=["22:00-07:00"])] = ""
    """Local times between which nothing is told, as `22:00-07:00`; empty: none."""


class Files(Part, frozen=True, kw_only=True):
    """Files and pictures."""

    downloads: str = ""
    """Where downloads go; empty: the user's download folder."""


class Settings(Part, frozen=True, kw_only=True):
    """The whole file."""

    look: Look = Look()
    keys: Keys = Keys()
    compose: Composing = Composing()
    notifications: Notifications = Notifications()
    files: Files = Files()


def settings_path() -> Path:
    """Where the file lies, whether there is one or not."""
    return config_dir() / FILE_NAME


class SettingsRead(NamedTuple):
    """What a file says: usable settings in any case, and what is wrong with it."""

    settings: Settings
    problems: tuple[ErrorInfo, ...] = ()


def read_settings(path: Path | None = None) -> SettingsRead:
    """Read the file. Never raises: what cannot be used has its default, and is among the problems.

    Codes of problems: `configBroken` if nothing of it can be used, `settingUnknown`, `settingInvalid`.
    """
    path = path or settings_path()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return SettingsRead(Settings())
    except OSError as error:
        return SettingsRead(Settings(), (from_os_error(error, path).info(),))
    try:
        return SettingsRead(msgspec.toml.decode(data, type=Settings)) if _is_exact(data) else _checked(data, path)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _checked(data, path)


def _is_exact(data: bytes) -> bool:
    """Whether every name of the file is known; else the checks have something to say."""
    known = {part.name: {each.name for each in msgspec.structs.fields(part.type)} for part in PARTS}
    found = msgspec.toml.decode(data)
    return len(data) <= MAX_BYTES and all(
        name in known and isinstance(table, dict) and table.keys() <= known[name] for name, table in found.items()
    )


def _checked(data: bytes, path: Path) -> SettingsRead:
    from chatterm.client.settings_check import checked  # noqa: PLC0415 - a good file needs none of it

    return checked(data, path)


PARTS: Final = msgspec.structs.fields(Settings)
"""The tables of the file."""
