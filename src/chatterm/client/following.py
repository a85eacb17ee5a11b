"""Reading logs onward from a position: which chats have news, and the next events without a hole between them."""

import asyncio
from collections.abc import Callable
from typing import Final

from chatproto.models import LogEvent
from chatterm.client.model import (
    CacheReset,
    ConnectionChanged,
    EntriesChanged,
    EventsStored,
    Link,
    Notice,
)
from chatterm.client.ports import Engine

PAGE: Final = 200
"""Events looked at in one step; also the longest range that is asked for at once."""


def onward(engine: Engine, chat_id: int, after: int) -> list[LogEvent]:
    """The next cached events after a seq, ascending and without a hole but for what was removed, at most `PAGE`.

    Nothing if the next one is missing; then it is asked for, and a notice tells when it has come.
    """
    cache = engine.cache
    after = max(after, cache.floor(chat_id))
    last = min(cache.head(chat_id), after + PAGE)
    if last <= after:
        return []
    holes = cache.holes(chat_id, after + 1, last)
    if holes:
        engine.fill(chat_id, *holes[0])
        last = holes[0][0] - 1
    return cache.events(chat_id, after + 1, last)


class News:
    """The chats that may have something new, each once, in the order in which that was noticed."""

    def __init__(self, engine: Engine, known: Callable[[], list[int]]) -> None:
        """`known` names the chats to look at when anything may have changed; `close` it at the end."""
        self._known = known
        self._chats: dict[int, None] = {}
        self._wake = asyncio.Event()
        self._unsubscribe = engine.subscribe(self._noticed)
        self.look_everywhere()

    def close(self) -> None:
        """Notice nothing any more. Idempotent."""
        self._unsubscribe()

    def look_everywhere(self) -> None:
        """Look at all chats again."""
        self._chats.update(dict.fromkeys(self._known()))
        self._wake.set()

    def look_at(self, chat_id: int) -> None:
        """Look at a chat again."""
        self._chats[chat_id] = None
        self._wake.set()

    def take(self) -> int | None:
        """The next chat to look at; None if there is no news."""
        chat_id = next(iter(self._chats), None)
        if chat_id is not None:
            del self._chats[chat_id]
        return chat_id

    async def wait(self) -> None:
        """Wait until `take` has something, or until `stop_waiting`."""
        if not self._chats:
            self._wake.clear()
            await self._wake.wait()

    def stop_waiting(self) -> None:
        """End the wait under way."""
        self._wake.set()

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case EventsStored(chat_id):
                self._chats[chat_id] = None
            case EntriesChanged(refs) if refs is not None:
                self._chats.update((ref.id, None) for ref in refs if ref.kind == "chat")
            case ConnectionChanged(status) if status.link is Link.ONLINE:
                self._chats.update(dict.fromkeys(self._known()))
            case EntriesChanged() | CacheReset():
                self._chats.update(dict.fromkeys(self._known()))
            case _:
                return
        self._wake.set()
