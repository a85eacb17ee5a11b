"""One search as somebody types it: what is on this device at once, then what the server knows, merged by message."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Final

from chatproto.errors import ChatError, ErrorInfo
from chatproto.rest import SearchHit, SearchPage
from chatproto.search_marks import document_text
from chatproto.search_query import TextTerm, parse
from chatproto.search_text import Phrase, score
from chatterm.client.errors import ClientError
from chatterm.client.finder_thread import Cursor, SearchResults
from chatterm.client.model import Link
from chatterm.client.ports import Engine

PAGE: Final = 50
HITS_MAX: Final = 2_000
"""Nobody reads more: a search that finds so many is to be narrowed."""
HERE_AFTER_S: Final = 0.02
SERVER_AFTER_S: Final = 0.3
"""How long nobody must have typed before the device, and the server, are asked."""
AGAIN_AFTER_S: Final = 0.4
"""How soon a search looks again for what was not indexed yet."""
_SCORED_CHARS: Final = 4_096

Place = tuple[int, int]
"""Chat and seq of a message."""


class Phase(Enum):
    """What one side does."""

    IDLE = auto()
    ASKING = auto()
    DONE = auto()
    OFFLINE = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Side:
    """How far one side is. `incomplete`: it knows that it may have missed something."""

    phase: Phase = Phase.IDLE
    incomplete: bool = False
    more: bool = False
    error: ErrorInfo | None = None


def place_of(hit: SearchHit) -> Place:
    """Where a hit is."""
    return hit.chat_id, hit.message.seq


class Search:
    """The hits of the search last asked for, in order, and how far both sides are.

    An answer to an earlier question is never shown. `changed` is called after each change, on the event loop.
    """

    def __init__(self, engine: Engine, changed: Callable[[], None]) -> None:
        self._engine = engine
        self._changed = changed
        self.text = ""
        self.newest = True
        self.hits: list[SearchHit] = []
        self.here = self.server = Side()
        self.mistake: ErrorInfo | None = None
        """Why the question cannot be understood; then nothing is asked."""
        self._wanted: tuple[Phrase, ...] = ()
        self._found: dict[Place, SearchHit] = {}
        self._keys: dict[Place, tuple[int, ...]] = {}
        self._fresh = False
        self._here_cursor: Cursor | None = None
        self._server_cursor: str | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, text: str, *, newest: bool, at_once: bool = False) -> None:
        """Search for something else; the hits of before stay until the first answer."""
        self._stop()
        self.text, self.newest = text, newest
        self.here = self.server = Side()
        self._here_cursor = self._server_cursor = None
        self.mistake = None
        self._fresh = True
        if not text.strip():
            self._show(())
            return
        try:
            terms = parse(text, time.time_ns() // 1_000)
        except ChatError as error:
            self.mistake = error.info()
            self._changed()
            return
        self._wanted = tuple(term.phrase for term in terms if isinstance(term, TextTerm) and not term.negated)
        self.here = Side(Phase.ASKING)
        self._start("here", self._ask_here(0.0 if at_once else HERE_AFTER_S))
        self.ask_server(0.0 if at_once else SERVER_AFTER_S)
        self._changed()

    def ask_server(self, after: float = 0.0) -> None:
        """Ask the server, again if it failed; if there is no connection, say so."""
        if not self.text.strip() or self.mistake is not None:
            return
        if self._engine.status.link is not Link.ONLINE:
            self.server = Side(Phase.OFFLINE)
            self._changed()
            return
        self.server = Side(Phase.ASKING)
        self._start("server", self._ask_server(after))

    def retry(self) -> None:
        """Ask those again who failed."""
        if self.here.phase is Phase.FAILED:
            self.here = Side(Phase.ASKING)
            self._start("here", self._ask_here(0.0))
        if self.server.phase in (Phase.FAILED, Phase.OFFLINE):
            self.ask_server()
        self._changed()

    def more(self) -> None:
        """Fetch the next pages, if there are any and none is on its way."""
        if len(self.hits) >= HITS_MAX:
            return
        if self.here.phase is Phase.DONE and self._here_cursor is not None:
            self.here = replace(self.here, phase=Phase.ASKING)
            self._start("here", self._ask_here(0.0))
        if self.server.phase is Phase.DONE and self._server_cursor is not None:
            self.server = replace(self.server, phase=Phase.ASKING)
            self._start("server", self._ask_server(0.0))

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return Phase.ASKING in (self.here.phase, self.server.phase)

    def look_again(self) -> None:
        """Take changes of the messages found from the cache: what was deleted meanwhile is no hit any more."""
        by_chat: dict[int, list[int]] = {}
        for chat_id, seq in self._found:
            by_chat.setdefault(chat_id, []).append(seq)
        for chat_id, seqs in by_chat.items():
            for seq, message in self._engine.cache.messages(chat_id, seqs).items():
                if message.deleted:
                    del self._found[chat_id, seq]
        self._sort()

    def close(self) -> None:
        """Ask no more; the hits stay."""
        self._stop()

    # --- within

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        before = self._tasks.pop(name, None)
        if before is not None:
            before.cancel()
        self._tasks[name] = asyncio.create_task(work, name=f"search {name}")

    def _stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _ask_here(self, after: float) -> None:
        await asyncio.sleep(after)

        async def asked() -> Side:
            cursor = self._here_cursor
            found: SearchResults = await self._engine.finder.search(
                self.text, limit=PAGE, newest=self.newest, before=cursor
            )
            self._here_cursor = found.cursor
            self._add(found.hits)
            if found.incomplete and found.cursor is None and len(self.hits) < HITS_MAX:
                self._here_cursor = found.resume if self.newest else None
                again.append(AGAIN_AFTER_S)
            return Side(Phase.DONE, found.incomplete, found.cursor is not None)

        again: list[float] = []
        self.here = await _outcome(asked())
        self._settled()
        for delay in again:  # what was not indexed yet is found when it is
            self._tasks["here"] = asyncio.create_task(self._ask_here(delay), name="search here")

    async def _ask_server(self, after: float) -> None:
        await asyncio.sleep(after)

        async def asked() -> Side:
            page: SearchPage = await self._engine.server.search(
                self.text, newest=self.newest, limit=PAGE, cursor=self._server_cursor
            )
            self._server_cursor = page.cursor if page.has_more else None
            self._add(page.hits)
            return Side(Phase.DONE, page.incomplete, self._server_cursor is not None)

        self.server = await _outcome(asked())
        self._settled()

    def _settled(self) -> None:
        if self._fresh and not self.busy:  # both failed or were not asked: what is shown answers another question
            self._show(())
        else:
            self._changed()

    def _add(self, hits: Iterable[SearchHit]) -> None:
        """Merge hits into those of the same question; of one message, the newer state stays."""
        if self._fresh:
            self._fresh = False
            self._found.clear()
            self._keys.clear()
        for hit in hits:
            known = self._found.get(place_of(hit))
            if known is None or known.message.rev < hit.message.rev:
                self._found[place_of(hit)] = hit
                self._keys[place_of(hit)] = self._key(hit)
        self._sort()

    def _show(self, hits: Iterable[SearchHit]) -> None:
        self._fresh = True
        self._add(hits)
        self._changed()

    def _sort(self) -> None:
        self.hits = sorted(self._found.values(), key=lambda hit: self._keys[place_of(hit)], reverse=True)

    def _key(self, hit: SearchHit) -> tuple[int, ...]:
        """The later in order, the less; the server puts hits in the same order."""
        message = hit.message
        points = 0
        if not self.newest:
            words = document_text(message.sender_id, message.text, has_files=bool(message.files))
            points = score(words[:_SCORED_CHARS].split(), self._wanted)
        return points, message.at, hit.chat_id, message.seq


async def _outcome(asked: Awaitable[Side]) -> Side:
    try:
        return await asked
    except (ChatError, ClientError) as error:
        info = error.info()
        offline = info.code in ("notConnected", "unreachable", "connectionLost")
        return Side(Phase.OFFLINE if offline else Phase.FAILED, error=info)
    except asyncio.CancelledError:
        raise
    except Exception as error:  # whatever it is, a search must not look as if it went on for ever
        problem = f"The search failed: {type(error).__name__}: {error}."
        return Side(Phase.FAILED, error=ErrorInfo(code="internal", message=problem, hint="Try again."))
