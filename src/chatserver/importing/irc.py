"""What logs of IRC clients share: nicks, formatting codes, encodings, and lines that become items."""

import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO, Final

from chatserver.importing.model import Conversation, Item, Notes, Person
from chatserver.importing.tree import Tree

LINE_MAX: Final = 1_048_576
"""Bytes of one line; a longer one is cut there."""
_CODES: Final = re.compile("\x03(?:\\d{1,2}(?:,\\d{1,2})?)?|\x04(?:[0-9a-fA-F]{6})?|[\x02\x0f\x11\x16\x1d\x1e\x1f]")
"""Bold, colours and the like (modern.ircdocs.horse/formatting)."""
_MODES: Final = "~&@%+! "
_BACK_US: Final = 3 * 3_600_000_000
"""How far a clock may be put back without what was said later coming to stand earlier: the end of summer time."""


class Encoding:
    """Decodes lines: as UTF-8, and those that are not by another encoding."""

    def __init__(self, name: str) -> None:
        """Raises `LookupError` for an unknown encoding."""
        "".encode(name)
        self._name = name

    def decode(self, line: bytes, place: str, notes: Notes) -> str:
        """The text; what neither encoding has becomes U+FFFD."""
        try:
            return line.decode()
        except UnicodeDecodeError:
            notes.skip(f"lines that were not UTF-8, read as {self._name}", place)
            return line.decode(self._name, "replace")


class Line:
    """One line of a log file and where it stands."""

    __slots__ = ("place", "text")

    def __init__(self, text: str, place: str) -> None:
        self.text = text
        self.place = place


class Log:
    """Makes items of what was said in one conversation. People are nicks of one network."""

    def __init__(self, network: str, channel: str) -> None:
        self.network = network
        self.channel = channel
        self.key = f"{network}/{channel}".casefold()
        self.nicks: dict[str, str] = {}
        self._last = 0

    def conversation(self) -> Conversation:
        """The chat that the log becomes."""
        title = f"{self.channel} ({self.network})" if self.network else self.channel
        return Conversation(key=self.key, title=title)

    def item(self, at: int, nick: str, text: str, place: str, *, action: bool = False) -> Iterator[Person | Item]:
        """Something that was said, or done with `/me`; and its author, if new."""
        name = nick.strip().lstrip(_MODES) or "unknown"
        author = f"{name.casefold()}@{self.network.casefold()}"
        if author not in self.nicks:
            self.nicks[author] = name
            yield Person(author, name, disabled=True, is_member=False)
        at = self._last if self._last - _BACK_US <= at < self._last else at
        self._last = at
        clean = _CODES.sub("", text)
        digest = blake2b(f"{name}\n{text}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
        yield Item(self.key, digest, at, author, place, text="/me " + clean if action else clean)


def lines(tree: Tree, name: str, encoding: Encoding, notes: Notes) -> Iterator[Line]:
    """The lines of a file, without their ends."""
    with tree.open(name) as stream:
        yield from _lines(stream, name, encoding, notes)


def _lines(stream: IO[bytes], name: str, encoding: Encoding, notes: Notes) -> Iterator[Line]:
    number = 0
    while data := stream.readline(LINE_MAX):
        number += 1
        place = f"{name}:{number}"
        if len(data) == LINE_MAX and not data.endswith(b"\n"):
            notes.skip(f"the rest of lines of more than {LINE_MAX} bytes", place)
            while (rest := stream.readline(LINE_MAX)) and not rest.endswith(b"\n"):
                pass
        yield Line(encoding.decode(data.rstrip(b"\r\n"), place, notes), place)
