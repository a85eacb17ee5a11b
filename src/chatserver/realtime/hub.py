"""The hub: which session hears what, and the fan-out of every durable commit."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from time import perf_counter
from typing import Final, NamedTuple

from chatproto import limits
from chatproto.errors import ChatError, CloseCode
from chatproto.frames import Events, Joined, Left, Removed, Seen, ServerFrame, UsersChanged
from chatproto.models import LogEvent, Message, MessageChanged
from chatserver import measures
from chatserver.heavy import FadingTotals
from chatserver.realtime.coalesce import Coalesced
from chatserver.realtime.heads import HeadsRepeater
from chatserver.realtime.packing import pack
from chatserver.realtime.session import Session
from chatserver.realtime.signals import Signals
from chatserver.store.base import ChatCommit, Commit, JoinedUser, LeftUser, SeenMoved
from chatserver.store.interfaces.retention import ToldFloor

_NOBODY: frozenset[Session] = frozenset()

_events = measures.counter("chatserver_events", "Events that were added to chats' logs, most of them messages.")
_deliveries = measures.counter("chatserver_deliveries", "Events given to sessions of a chat's members.")
_frames = measures.counter("chatserver_fan_out_frames", "Frames in which events were given to sessions.")
_bytes = measures.counter("chatserver_fan_out_bytes", "Bytes of these frames.")
_delay = measures.histogram(
    "chatserver_commit_to_delivery_seconds", "From a commit's being durable until it is written to every session."
)
_whole_delay = measures.histogram(
    "chatserver_receive_to_delivery_seconds",
    "From a commit's first message's arrival until all is written to sessions.",
)
_largest_wait = measures.histogram(
    "chatserver_outbox_high_water_bytes",
    "The most that ever waited for a session, counted when it ends.",
    (0.0, 4_096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0),
)

_ADDITION_WEIGHT = 1024
_REACTIONS_WEIGHT = 16 * 1024
_OTHER_WEIGHT = 64 * 1024
_FULL_RETRY_S: Final = 10.0
"""Seconds after which who has too many connections may try again; a dead one is dropped within 45."""


class BusyChat(NamedTuple):
    """What came of a chat a minute lately, and the sessions that hear it now."""

    chat_id: int
    events: float
    deliveries: float
    sessions: int


class Hub:
    """Knows every live session of this process. All methods belong to the event loop's thread.

    Every session of a chat gets the events of a commit exactly once and in `seq` order, or its connection
    is closed. Everything for one chat and commit is encoded once.
    """

    def __init__(self, *, signals: Signals, user_sockets: int, heads_interval: float, users_interval: float) -> None:
        """`user_sockets`: sessions that one user may have attached at a time.

        `users_interval`: seconds over which changes of the users' list are gathered.
        """
        self._signals = signals
        self._user_sockets = user_sockets
        self._by_user: dict[int, set[Session]] = {}
        self._by_chat: dict[int, set[Session]] = {}
        self._by_session: dict[int, set[Session]] = {}
        self._users_rev = 0
        self._busiest = FadingTotals()
        self._tell_users = Coalesced(users_interval, self._tell_users_changed)
        self._heads = HeadsRepeater(heads_interval, lambda chat_id: self._by_chat.get(chat_id, _NOBODY))

    def start(self) -> None:
        """Begin the periodic work."""
        self._heads.start()

    async def close(self) -> None:
        """Stop the periodic work. Idempotent."""
        await self._signals.close()
        self._tell_users.close()
        await self._heads.close()

    @property
    def session_count(self) -> int:
        """Live connections of known users."""
        return sum(len(sessions) for sessions in self._by_user.values())

    @property
    def user_count(self) -> int:
        """Users with a live connection."""
        return len(self._by_user)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for sockets that do not keep up."""
        return sum(session.outbox.waiting_bytes for sessions in self._by_user.values() for session in sessions)

    @property
    def largest_waiting_bytes(self) -> int:
        """The most of these that wait for one session."""
        sessions = (session for own in self._by_user.values() for session in own)
        return max((session.outbox.waiting_bytes for session in sessions), default=0)

    def busiest_chats(self, most: int) -> tuple[list[BusyChat], float]:
        """The chats with the most events and deliveries lately, and what any chat may be short of, a minute."""
        chats = [
            BusyChat(key, events, deliveries, len(self._by_chat.get(key, _NOBODY)))
            for key, events, deliveries in self._busiest.top(most)
        ]
        return chats, self._busiest.error()

    def attach(self, session: Session) -> None:
        """From now on the session hears of its user: chats joined and left, seen markers, revocation.

        Raises `tooManyConnections`: those that are there stay, so that devices do not drive each other out.
        """
        own = self._by_user.setdefault(session.user_id, set())
        if len(own) >= self._user_sockets:
            raise ChatError("tooManyConnections", retry_after=_FULL_RETRY_S)
        session.left_early = set()
        own.add(session)
        self._by_session.setdefault(session.session_id, set()).add(session)

    def subscribe(self, session: Session, chat_ids: Iterable[int]) -> None:
        """From now on the session hears the events of its user's chats; called once after `attach`.

        The list was read meanwhile, so a chat that the user has been removed from since `attach` is left out.
        """
        left, session.left_early = session.left_early, None
        self._follow(session, (chat_id for chat_id in chat_ids if not left or chat_id not in left))

    def _follow(self, session: Session, chat_ids: Iterable[int]) -> None:
        for chat_id in chat_ids:
            session.chats.add(chat_id)
            self._by_chat.setdefault(chat_id, set()).add(session)

    def detach(self, session: Session) -> None:
        """The session hears nothing more. Idempotent."""
        for chat_id in session.chats:
            _discard(self._by_chat, chat_id, session)
        session.chats.clear()
        if session in self._by_session.get(session.session_id, _NOBODY):
            _largest_wait.observe(session.outbox.high_water_bytes)
        _discard(self._by_user, session.user_id, session)
        _discard(self._by_session, session.session_id, session)

    def on_commit(self, commit: Commit) -> None:
        """Fan a durable commit out; the store's listener."""
        for session_id in commit.revoked:
            self._end(session_id)
        for joined in commit.joined:
            self._tell_joined(joined)
        self._fan_out_all(commit.chats)
        for left in commit.left:
            self._tell_left(left)
        for moved in commit.seen:
            self._tell_seen(moved)
        for changed in commit.settings:
            self._tell_user(changed.user_id, changed.settings)
        for told in commit.floors:
            self._tell_floor(told)
        if commit.users_rev is not None:
            self._users_rev = max(self._users_rev, commit.users_rev)
            self._tell_users.poke()
        if commit.chats and commit.durable_at is not None:
            _measure(commit.asked_at, commit.durable_at)

    def _end(self, session_id: int) -> None:
        for session in self._by_session.get(session_id, _NOBODY):
            session.revoked = True
            session.link.close(CloseCode.REVOKED, "This session was signed out.")

    def _tell_joined(self, joined: JoinedUser) -> None:
        sessions = self._by_user.get(joined.user_id)
        if sessions:
            frame = pack(Joined(chat=joined.chat, useq=joined.useq))
            for session in sessions:
                self._follow(session, (joined.chat.id,))
                if session.left_early is not None:
                    session.left_early.discard(joined.chat.id)
                session.outbox.offer(frame)

    def _tell_left(self, left: LeftUser) -> None:
        self._signals.on_left(left.chat_id, left.user_id)
        for session in self._by_user.get(left.user_id, _NOBODY):
            session.chats.discard(left.chat_id)
            if session.left_early is not None:
                session.left_early.add(left.chat_id)
            _discard(self._by_chat, left.chat_id, session)
        self._tell_user(left.user_id, Left(chat_id=left.chat_id, useq=left.useq))

    def _tell_seen(self, moved: SeenMoved) -> None:
        seen = Seen(chat_id=moved.chat_id, seq=moved.seq, useq=moved.useq, unread=moved.unread, mentions=moved.mentions)
        self._tell_user(moved.user_id, seen)
        self._signals.readers.moved(moved.chat_id, moved.user_id, moved.seq)

    def _tell_user(self, user_id: int, news: ServerFrame) -> None:
        sessions = self._by_user.get(user_id)
        if sessions:
            frame = pack(news)
            for session in sessions:
                session.outbox.offer(frame)

    def _fan_out_all(self, commits: Sequence[ChatCommit]) -> None:
        weight = self._busiest.weight() if commits else 0.0
        for commit in commits:
            sessions, count = self._by_chat.get(commit.chat_id, _NOBODY), len(commit.events)
            _events.value += count
            self._busiest.add(commit.chat_id, count, count * len(sessions), weight)
            if sessions:
                self._fan_out(commit, sessions)

    def _fan_out(self, commit: ChatCommit, sessions: Collection[Session]) -> None:
        last = commit.events[-1]
        self._heads.note(commit.chat_id, last.seq, last.at)
        for events in _frames_of(commit.events):
            frame = pack(Events(chat_id=commit.chat_id, events=events))
            for session in sessions:
                session.outbox.offer(frame)
            reached = len(sessions)
            _deliveries.value += reached * len(events)
            _frames.value += reached
            _bytes.value += reached * len(frame)
        self._signals.on_events(commit.chat_id, commit.events)

    def _tell_floor(self, told: ToldFloor) -> None:
        floor = told.floor
        sessions = [session for session in self._by_chat.get(floor.chat_id, _NOBODY) if session.hears_floors]
        if sessions:
            frame = pack(Removed(chat_id=floor.chat_id, floor=floor.floor, days=floor.days, rev=told.rev))
            for session in sessions:
                session.outbox.offer(frame)

    def _tell_users_changed(self) -> None:
        frame = pack(UsersChanged(rev=self._users_rev))
        for sessions in self._by_user.values():
            for session in sessions:
                session.outbox.offer(frame)


