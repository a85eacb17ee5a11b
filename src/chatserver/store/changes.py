"""The steps that change a message: edit, delete, react, pin; each one write of the message, its event and the head."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import Change, Message, MessageChanged, Reaction, event_id
from chatserver.store import extras, references, rows, sql
from chatserver.store.base import ChatCommit
from chatserver.store.extras import origin_of
from chatserver.store.writes import Transaction

_CHAT = """
    SELECT c.head, c.head_at, c.owner_id, c.floor FROM members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND m.chat_id = $2"""
_ANY_CHAT = "SELECT head, head_at, owner_id, floor FROM chats WHERE id = $1"
_MESSAGE = f"{sql.MESSAGE} AND seq = $2"
_REWRITE = "UPDATE events SET kind = $3, body = $4, extra = $5 WHERE chat_id = $1 AND seq = $2"
_DELETE_FILES = "DELETE FROM message_files WHERE chat_id = $1 AND seq = $2"
_PINS = "SELECT COUNT(*) FROM pins WHERE chat_id = $1"
_INSERT_PIN = "INSERT INTO pins (chat_id, seq, pinned_at) VALUES ($1, $2, $3)"
_DELETE_PIN = "DELETE FROM pins WHERE chat_id = $1 AND seq = $2"


class Place(NamedTuple):
    """Who changes which message."""

    user_id: int
    chat_id: int
    seq: int


@dataclass(frozen=True, slots=True)
class _Target:
    """A message about to be changed by a member of its chat. `at` is the time of the event that would tell of it."""

    tx: Transaction
    user_id: int
    chat_id: int
    owner_id: int | None
    event_seq: int
    at: int
    message: Message
    origin: bytes

    @classmethod
    async def find(cls, tx: Transaction, place: Place) -> "_Target":
        """Raises `notMember`, or `messageNotFound`."""
        chat = await tx.all(_CHAT, place.user_id, place.chat_id)
        if not chat:
            raise ChatError("notMember")
        return await cls._of(tx, place, chat[0])

    @classmethod
    async def anywhere(cls, tx: Transaction, place: Place) -> "_Target":
        """As `find`, for somebody who need not be a member."""
        return await cls._of(tx, place, (await tx.all(_ANY_CHAT, place.chat_id))[0])

    @classmethod
    async def _of(cls, tx: Transaction, place: Place, chat: rows.Row) -> "_Target":
        user_id, chat_id, seq = place
        head, head_at, owner_id, floor = chat
        found = await tx.all(_MESSAGE, chat_id, seq)
        if not found:
            raise ChatError("messageNotFound", "It was removed because of its age." if seq <= floor else "")
        message = rows.message(chat_id, found[0])
        extra = found[0][6]
        origin = origin_of(message.client_id, message.text) if extra is None else extras.decode(extra).origin
        return cls(tx, user_id, chat_id, owner_id, head + 1, max(tx.now, head_at + 1), message, origin)

    def living(self) -> Message:
        """The message. Raises `messageNotFound` if it was deleted."""
        if self.message.deleted:
            raise ChatError("messageNotFound")
        return self.message

    async def store(self, changed: Message, change: Change, emoji: str = "") -> int:
        """Write the message as it is from now on, and the event that says so; returns the event's seq."""
        now = replace(changed, rev=self.event_seq)
        kind = "deleted" if now.deleted else "message"
        extra = extras.encode(now, self.origin)
        await self.tx.all(_REWRITE, self.chat_id, now.seq, kind, now.text, extra)
        body = rows.changed_body(now.seq, change, emoji)
        place = (self.chat_id, self.event_seq, self.at)
        await self.tx.all(sql.INSERT_EVENT, *place, self.user_id, None, "changed", body)
        await self.tx.all(sql.SET_HEAD, *place)
        event = MessageChanged(
            id=event_id(self.chat_id, self.event_seq),
            seq=self.event_seq,
            at=self.at,
            sender_id=self.user_id,
            change=change,
            message=now,
            emoji=emoji,
        )
        self.tx.changes.chats.append(ChatCommit(self.chat_id, [event]))
        return self.event_seq


