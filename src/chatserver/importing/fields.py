"""JSON of an export, read piece by piece, and without trust in its form: what is not as expected counts as missing."""

from collections.abc import Iterator
from typing import Any, Final

import ijson

from chatserver.importing.model import Notes
from chatserver.importing.tree import Tree

_TIME_MAX: Final = (1 << 53) - 1


class Fields:
    """An object of JSON."""

    def __init__(self, value: object) -> None:
        self._values: dict[str, Any] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str) -> str:
        """A string, or a number as one."""
        value = self._values.get(name)
        if isinstance(value, str):
            return _unicode(value)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""

    def number(self, name: str) -> float:
        value = self._values.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else 0

    def flag(self, name: str) -> bool:
        return self._values.get(name) is True

    def inner(self, name: str) -> "Fields":
        """An object within."""
        return Fields(self._values.get(name))

    def texts(self, name: str) -> list[str]:
        """The strings of a list, numbers as such."""
        return [_unicode(str(value)) for value in self._list(name) if isinstance(value, str | int)]

    def objects(self, name: str) -> list["Fields"]:
        """The objects of a list."""
        return [Fields(value) for value in self._list(name) if isinstance(value, dict)]

    def _list(self, name: str) -> list[Any]:
        value = self._values.get(name)
        return value if isinstance(value, list) else []


def _unicode(text: str) -> str:
    """Text without halves of characters, which JSON may hold and UTF-8 may not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def objects(tree: Tree, name: str, prefix: str, notes: Notes) -> Iterator[tuple[Fields, str]]:
    """The objects of a list in a JSON file, one in memory at a time, each with its place.

    `prefix` is where they are, as `ijson` writes it: `item` for a list at the top.
    """
    number = 0
    with tree.open(name) as stream:
        try:
            for number, value in enumerate(ijson.items(stream, prefix, use_float=True), start=1):
                place = f"{name}: {number}"
                if isinstance(value, dict):
                    yield Fields(value), place
                else:
                    notes.wrong("not an object", place)
        except (ijson.JSONError, UnicodeDecodeError, ValueError, OverflowError) as error:
            reason = " ".join(str(error).split())[:80]
            notes.wrong(f"broken JSON ({reason})", f"{name}: after {number}")


def microseconds(seconds: float) -> int:
    """Seconds since 1970 as microseconds, 0 if that is no time."""
    us = round(seconds * 1_000_000) if -1e12 < seconds < 1e12 else 0
    return us if 0 < us <= _TIME_MAX else 0


def milliseconds(value: float) -> int:
    """Milliseconds since 1970 as microseconds, 0 if that is no time."""
    us = round(value * 1_000) if -1e15 < value < 1e15 else 0
    return us if 0 < us <= _TIME_MAX else 0
