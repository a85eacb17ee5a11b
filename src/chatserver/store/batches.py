"""The writes that come in masses, messages and seen markers: a whole batch in a fixed number of statements."""

from collections.abc import Sequence
from typing import NamedTuple

from chatproto.errors import ChatError, ErrorInfo
from chatproto.models import Message, event_id
from chatserver.store import extras, references, sql
from chatserver.store.areas import membership
from chatserver.store.base import ChatCommit, NewMessage, SeenMoved, Stored
from chatserver.store.extras import origin_of
from chatserver.store.references import References
from chatserver.store.writes import Transaction

_NOT_MEMBER = ChatError("notMember").info()
_CONFLICT = ChatError("clientIdConflict").info()


class _Earlier(NamedTuple):
    """A message that already has its place."""

    chat_id: int
    seq: int
    at: int
    text: str
    extra: str | None
    removed: bytes | None = None
    """Its digest as sent, if it has been removed since."""

    def holds(self, message: NewMessage) -> bool:
        """Whether it was sent with the same content, whatever has become of it since."""
        if self.removed is not None:
            return self.removed == origin_of(message.client_id, message.text, message.more)
        if self.extra is None:
            return message.more is None and self.text == message.text
        return extras.decode(self.extra).origin == origin_of(message.client_id, message.text, message.more)