def _measure(asked_at: float | None, durable_at: float) -> None:
    now = perf_counter()
    _delay.observe(now - durable_at)
    if asked_at is not None:
        _whole_delay.observe(now - asked_at)


def _discard(index: dict[int, set[Session]], key: int, session: Session) -> None:
    sessions = index.get(key)
    if sessions is not None:
        sessions.discard(session)
        if not sessions:
            del index[key]


def _frames_of(events: list[LogEvent]) -> Iterator[list[LogEvent]]:
    """Split events so that the text of each part stays within the cap of one frame."""
    start = size = 0
    for index, event in enumerate(events):
        weight = _weight(event)
        if size + weight > limits.EVENTS_MAX_TEXT_BYTES and index > start:
            yield events[start:index]
            start, size = index, 0
        size += weight
    yield events[start:]


def _weight(event: LogEvent) -> int:
    """Bytes that an event takes in a frame at most, about: counting them exactly would cost an encoding per event."""
    if isinstance(event, Message):  # a character is at most four bytes
        additions = len(event.files) + len(event.mentions)
        return 4 * len(event.text) + (_ADDITION_WEIGHT * additions if additions else 0)
    if isinstance(event, MessageChanged):
        return _weight(event.message) + _REACTIONS_WEIGHT
    return _OTHER_WEIGHT
