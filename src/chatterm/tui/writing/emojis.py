"""Emoji by their names: `:smile:` as it is known everywhere; the list is loaded when it is first needed."""

import asyncio
import re
from collections.abc import Callable
from typing import Final, NamedTuple

_NAME: Final = re.compile(r"(?<![\w:]):([a-zA-Z0-9_+\-]{1,60}):(?!\w)")
_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
"""What is shown as it was written."""
_FULLY_QUALIFIED: Final = 2
_TONE: Final = "skin_tone"


class Emoji(NamedTuple):
    """An emoji and one of its names, without colons."""

    name: str
    char: str


class Emojis:
    """All names of all emoji; empty until they are loaded."""

    def __init__(self) -> None:
        self._by_name: dict[str, str] = {}
        self._plain: list[Emoji] = []
        self._loading: asyncio.Task[None] | None = None

    @property
    def loaded(self) -> bool:
        return bool(self._by_name)

    def char(self, name: str) -> str | None:
        """The emoji of a name, without colons; None if there is none, or while they are not loaded."""
        return self._by_name.get(name) or self._by_name.get(name.lower())

    def search(self, needle: str, limit: int = 40) -> list[Emoji]:
        """Emoji one of whose names holds the needle: the name itself first, then those that begin with it.

        Skin tones are found only by a needle that asks for them.
        """
        needle = needle.lower().replace("-", "_") if needle not in self._by_name else needle
        names = self._plain if "tone" not in needle else [Emoji(*pair) for pair in self._by_name.items()]
        found = [(rank, len(each.name), each) for each in names if (rank := _rank(needle, each.name)) is not None]
        found.sort()
        unique = {each.char: each for _, _, each in reversed(found)}
        return [each for _, _, each in found if unique[each.char] is each][:limit]

    def replace(self, text: str) -> str:
        """The text with every name between colons replaced, but within code."""
        parts, last = [], 0
        for code in _CODE.finditer(text):
            parts += [self._replace(text[last : code.start()]), code.group()]
            last = code.end()
        return "".join((*parts, self._replace(text[last:])))

    def _replace(self, text: str) -> str:
        return _NAME.sub(lambda found: self.char(found.group(1)) or found.group(), text)

    async def load(self) -> None:
        """Load the list, in a thread; returns when it is there. Idempotent."""
        if not self.loaded:
            self._by_name, self._plain = await asyncio.to_thread(_load)

    def load_now(self) -> None:
        """Load the list and wait for it: some 0.1 s, once, for a key that means what is in it."""
        if not self.loaded:
            self._by_name, self._plain = _load()

    def load_soon(self, done: Callable[[], None]) -> None:
        """Load the list in the background, and call `done` on this event loop when it is there."""
        if self._loading is None and not self.loaded:
            self._loading = asyncio.create_task(self._load_and_tell(done))

    async def _load_and_tell(self, done: Callable[[], None]) -> None:
        await self.load()
        self._loading = None
        done()


def names_any(text: str) -> bool:
    """Whether a text may hold a name of an emoji."""
    return _NAME.search(text) is not None


def _rank(needle: str, name: str) -> int | None:
    if name == needle:
        return 0
    at = name.find(needle)
    if at < 0:
        return None
    if at == 0:
        return 1
    return 2 if name[at - 1] in "_-" else 3


def _load() -> tuple[dict[str, str], list[Emoji]]:
    from emoji import EMOJI_DATA  # noqa: PLC0415 - thousands of entries, wanted by few messages

    by_name: dict[str, str] = {}
    for char, data in EMOJI_DATA.items():
        if data["status"] <= _FULLY_QUALIFIED:
            for name in (data["en"], *data.get("alias", ())):
                by_name.setdefault(name.strip(":"), char)
    return by_name, [Emoji(name, char) for name, char in by_name.items() if _TONE not in name]
