"""JSON of an export, read piece by piece, and without trust in its form: what is not as expected counts as missing."""

from collections.abc import Iterator
from typing import IO, Any, Final

import ijson

from chatserver.importing.model import Notes
from chatserver.importing.tree import Tree

_TIME_MAX: Final = (1 << 53) - 1


ITEM_MAX: Final = 64 * 1_048_576
"""Bytes of one object of a list: a message with everything about it has thousands."""


class _Metered:
    """A stream that ends in an error if one item of a list takes too many bytes."""

    def __init__(self, stream: IO[bytes], *, limited: bool) -> None:
        """Without a limit for lists beside which there may be much else."""
        self._stream = stream
        self._limited = limited
        self.since_item = 0

    def read(self, size: int = -1) -> bytes:
        if self._limited and self.since_item > ITEM_MAX:
            raise ValueError(f"one object of more than {ITEM_MAX} bytes")
        part = self._stream.read(size)
        self.since_item += len(part)
        return part


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
    with tree.open(name) as opened:
        stream = _Metered(opened, limited=prefix == "item")
        try:
            for number, value in enumerate(ijson.items(stream, prefix, use_float=True), start=1):
                place = f"{name}: {number}"
                stream.since_item = 0
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
