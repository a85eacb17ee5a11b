"""The step that appends imported events to a chat's log: original times, each event once, nothing told as new."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from chatproto import limits
from chatproto.models import Forwarded, Message, event_id
from chatserver.store import extras, references, rows, sql
from chatserver.store.extras import origin_of
from chatserver.store.interfaces.imports import LATE_US, Appended, ImportedEvent
from chatserver.store.writes import Transaction

_HEAD: Final = "SELECT head, head_at FROM chats WHERE id = $1"
_INSERT: Final = """
    INSERT INTO events (chat_id, seq, at, sender_id, client_id, kind, body, extra)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"""
_NOTE: Final = "INSERT INTO imported_events (chat_id, key, seq) VALUES ($1, $2, $3)"
_UNFINISHED: Final = "UPDATE imported_chats SET unfinished = 1 WHERE chat_id = $1"
_SEEN: Final = "UPDATE members SET seen_seq = $3 WHERE chat_id = $1 AND seen_seq = $2"
_PINS: Final = "SELECT COUNT(*) FROM pins WHERE chat_id = $1"
_PIN: Final = "INSERT INTO pins (chat_id, seq, pinned_at) VALUES ($1, $2, $3)"
_MESSAGE: Final = f"{sql.MESSAGE} AND seq = $2"
_SET_EXTRA: Final = "UPDATE events SET extra = $3 WHERE chat_id = $1 AND seq = $2"
_SET_DETAILS: Final = """
    UPDATE chats SET title = COALESCE($2, title), topic = COALESCE($3, topic) WHERE id = $1"""
_KEYS_MAX: Final = 512

_MESSAGE_KINDS: Final = frozenset({"message", "deleted"})


async def seqs_of(tx: Transaction, chat_id: int, keys: Collection[bytes]) -> dict[bytes, int]:
    """The places of those events that were imported before."""
    wanted = sorted(keys)
    found: dict[bytes, int] = {}
    for start in range(0, len(wanted), _KEYS_MAX):
        part = wanted[start : start + _KEYS_MAX]
        part += [part[-1]] * (_KEYS_MAX - len(part))  # one statement, prepared once
        found.update((bytes(row[0]), row[1]) for row in await tx.all(look_up(len(part)), chat_id, *part))
    return found


def look_up(count: int) -> str:
    """Which of `count` keys of chat `$1` were imported, and their places."""
    return f"SELECT key, seq FROM imported_events WHERE chat_id = $1 AND key IN ({sql.marks(2, count)})"  # noqa: S608 - parameter marks


async def append(tx: Transaction, chat_id: int, events: Sequence[ImportedEvent]) -> Appended:
    """`ImportStore.import_events`."""
    return await _Importer(tx, chat_id).append(events)


class _Importer:
    """Gives the events of one step their places, then writes them all at once."""

    def __init__(self, tx: Transaction, chat_id: int) -> None:
        self._tx = tx
        self._chat_id = chat_id
        self._head = self._head_at = 0
        self._pins = 0
        self._seqs: dict[bytes, int] = {}
        self._messages: dict[int, Message] = {}
        """Those of this step, and earlier ones that were changed in it, as they will be stored."""
        self._client_ids: dict[int, bytes] = {}
        self._others: list[tuple[object, ...]] = []
        self._details: list[tuple[int, str | None, str | None]] = []
        self._keys: list[tuple[int, bytes, int]] = []
        self._outcome = Appended()

    async def append(self, events: Sequence[ImportedEvent]) -> Appended:
        [(self._head, self._head_at)] = await self._tx.all(_HEAD, self._chat_id)
        before = self._head
        keys = {key for event in events for key in (event.key, event.reply_to, event.target) if key}
        self._seqs = await seqs_of(self._tx, self._chat_id, keys)
        if any(event.pinned for event in events):
            self._pins = int((await self._tx.all(_PINS, self._chat_id))[0][0])
        await self._compare(events)
        for position, event in enumerate(events):
            await self._take(position, event)
        if self._head > before:
            await self._write(before)
        return self._outcome

    async def _compare(self, events: Sequence[ImportedEvent]) -> None:
        """Note which messages that are there the source tells otherwise now."""
        there = {
            self._seqs[event.key]: position
            for position, event in enumerate(events)
            if event.kind == "message" and event.key in self._seqs
        }
        if not there:
            return
        wanted = sql.padded(sorted(there))
        for row in await self._tx.all(sql.messages_at(len(wanted)), self._chat_id, *wanted):
            message = rows.message(self._chat_id, row)
            event = events[there[message.seq]]
            is_same = message.text.endswith(event.text) and message.reactions == list(event.reactions)
            if message.rev == 0 and not message.deleted and not is_same:
                self._outcome.changed.append(there[message.seq])

    async def _take(self, position: int, event: ImportedEvent) -> None:
        if event.key in self._seqs:
            self._outcome.there.append(position)
            return
        target = None
        if event.kind == "changed":
            target = await self._target(self._seqs.get(event.target, 0))
            if target is None:
                self._outcome.lost_targets.append(position)
                return
        late = event.at <= self._head_at - LATE_US and self._head > 0
        seq, at = self._head + 1, max(event.at, self._head_at + 1 if self._head else 0)
        self._head, self._head_at = seq, at
        self._seqs[event.key] = seq
        self._keys.append((self._chat_id, event.key, seq))
        self._outcome.new.append(position)
        if late:
            self._outcome.late.append(position)
        if event.kind in _MESSAGE_KINDS:
            self._messages[seq] = self._message(position, event, seq, at, late=late)
            self._client_ids[seq] = event.key
            return
        body = event.body
        if target is not None:
            self._messages[target.seq] = replace(target, rev=seq)
            body = rows.changed_body(target.seq, event.change, event.emoji)
        elif event.kind == "chatChanged":
            changed = msgspec.json.decode(body, type=rows.ChatBody)
            self._details.append((self._chat_id, changed.title, changed.topic))
        self._others.append((self._chat_id, seq, at, event.sender_id, None, event.kind, body, None))

    def _message(self, position: int, event: ImportedEvent, seq: int, at: int, *, late: bool) -> Message:
        reply_to = self._seqs.get(event.reply_to, 0) if event.reply_to else 0
        if event.reply_to and not reply_to:
            self._outcome.lost_replies.append(position)
        pinned = event.pinned and self._pins < limits.PINS_MAX
        self._pins += pinned
        if event.pinned and not pinned:
            self._outcome.unpinned.append(position)
        return Message(
            id=event_id(self._chat_id, seq),
            seq=seq,
            at=at,
            sender_id=event.sender_id,
            client_id=event.key,
            text=_dated(event) if late and event.kind == "message" else event.text,
            reply_to=reply_to,
            mentions=list(event.mentions),
            mention_all=event.mention_all,
            files=list(event.files),
            forwarded=Forwarded(sender_id=event.forwarded[0], at=event.forwarded[1]) if event.forwarded else None,
            edited_at=event.edited_at,
            deleted=event.kind == "deleted",
            reactions=list(event.reactions),
            pinned=pinned,
        )

    async def _target(self, seq: int) -> Message | None:
        if seq in self._messages:
            return self._messages[seq]
        found = await self._tx.all(_MESSAGE, self._chat_id, seq)
        return rows.message(self._chat_id, found[0]) if found else None

    async def _write(self, before: int) -> None:
        new = [message for seq, message in self._messages.items() if seq > before]
        await self._tx.many(_INSERT, [*self._others, *(self._row(message) for message in new)])
        await self._tx.many(
            _SET_EXTRA,
            [(self._chat_id, seq, _extra(message)) for seq, message in self._messages.items() if seq <= before],
        )
        await self._tx.many(_NOTE, self._keys)
        await self._tx.many(_SET_DETAILS, self._details)
        await self._tx.many(_PIN, [(self._chat_id, message.seq, message.at) for message in new if message.pinned])
        await references.write(self._tx, {self._chat_id: [message for message in new if not message.deleted]})
        await self._tx.all(sql.SET_HEAD, self._chat_id, self._head, self._head_at)
        await self._tx.all(_SEEN, self._chat_id, before, self._head)
        await self._tx.all(_UNFINISHED, self._chat_id)

    def _row(self, message: Message) -> tuple[object, ...]:
        kind = "deleted" if message.deleted else "message"
        place = (self._chat_id, message.seq, message.at, message.sender_id, message.client_id)
        return (*place, kind, message.text, _extra(message))


def _extra(message: Message) -> str | None:
    """What is stored beside the text; nothing for a plain message."""
    plain = Message(
        id=message.id,
        seq=message.seq,
        at=message.at,
        sender_id=message.sender_id,
        client_id=message.client_id,
        text=message.text,
    )
    return None if message == plain else extras.encode(message, origin_of(message.client_id, message.text))


def _dated(event: ImportedEvent) -> str:
    """The text with its own time in front, as far as there is room."""
    text = f"[{datetime.fromtimestamp(event.at // 1_000_000, UTC):%Y-%m-%d %H:%M} UTC] {event.text}".rstrip()
    return text if len(text.encode()) <= limits.MESSAGE_MAX_BYTES else event.text