async def edit(tx: Transaction, place: Place, *, text: str, mentions: Sequence[int], mention_all: bool) -> int:
    """`MessageStore.edit_message`."""
    target = await _Target.find(tx, place)
    before = target.living()
    if before.sender_id != place.user_id:
        raise ChatError("notAuthor")
    if before.forwarded is not None:
        raise ChatError("notAuthor", "The text of a forwarded message is somebody else's.")
    if not text and not before.files:
        raise ChatError("textEmpty")
    after = replace(before, text=text, mentions=list(mentions), mention_all=mention_all)
    if after == before:
        return 0
    # Who was mentioned already may have left meanwhile; that must not stand in the way of a correction.
    new = {(user, place.chat_id) for user in mentions if user not in before.mentions}
    if len(await tx.memberships(new)) < len(new):
        raise ChatError("mentionsInvalid")
    await references.remove_mentions(tx, place.chat_id, before)
    await references.add_mentions(tx, place.chat_id, after)
    return await target.store(replace(after, edited_at=target.at), "edited")


async def delete(tx: Transaction, place: Place) -> int:
    """`MessageStore.delete_message`."""
    target = await _Target.find(tx, place)
    before = target.message
    if place.user_id not in (before.sender_id, target.owner_id):
        raise ChatError("notAuthor")
    if before.deleted:
        return 0
    return await _bury(tx, place, target)


async def erase(tx: Transaction, place: Place) -> int:
    """As `delete`, for whom is named as the one who does it, whether they may or not."""
    target = await _Target.anywhere(tx, place)
    return 0 if target.message.deleted else await _bury(tx, place, target)


async def read(tx: Transaction, place: Place) -> Message | None:
    """A message as the transaction finds it."""
    found = await tx.all(_MESSAGE, place.chat_id, place.seq)
    return rows.message(place.chat_id, found[0]) if found else None


async def set_reactions(tx: Transaction, place: Place, emoji: str, reactions: list[Reaction]) -> int:
    """Leave these reactions of a message, because `emoji` was taken back."""
    target = await _Target.anywhere(tx, place)
    return await target.store(replace(target.message, reactions=reactions), "unreacted", emoji)


async def _bury(tx: Transaction, place: Place, target: _Target) -> int:
    before = target.message
    await references.remove_mentions(tx, place.chat_id, before)
    await tx.all(_DELETE_FILES, place.chat_id, place.seq)
    await tx.all(_DELETE_PIN, place.chat_id, place.seq)
    tombstone = Message(
        id=before.id,
        seq=place.seq,
        at=before.at,
        sender_id=before.sender_id,
        client_id=before.client_id,
        text="",
        deleted=True,
    )
    return await target.store(tombstone, "deleted")


async def react(tx: Transaction, place: Place, *, emoji: str, on: bool) -> int:
    """`MessageStore.react`."""
    target = await _Target.find(tx, place)
    before = target.living()
    people = {reaction.emoji: reaction.user_ids for reaction in before.reactions}
    if (place.user_id in people.get(emoji, ())) == on:
        return 0
    if on:
        people[emoji] = [*people.get(emoji, ()), place.user_id]
    else:
        people[emoji] = [other for other in people[emoji] if other != place.user_id]
    reactions = [Reaction(emoji=each, user_ids=users) for each, users in people.items() if users]
    if on and (
        len(reactions) > limits.REACTION_KINDS_MAX
        or sum(len(reaction.user_ids) for reaction in reactions) > limits.REACTIONS_MAX
    ):
        raise ChatError("tooManyReactions")
    return await target.store(replace(before, reactions=reactions), "reacted" if on else "unreacted", emoji)


async def pin(tx: Transaction, place: Place, *, on: bool) -> int:
    """`MessageStore.pin`."""
    target = await _Target.find(tx, place)
    before = target.living()
    if before.pinned == on:
        return 0
    if not on:
        await tx.all(_DELETE_PIN, place.chat_id, place.seq)
    elif (await tx.all(_PINS, place.chat_id))[0][0] >= limits.PINS_MAX:
        raise ChatError("tooManyPins")
    else:
        await tx.all(_INSERT_PIN, place.chat_id, place.seq, target.at)
    return await target.store(replace(before, pinned=on), "pinned" if on else "unpinned")
