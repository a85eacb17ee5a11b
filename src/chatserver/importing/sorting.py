"""Items in the order of their conversations and times, whatever their number: sorted in parts on disk, then merged."""

import heapq
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec

from chatserver.importing.model import Item

_PART_BYTES: Final = 16 * 1_048_576
"""Encoded items kept in memory before they are sorted and written."""
_HEADER: Final = 4

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Item)


class _Sorted(NamedTuple):
    chat: str
    at: int
    number: int
    data: bytes


class SortedItems:
    """Takes items in any order and gives them by conversation and time; those of one time in the order they came."""

    def __init__(self, scratch: Path | None) -> None:
        """`scratch` is a folder with room; what is written there has no name and goes with this process."""
        self._scratch = scratch
        self._waiting: list[_Sorted] = []
        self._waiting_bytes = 0
        self._parts: list[IO[bytes]] = []
        self._count = 0
        self.oldest: dict[str, int] = {}
        """The time of the first item of each conversation."""
        self.people: dict[str, set[str]] = {}
        """Keys of who wrote in each conversation, came, left or was named."""

    def add(self, item: Item) -> None:
        """Take an item. Raises `OSError` if there is no room."""
        data = _encoder.encode(item)
        self._waiting.append(_Sorted(item.chat, item.at, self._count, data))
        self._waiting_bytes += len(data)
        self._count += 1
        self.oldest[item.chat] = min(item.at, self.oldest.get(item.chat, item.at))
        people = self.people.setdefault(item.chat, set())
        people.update((item.author, *item.mentions, *item.added, *item.removed))
        for _, users in item.reactions:
            people.update(users)
        if self._waiting_bytes > _PART_BYTES:
            self._write_part()

    def merged(self) -> Iterator[Item]:
        """All items, in order; may be called once."""
        self._waiting.sort()
        for entry in heapq.merge(*(_read(part) for part in self._parts), self._waiting):
            yield _decoder.decode(entry.data)

    def close(self) -> None:
        """Give the room back. Idempotent."""
        while self._parts:
            self._parts.pop().close()

    def _write_part(self) -> None:
        self._waiting.sort()
        part = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - closed by `close`
        self._parts.append(part)
        for entry in self._waiting:
            data = msgspec.msgpack.encode(entry)
            part.write(len(data).to_bytes(_HEADER, "big"))
            part.write(data)
        part.seek(0)
        self._waiting, self._waiting_bytes = [], 0


def _read(part: IO[bytes]) -> Iterator[_Sorted]:
    while header := part.read(_HEADER):
        yield msgspec.msgpack.decode(part.read(int.from_bytes(header, "big")), type=_Sorted)


def numbered(items: Iterator[Item]) -> Iterator[Item]:
    """Items whose key came before at the same time get a key of their own: two equal lines are two lines."""
    place: tuple[str, int] | None = None
    seen: dict[str, int] = {}
    for item in items:
        if (item.chat, item.at) != place:
            place, seen = (item.chat, item.at), {}
        count = seen[item.key] = seen.get(item.key, 0) + 1
        yield item if count == 1 else msgspec.structs.replace(item, key=f"{item.key} #{count}")
