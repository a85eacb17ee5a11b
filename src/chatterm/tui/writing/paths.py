"""Paths as people give them: typed after `/file`, or pasted and dropped into the terminal in one of many forms."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from chatproto import limits

_PASTED_MAX_CHARS: Final = 16_384
_BEGINNING: Final = re.compile(r"\s*(?:['\"]?(?:/|~/)|file://)")
_LOCAL_HOSTS: Final = frozenset(("", "localhost"))


def pasted_files(text: str) -> tuple[Path, ...]:
    """The files that a pasted text names, if it names nothing but existing files; else none.

    File managers and terminals paste dropped files as bare paths, quoted for a shell, or as `file://` URLs, on one
    line or on one each. Paths must be absolute: a pasted word is no file just because one is called so.
    """
    if len(text) > _PASTED_MAX_CHARS or not _BEGINNING.match(text):
        return ()
    paths: list[Path] = []
    for line in text.splitlines():
        if line.strip():
            found = _of_line(line.strip())
            if not found:
                return ()
            paths += found
    return tuple(paths) if len(paths) <= 2 * limits.MESSAGE_FILES_MAX else ()


def given_paths(text: str, folder: Path) -> tuple[Path, ...]:
    """The paths of a command's argument: one as it stands if that exists, else words as a shell reads them.

    Relative ones are below `folder`. Whether they exist is for the caller to find out.
    """
    text = text.strip()
    whole = folder / _path(text)
    if _exists(whole):
        return (whole,)
    return tuple(folder / _path(word) for word in _words(text) or (text,))


def _of_line(line: str) -> Sequence[Path]:
    whole = _path(line)
    if _is_absolute_file(whole):
        return (whole,)
    paths = [_path(word) for word in _words(line)]
    return paths if all(map(_is_absolute_file, paths)) else ()


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # an open quote
        return []


def _path(text: str) -> Path:
    if text.startswith("file://"):
        parts = urlsplit(text)
        return Path(unquote(parts.path)) if parts.netloc in _LOCAL_HOSTS else Path()
    try:
        return Path(text).expanduser()
    except RuntimeError:  # no such user's home
        return Path(text)


def _is_absolute_file(path: Path) -> bool:
    try:
        return path.is_absolute() and path.is_file()
    except (OSError, ValueError):
        return False


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
