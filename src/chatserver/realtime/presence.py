"""Who is there, told only to those who watch: online, away or offline over all devices of a user."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from chatproto.frames import Presence as PresenceFrame
from chatserver.realtime.coalesce import Coalesced
from chatserver.realtime.expiry import Expiring
from chatserver.realtime.last_seen import LastSeen
from chatserver.realtime.packing import pack
from chatserver.realtime.session import Session
from chatserver.realtime.watchers import Watchers

_LOAD_MAX: Final = 1_000
"""Users looked up at a time, before the last session that asks."""


class _State(IntEnum):
    """How much a user is there."""

    OFFLINE = 0
    AWAY = 1
    ONLINE = 2


@dataclass(slots=True)
class _Devices:
    """One user's connections, how many of them are in use, and what watchers were last told."""

    connected: int = 0
    active: int = 0
    shown: _State = _State.OFFLINE

    @property
    def state(self) -> _State:
        return _State.ONLINE if self.active else _State.AWAY if self.connected else _State.OFFLINE


class Presence:
    """Counts devices per user and tells watchers of changes, at most one frame per watcher and interval.

    A lost connection shows only after `grace` seconds, and not at all if the user is back by then.
    """

    def __init__(self, last_seen: LastSeen, *, interval: float, grace: float) -> None:
        """`interval`: seconds over which changes are gathered."""
        self._last_seen = last_seen
        self._users: dict[int, _Devices] = {}
        self._leaving: Expiring[int] = Expiring(grace, self._show)
        self._watchers = Watchers()
        self._changed: set[int] = set()
        self._tell = Coalesced(interval, self._tell_changes)
        self._asking: OrderedDict[Session, None] = OrderedDict()
        self._answering: asyncio.Task[None] | None = None

    def is_active(self, user_id: int) -> bool:
        """Whether somebody is at one of the user's connected devices, as far as they say."""
        devices = self._users.get(user_id)
        return devices is not None and devices.active > 0

    def arrived(self, session: Session) -> None:
        """A session was greeted."""
        devices = self._users.setdefault(session.user_id, _Devices())
        devices.connected += 1
        devices.active += 1
        self._last_seen.note(session.user_id)
        self._show(session.user_id)

    def left(self, session: Session) -> None:
        """A greeted session ended."""
        self.watch(session, ())
        devices = self._users[session.user_id]
        devices.connected -= 1
        if not session.away:
            self._rest(session.user_id, devices)
        if devices.state < devices.shown:
            self._leaving.hold(session.user_id)

    def set_away(self, session: Session, away: bool) -> None:
        """Nobody is at the session's device any more, or somebody is again. Idempotent."""
        if session.away == away:
            return
        session.away = away
        devices = self._users[session.user_id]
        if away:
            self._rest(session.user_id, devices)
        else:
            devices.active += 1
        self._show(session.user_id)

    def watch(self, session: Session, user_ids: Iterable[int]) -> None:
        """Replace the users a session watches."""
        wanted = frozenset(user_ids)
        self._watchers.change(session, session.watched_users, wanted)
        session.watched_users = wanted

    def tell_all(self, session: Session) -> None:
        """Send a session the state of every user it watches, at once or after a look into the store.

        Several calls before the answer have one answer: the state of those watched then.
        """
        if not self._unknown(session):
            self._send_all(session)
            return
        self._asking[session] = None
        if self._answering is None:
            self._answering = asyncio.get_running_loop().create_task(self._answer(), name="presence")

    async def close(self) -> None:
        """Stop all timers. Idempotent."""
        self._tell.close()
        self._leaving.close()
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.wait((self._answering,))

    def _rest(self, user_id: int, devices: _Devices) -> None:
        """One device of the user is in use no more."""
        devices.active -= 1
        if not devices.active:
            self._last_seen.note(user_id)

    def _show(self, user_id: int) -> None:
        self._leaving.drop(user_id)
        devices = self._users[user_id]
        if devices.shown != devices.state:
            devices.shown = devices.state
            if user_id in self._watchers:
                self._changed.add(user_id)
                self._tell.poke()
        if not devices.connected:
            del self._users[user_id]

    def _shown(self, user_id: int) -> _State:
        devices = self._users.get(user_id)
        return devices.shown if devices else _State.OFFLINE

    def _tell_changes(self) -> None:
        changed, self._changed = self._changed, set()
        news: dict[Session, list[int]] = {}
        for user_id in changed:
            for session in self._watchers.of(user_id):
                news.setdefault(session, []).append(user_id)
        for session, user_ids in news.items():
            session.outbox.offer_ephemeral(pack(self._frame(user_ids)))

    def _send_all(self, session: Session) -> None:
        session.outbox.offer_ephemeral(pack(self._frame(sorted(session.watched_users))))

    def _frame(self, user_ids: Iterable[int]) -> PresenceFrame:
        sides: tuple[list[int], list[int], list[int]] = ([], [], [])
        last_seen = []
        for user_id in user_ids:
            state = self._shown(user_id)
            sides[state].append(user_id)
            if state is not _State.ONLINE and (at := self._last_seen.known(user_id)):
                last_seen.append((user_id, at))
        offline, away, online = sides
        return PresenceFrame(online=online, away=away, offline=offline, last_seen=last_seen)

    def _unknown(self, session: Session) -> list[int]:
        known, shown = self._last_seen.known, self._shown
        return [
            user_id
            for user_id in session.watched_users
            if known(user_id) is None and shown(user_id) is not _State.ONLINE
        ]

    async def _answer(self) -> None:
        """Look up what memory does not say, for several sessions at a time, and answer them."""
        try:
            while self._asking:
                sessions: list[Session] = []
                unknown: set[int] = set()
                while self._asking and len(unknown) < _LOAD_MAX:
                    session, _ = self._asking.popitem(last=False)
                    sessions.append(session)
                    unknown.update(self._unknown(session))
                await self._last_seen.load(unknown)
                for session in sessions:
                    self._send_all(session)
        finally:
            self._answering = None
