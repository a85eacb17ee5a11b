"""Who is online, told only to those who watch; a user is online until the last device is gone, with a short grace."""

import asyncio
from collections import Counter
from collections.abc import Iterable

from chatproto.frames import Presence as PresenceFrame
from chatserver.realtime.coalesce import Coalesced
from chatserver.realtime.packing import pack
from chatserver.realtime.session import Session


class Presence:
    """Counts sessions per user and tells watchers of changes, at most one frame per watcher and interval."""

    def __init__(self, *, interval: float, grace: float) -> None:
        """`interval`: seconds over which changes are gathered; `grace`: seconds a user may be away unnoticed."""
        self._grace = grace
        self._sessions: Counter[int] = Counter()
        self._online: set[int] = set()
        self._leaving: dict[int, asyncio.TimerHandle] = {}
        self._watchers: dict[int, set[Session]] = {}
        self._changed: set[int] = set()
        self._tell = Coalesced(interval, self._tell_watchers)

    def arrived(self, session: Session) -> None:
        """A session was greeted."""
        user_id = session.user_id
        self._sessions[user_id] += 1
        timer = self._leaving.pop(user_id, None)
        if timer is not None:
            timer.cancel()
        if user_id not in self._online:
            self._online.add(user_id)
            self._note(user_id)

    def left(self, session: Session) -> None:
        """A greeted session ended."""
        self.watch(session, ())
        user_id = session.user_id
        self._sessions[user_id] -= 1
        if self._sessions[user_id] <= 0:
            del self._sessions[user_id]
            loop = asyncio.get_running_loop()
            self._leaving[user_id] = loop.call_later(self._grace, self._gone, user_id)

    def watch(self, session: Session, user_ids: Iterable[int]) -> None:
        """Replace the users a session watches."""
        wanted = frozenset(user_ids)
        for user_id in session.watching - wanted:
            watchers = self._watchers[user_id]
            watchers.discard(session)
            if not watchers:
                del self._watchers[user_id]
        for user_id in wanted - session.watching:
            self._watchers.setdefault(user_id, set()).add(session)
        session.watching = wanted

    def tell_all(self, session: Session) -> None:
        """Send a session the state of every user it watches; every one of them is named."""
        online = session.watching & self._online
        offline = session.watching - online
        session.outbox.offer_ephemeral(pack(PresenceFrame(online=sorted(online), offline=sorted(offline))))

    def close(self) -> None:
        """Stop all timers."""
        self._tell.close()
        for timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()

    def _gone(self, user_id: int) -> None:
        del self._leaving[user_id]
        self._online.discard(user_id)
        self._note(user_id)

    def _note(self, user_id: int) -> None:
        if user_id in self._watchers:
            self._changed.add(user_id)
            self._tell.poke()

    def _tell_watchers(self) -> None:
        changed, self._changed = self._changed, set()
        news: dict[Session, tuple[list[int], list[int]]] = {}
        for user_id in changed:
            side = 0 if user_id in self._online else 1
            for session in self._watchers.get(user_id, ()):
                news.setdefault(session, ([], []))[side].append(user_id)
        for session, (online, offline) in news.items():
            session.outbox.offer_ephemeral(pack(PresenceFrame(online=online, offline=offline)))
