"""What is true only at this moment: who of those on screen is there, who is writing, and what we say of ourselves."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from chatproto import limits
from chatproto.frames import Away, ClientFrame, Presence, TypingNow, Watch
from chatterm.client.model import Notice, PresenceChanged, PresenceState, ReadersChanged, TypingChanged, UserPresence

TYPING_EVERY_S: Final = 3.0
"""While somebody writes, the server is told this often."""
_OFFLINE: Final = UserPresence(PresenceState.OFFLINE)


class Signals:
    """What the server says of watched users and chats. Nothing of it is stored; unknown means offline and silent."""

    def __init__(self, notify: Callable[[Notice], None]) -> None:
        self._notify = notify
        self._present: dict[int, UserPresence] = {}
        self._typing: dict[int, tuple[int, ...]] = {}
        self._readers: dict[int, dict[int, int]] = {}
        self._furthest: dict[int, list[int]] = {}
        self._asked: set[int] = set()

    def presence(self, user_id: int) -> UserPresence:
        """Whether a watched user is there, and if not, when they were seen last."""
        return self._present.get(user_id, _OFFLINE)

    def typing(self, chat_id: int) -> tuple[int, ...]:
        """Who writes in a watched chat."""
        return self._typing.get(chat_id, ())

    def take_presence(self, frame: Presence) -> None:
        """Take over what the server says of these users."""
        seen = dict(frame.last_seen)
        told: dict[int, UserPresence] = {}
        for user_ids, state in (
            (frame.offline, PresenceState.OFFLINE),
            (frame.away, PresenceState.AWAY),
            (frame.online, PresenceState.ONLINE),
        ):
            told.update((user_id, UserPresence(state, seen.get(user_id, 0))) for user_id in user_ids)
        changed = frozenset(user_id for user_id, presence in told.items() if self.presence(user_id) != presence)
        self._present.update(told)
        if changed:
            self._notify(PresenceChanged(changed))

    def take_typing(self, chat_id: int, user_ids: Sequence[int]) -> None:
        """These users write in the chat now, and nobody else."""
        if tuple(user_ids) != self.typing(chat_id):
            self._typing[chat_id] = tuple(user_ids)
            self._notify(TypingChanged(chat_id))

    def take_readers(self, chat_id: int, seen: Iterable[tuple[int, int]], *, whole: bool = False) -> None:
        """Others have read as far as these pairs of user id and seq say; `whole`: and of nobody more is known."""
        if whole:
            self._asked.add(chat_id)
        known = self._readers.setdefault(chat_id, {})
        news = {user_id: seq for user_id, seq in seen if seq > known.get(user_id, 0)}
        if news:
            known.update(news)
            self._furthest[chat_id] = sorted(known.values())
            self._notify(ReadersChanged(chat_id))

    def seen_count(self, chat_id: int, seq: int) -> int:
        """How many others are known to have seen a message of a watched chat."""
        furthest = self._furthest.get(chat_id, [])
        return len(furthest) - bisect_left(furthest, seq)

    def knows_readers(self, chat_id: int) -> bool:
        """Whether all readers of a chat have been told since this connection began."""
        return chat_id in self._asked

    def said(self, chat_id: int, user_ids: Iterable[int]) -> None:
        """Messages of these users have come: they are not writing those any more."""
        gone = set(user_ids)
        self.take_typing(chat_id, [user_id for user_id in self.typing(chat_id) if user_id not in gone])

    def keep(self, user_ids: Sequence[int], chat_ids: Sequence[int]) -> None:
        """Forget everybody who is not watched any more."""
        self._present = {user_id: self._present[user_id] for user_id in user_ids if user_id in self._present}
        self._typing = {chat_id: self._typing[chat_id] for chat_id in chat_ids if chat_id in self._typing}
        for chat_id in self._readers.keys() - set(chat_ids):
            del self._readers[chat_id]
            self._furthest.pop(chat_id, None)
            self._asked.discard(chat_id)

    def clear(self) -> None:
        """The connection is gone: nothing is known any more, but how far others had read, which never goes back."""
        self._asked.clear()
        there = frozenset(self._present)
        silent = list(self._typing)
        self._present.clear()
        self._typing.clear()
        if there:
            self._notify(PresenceChanged(there))
        for chat_id in silent:
            self._notify(TypingChanged(chat_id))


class OwnSignals:
    """What this client wants the server to know: what is on screen, whether somebody is here, where they write.

    The newest of each counts. What a connection has not been told yet is said on it; typing is never said later.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._changed = asyncio.Event()
        self.user_ids: tuple[int, ...] = ()
        self.chat_ids: tuple[int, ...] = ()
        self._away = False
        self._typing: TypingNow | None = None
        self._typing_told: tuple[int, float] | None = None
        self._watch_told: Watch | None = None
        self._away_told = False

    def watch(self, user_ids: Sequence[int], chat_ids: Sequence[int]) -> None:
        """What is on screen; more than the protocol allows is left out."""
        self.user_ids = tuple(user_ids)[: limits.WATCH_MAX]
        self.chat_ids = tuple(chat_ids)[: limits.WATCHED_CHATS_MAX]
        self._changed.set()

    def away(self, away: bool) -> None:
        """Nobody is at this device, or somebody is again."""
        self._away = away
        self._changed.set()

    def typing(self, chat_id: int, *, on: bool) -> None:
        """Somebody writes here in this chat, or (`on` false) not any more; may be called at every key."""
        told = self._typing_told
        if on and told is not None and told[0] == chat_id and self._clock() - told[1] < TYPING_EVERY_S:
            return
        if not on and (told is None or told[0] != chat_id):
            return
        self._typing_told = (chat_id, self._clock()) if on else None
        self._typing = TypingNow(chat_id=chat_id, on=on)
        self._changed.set()

    def connected(self) -> None:
        """A new connection has been told nothing yet."""
        self._watch_told = self._typing = self._typing_told = None
        self._away_told = False
        self._changed.set()

    async def next_frames(self) -> list[ClientFrame]:
        """Wait until there is something to say; what it is, each frame once."""
        await self._changed.wait()
        self._changed.clear()
        frames: list[ClientFrame] = []
        watch = Watch(user_ids=list(self.user_ids), chat_ids=list(self.chat_ids))
        if watch != (self._watch_told or Watch(user_ids=[])):
            self._watch_told = watch
            frames.append(watch)
        if self._away != self._away_told:
            self._away_told = self._away
            frames.append(Away(away=self._away))
        if self._typing is not None:
            frames.append(self._typing)
            self._typing = None
        return frames
