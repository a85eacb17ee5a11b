"""The server's settings: flags over environment (CHATSERVER_*) over a TOML file over defaults."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

ENV_PREFIX: Final = "CHATSERVER_"
SYSTEM_DATA: Final = Path("/var/lib/chatserver")

Origin = Annotated[str, Meta(pattern=r"^https?://[a-z0-9.:\[\]-]+$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. A field's name is its key in the file; CHATSERVER_NAME is its variable."""

    data: Path
    """Folder of the database; made if missing, readable by its owner only."""
    host: Annotated[str, Meta(min_length=1, max_length=255)] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8765
    """0 takes a free port."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    allowed_origins: tuple[Origin, ...] = ()
    """Web origins that may open a WebSocket, e.g. `https://chat.example.org`; clients without an origin always may."""
    access_token_s: Annotated[int, Meta(ge=30, le=86_400)] = 900
    """Seconds an access token is valid."""
    refresh_token_s: Annotated[int, Meta(ge=3_600, le=10 * 365 * 86_400)] = 90 * 86_400
    """Seconds a session lives without being used."""
    password_threads: Annotated[int, Meta(ge=1, le=16)] = 1
    """Threads that hash passwords; each can keep one core busy while many people sign in at once."""
    password_waiting: Annotated[int, Meta(ge=0, le=10_000)] = 64
    """Sign-ins that may wait for a thread; more are told to try again."""
    outbox_bytes: Annotated[int, Meta(ge=65_536, le=1 << 30)] = 1_048_576
    """Bytes that may wait for one slow connection before it is closed."""


class ConfigError(Exception):
    """A setting cannot be used; the text names where it stands and what to do."""


_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Settings)}


def load(flags: Mapping[str, Any], *, file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from all sources; flags that are None count as not given. Raises `ConfigError`."""
    file = file or (Path(environ[ENV_PREFIX + "CONFIG"]) if environ.get(ENV_PREFIX + "CONFIG") else None)
    values: dict[str, Any] = _from_file(file) if file else {}
    values |= _from_environment(environ)
    for name, flag in flags.items():
        if flag is not None:
            values[name] = _converted(name, flag, f"--{name.replace('_', '-')}")
    if "data" not in values:
        values["data"] = default_data_dir(environ)
    return Settings(**values)


def default_data_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """`/var/lib/chatserver` where this user may write to it, else the user's own data folder."""
    if os.access(SYSTEM_DATA, os.W_OK):
        return SYSTEM_DATA
    base = environ.get("XDG_DATA_HOME") or ""
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "chatserver"


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(
            f"The config file {file} cannot be read: {error.strerror}. Check the path given with --config."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"The config file {file} is not UTF-8 text. Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The config file {file} is not valid TOML: {error}. Correct that line.") from error
    values = {}
    for name, value in content.items():
        place = f"{file}{_line_of(name, text)}, key '{name}'"
        if name not in _FIELDS:
            raise ConfigError(f"{place}: there is no such setting. Remove it; these exist: {', '.join(_FIELDS)}.")
        values[name] = _converted(name, value, place)
    return values


def _line_of(name: str, text: str) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*\[*[\"']?{re.escape(name)}[\"']?\s*[=.\]]", line):
            return f", line {number}"
    return ""


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, field in _FIELDS.items():
        variable = ENV_PREFIX + name.upper()
        value: Any = environ.get(variable)
        if value:
            if field.default == ():
                value = [part.strip() for part in value.split(",") if part.strip()]
            values[name] = _converted(name, value, f"The environment variable {variable}", strict=False)
    return values


def _converted(name: str, value: Any, place: str, *, strict: bool = True) -> Any:
    try:
        return msgspec.convert(value, _FIELDS[name].type, strict=strict, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{place}: {error}, but it is {value!r}. Correct it, or leave it out.") from error


def _decode_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, Path):
        return value
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value).expanduser()
    raise msgspec.ValidationError("Expected a path")