class _Appender:
    """Gives each message of one transaction its place, in order, then writes them all at once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._earlier: dict[tuple[int, bytes], _Earlier] = {}
        self._directs: dict[tuple[int, int], int | ErrorInfo] = {}
        self._heads: dict[int, tuple[int, int]] = {}
        self._members: set[tuple[int, int]] = set()
        self._events: dict[int, list[Message]] = {}
        self._rows: list[tuple[object, ...]] = []
        self._has_references = False
        self._references = References(tx)

    async def append(self, messages: Sequence[NewMessage]) -> list[Stored | ErrorInfo]:
        for row in await self._tx.sent_before({(message.sender_id, message.client_id) for message in messages}):
            self._earlier[row[0], bytes(row[1])] = _Earlier(*row[2:])
        await self._open_directs(messages)
        pairs = {(message.sender_id, chat_id) for message in messages if (chat_id := self._chat_of(message))}
        rich = [
            (message, chat_id)
            for message in messages
            if message.more is not None and (chat_id := self._chat_of(message))
        ]
        if rich:
            pairs |= await self._references.load(rich)
        for user_id, chat_id, head, head_at, _seen, _useq in await self._tx.memberships(pairs):
            self._members.add((user_id, chat_id))
            self._heads[chat_id] = (head, head_at)
        results = [self._place(message) for message in messages]
        await self._write()
        return results

    async def _open_directs(self, messages: Sequence[NewMessage]) -> None:
        for message in messages:
            if message.peer_id is None:
                continue
            people = (message.sender_id, message.peer_id)
            if people in self._directs or (message.sender_id, message.client_id) in self._earlier:
                continue
            try:
                self._directs[people] = await membership.direct_chat(self._tx, *people)
            except ChatError as error:
                self._directs[people] = error.info()
        await self._find_directs_of_earlier(messages)

    async def _find_directs_of_earlier(self, messages: Sequence[NewMessage]) -> None:
        # A repeated message needs its chat only for the comparison; it must not make one.
        for message in messages:
            if message.peer_id is not None and (message.sender_id, message.peer_id) not in self._directs:
                low, high = sorted((message.sender_id, message.peer_id))
                found = await self._tx.all(sql.DIRECT_CHAT, low, high)
                self._directs[message.sender_id, message.peer_id] = found[0][0] if found else _CONFLICT

    def _chat_of(self, message: NewMessage) -> int | None:
        if message.peer_id is None:
            return message.chat_id
        chat = self._directs[message.sender_id, message.peer_id]
        return chat if isinstance(chat, int) else None

    def _place(self, message: NewMessage) -> Stored | ErrorInfo:
        key = (message.sender_id, message.client_id)
        chat_id = self._chat_of(message)
        earlier = self._earlier.get(key)
        if earlier is not None:
            if earlier.chat_id == chat_id and earlier.holds(message):
                return Stored(chat_id, earlier.seq, earlier.at, duplicate=True)
            return _CONFLICT
        if chat_id is None:
            refusal = self._directs[message.sender_id, message.peer_id] if message.peer_id is not None else _NOT_MEMBER
            assert isinstance(refusal, ErrorInfo)
            return refusal
        if (message.sender_id, chat_id) not in self._members:
            return _NOT_MEMBER
        head, head_at = self._heads[chat_id]
        seq, at = head + 1, max(self._tx.now, head_at + 1)
        event = Message(
            id=event_id(chat_id, seq),
            seq=seq,
            at=at,
            sender_id=message.sender_id,
            client_id=message.client_id,
            text=message.text,
        )
        extra = None
        if message.more is not None:
            try:
                event = self._references.complete(event, message.more, chat_id, self._members)
            except ChatError as error:
                return error.info()
            extra = extras.encode(event, origin_of(message.client_id, message.text, message.more))
            self._has_references = True
        self._heads[chat_id] = (seq, at)
        self._earlier[key] = _Earlier(chat_id, seq, at, message.text, extra)
        self._events.setdefault(chat_id, []).append(event)
        self._rows.append((chat_id, seq, at, message.sender_id, message.client_id, event.text, extra))
        return Stored(chat_id, seq, at)

    async def _write(self) -> None:
        if not self._events:
            return
        await self._tx.many(sql.INSERT_MESSAGE, self._rows)
        await self._tx.many(sql.SET_HEAD, [(chat_id, *self._heads[chat_id]) for chat_id in self._events])
        if self._has_references:
            await references.write(self._tx, self._events)
        self._tx.changes.chats.extend(ChatCommit(chat_id, list(events)) for chat_id, events in self._events.items())


async def append(tx: Transaction, messages: Sequence[NewMessage]) -> list[Stored | ErrorInfo]:
    """Store messages in order, exactly once by (sender, client id); one result for each."""
    return await _Appender(tx).append(messages)


class SeenRequest(NamedTuple):
    """A user has seen a chat up to `seq`."""

    user_id: int
    chat_id: int
    seq: int


async def mark_seen(tx: Transaction, requests: Sequence[SeenRequest]) -> list[ErrorInfo | None]:
    """Move seen markers forward, never past the head; None or the refusal for each."""
    wanted: dict[tuple[int, int], int] = {}
    for user_id, chat_id, seq in requests:
        wanted[user_id, chat_id] = max(seq, wanted.get((user_id, chat_id), 0))
    members = set()
    positions: dict[int, int] = {}
    moved: dict[tuple[int, int], tuple[int, int]] = {}
    for user_id, chat_id, head, _head_at, seen, useq in await tx.memberships(wanted):
        members.add((user_id, chat_id))
        target = min(wanted[user_id, chat_id], head)
        if target > seen:
            position = positions[user_id] = positions.get(user_id, int(useq)) + 1
            moved[user_id, chat_id] = (target, position)
    if moved:
        await _move_seen(tx, moved)
    return [None if (user_id, chat_id) in members else _NOT_MEMBER for user_id, chat_id, _ in requests]


async def _move_seen(tx: Transaction, moved: dict[tuple[int, int], tuple[int, int]]) -> None:
    await tx.many(sql.SET_SEEN, [(*pair, seq) for pair, (seq, _) in moved.items()])
    await tx.many(sql.SET_USEQ, [(user_id, useq) for (user_id, _), (_, useq) in moved.items()])
    await tx.many(sql.SET_LOG, [(*pair, "seen", useq) for pair, (_, useq) in moved.items()])
    for user_id, chat_id, _head, _head_at, seen, unread, mentions, *_ in await tx.heads_of(moved):
        useq = moved[user_id, chat_id][1]
        tx.changes.seen.append(SeenMoved(user_id, chat_id, seen, useq, unread, mentions))
