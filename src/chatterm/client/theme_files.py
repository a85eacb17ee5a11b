"""Colour themes that people wrote: one TOML file each in the folder of configuration, checked when it is read."""

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from chatproto.errors import ErrorInfo
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.paths import config_dir

BUILT_IN: Final = ("auto", "chatterm-dark", "chatterm-day")
THEMES_MAX: Final = 100
_MAX_BYTES: Final = 65_536
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
Colour = Annotated[str, Meta(pattern=r"^#[0-9A-Fa-f]{6}$")]


class ThemeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One theme. `dark` says which of the built-in themes gives the colours that are left out, as `#rrggbb`."""

    dark: bool = True
    primary: Colour | None = None
    secondary: Colour | None = None
    accent: Colour | None = None
    warning: Colour | None = None
    error: Colour | None = None
    success: Colour | None = None
    foreground: Colour | None = None
    background: Colour | None = None
    surface: Colour | None = None
    panel: Colour | None = None
    quiet: Colour | None = None
    line: Colour | None = None


def themes_dir() -> Path:
    """Where theme files lie."""
    return config_dir() / "themes"


def theme_names() -> list[str]:
    """Names of the theme files, in alphabetical order; none if the folder cannot be read."""
    try:
        found = sorted(path.stem for path in themes_dir().iterdir() if path.suffix == ".toml")
    except OSError:
        return []
    return [name for name in found if _NAME.fullmatch(name)][:THEMES_MAX]


def read_theme(name: str) -> ThemeFile:
    """Read a theme. Raises `ClientError`: `themeUnknown`, `themeBroken`, or for the disk."""
    path = themes_dir() / f"{name}.toml"
    if not _NAME.fullmatch(name):
        raise _unknown(name)
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES)
    except FileNotFoundError:
        raise _unknown(name) from None
    except OSError as error:
        raise from_os_error(error, path) from error
    try:
        return msgspec.toml.decode(data, type=ThemeFile)
    except (ValueError, RecursionError) as error:  # also msgspec's and Unicode's own
        told = str(error).replace("Expected `str` matching regex '^#[0-9A-Fa-f]{6}$'", "not a colour like #8fb8de")
        raise ClientError(
            "themeBroken", f"The theme {path} cannot be used: {told}.", f"It may have {', '.join(_fields())}."
        ) from None


def check_theme(name: str) -> list[ErrorInfo]:
    """What is wrong with a theme that the settings name."""
    if name in BUILT_IN:
        return []
    try:
        read_theme(name)
    except ClientError as error:
        return [error.info()]
    return []


def _fields() -> list[str]:
    return [field.name for field in msgspec.structs.fields(ThemeFile)]


def _unknown(name: str) -> ClientError:
    own = theme_names()
    listed = f"Yours are {', '.join(own)}." if own else f"Put your own into {themes_dir()}."
    return ClientError(
        "themeUnknown", f"There is no theme {name[:40]!r}.", f"There are {', '.join(BUILT_IN)}. {listed}"
    )
