"""What the messages of one commit refer to: messages replied to or forwarded, members mentioned, files shown."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec

from chatproto.errors import ChatError
from chatproto.models import FileInfo, Forwarded, Message, MessageRef
from chatserver import measures
from chatserver.store import rows, sql
from chatserver.store.base import NewMessage
from chatserver.store.extras import Additions
from chatserver.store.writes import Transaction

EVERYBODY = 0
"""Stands in `mentions` for every member."""
_INSERT_MENTION = "INSERT INTO mentions (chat_id, user_id, seq, sender_id) VALUES ($1, $2, $3, $4)"
_DELETE_MENTION = "DELETE FROM mentions WHERE chat_id = $1 AND user_id = $2 AND seq = $3"
_INSERT_FILE = "INSERT INTO message_files (file_id, chat_id, seq) VALUES ($1, $2, $3)"
_FLOOR = "SELECT floor FROM chats WHERE id = $1"
_IN_LIST_MAX = 1_024
"""Values in one statement's list."""


class References:
    """Reads everything at once, then answers for each message. Only what was committed before can be referred to."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._messages: dict[tuple[int, int], Message] = {}
        self._files: dict[int, tuple[int, FileInfo]] = {}
        self._floors: dict[int, int] = {}

    async def load(self, rich: Iterable[tuple[NewMessage, int]]) -> set[tuple[int, int]]:
        """Read what messages, each with its chat, refer to; returns the (user, chat) pairs that must be memberships."""
        places: dict[int, set[int]] = {}
        file_ids: set[int] = set()
        pairs: set[tuple[int, int]] = set()
        for message, chat_id in rich:
            assert message.more is not None
            more = message.more
            pairs.update((user_id, chat_id) for user_id in more.mentions)
            file_ids.update(more.file_ids)
            if more.reply_to:
                places.setdefault(chat_id, set()).add(more.reply_to)
            if more.forward is not None:
                places.setdefault(more.forward.chat_id, set()).add(more.forward.seq)
                pairs.add((message.sender_id, more.forward.chat_id))
        for chat_id, seqs in places.items():
            await self._load_messages(chat_id, seqs)
        await self._load_files(file_ids)
        return pairs

    async def _load_messages(self, chat_id: int, seqs: set[int]) -> None:
        for part in _parts(seqs):
            args = sql.padded(part)
            for row in await self._tx.all(sql.messages_at(len(args)), chat_id, *args):
                self._messages[chat_id, row[0]] = rows.message(chat_id, row)
        if any((chat_id, seq) not in self._messages for seq in seqs):
            found = await self._tx.all(_FLOOR, chat_id)
            self._floors[chat_id] = found[0][0] if found else 0

    async def _load_files(self, file_ids: set[int]) -> None:
        for part in _parts(file_ids):
            args = sql.padded(part)
            for row in await self._tx.all(_files(len(args)), *args):
                self._files[row[0]] = (row[7], rows.file_info(row))

    def complete(self, message: Message, more: Additions, chat_id: int, members: set[tuple[int, int]]) -> Message:
        """The message with all it says. `members` are the (user, chat) pairs known to be memberships.

        Raises `messageNotFound`, `mentionsInvalid` or `fileNotFound`, all final.
        """
        # What was removed by age was there when somebody began to reply, and their words are not to be lost for that.
        known = (chat_id, more.reply_to) in self._messages or more.reply_to <= self._floors.get(chat_id, 0)
        if more.reply_to and not known:
            raise ChatError("messageNotFound", "It is what this one replies to.")
        if any((user_id, chat_id) not in members for user_id in more.mentions):
            raise ChatError("mentionsInvalid")
        whole = msgspec.structs.replace(
            message, reply_to=more.reply_to, mentions=list(more.mentions), mention_all=more.mention_all
        )
        if more.forward is not None:
            return self._forwarded(whole, more.forward, members)
        return msgspec.structs.replace(whole, files=self._own_files(message.sender_id, more.file_ids))

    def _own_files(self, sender_id: int, file_ids: Sequence[int]) -> list[FileInfo]:
        found = [self._files.get(file_id) for file_id in file_ids]
        files = [file[1] for file in found if file is not None and file[0] == sender_id]
        if len(files) < len(file_ids):
            raise ChatError("fileNotFound")
        return files

    def _forwarded(self, message: Message, place: MessageRef, members: set[tuple[int, int]]) -> Message:
        source = self._messages.get((place.chat_id, place.seq))
        if source is None or source.deleted or (message.sender_id, place.chat_id) not in members:
            raise ChatError("messageNotFound", "It is what was to be forwarded.")
        first = source.forwarded or Forwarded(sender_id=source.sender_id, at=source.at)
        return msgspec.structs.replace(message, text=source.text, files=source.files, forwarded=first)


async def write(tx: Transaction, stored: Mapping[int, Sequence[Message]]) -> None:
    """Note whom the stored messages of each chat mention, and which files they show."""
    every = [(chat_id, message) for chat_id, messages in stored.items() for message in messages]
    files = [(file.id, chat_id, message.seq) for chat_id, message in every for file in message.files]
    if files:
        await tx.many(_INSERT_FILE, files)
    mentions = [row for chat_id, message in every for row in _mention_rows(chat_id, message)]
    if mentions:
        await tx.many(_INSERT_MENTION, mentions)


async def remove_mentions(tx: Transaction, chat_id: int, message: Message) -> None:
    """The message mentions nobody any more."""
    await tx.many(_DELETE_MENTION, [row[:3] for row in _mention_rows(chat_id, message)])


async def add_mentions(tx: Transaction, chat_id: int, message: Message) -> None:
    """Note whom a message mentions now."""
    await tx.many(_INSERT_MENTION, _mention_rows(chat_id, message))


def _mention_rows(chat_id: int, message: Message) -> list[tuple[int, int, int, int]]:
    # Who is named while everybody is mentioned stands there once all the same: a message counts once.
    users = [EVERYBODY] if message.mention_all else message.mentions
    return [(chat_id, user_id, message.seq, message.sender_id) for user_id in users]


@measures.cached("statements_files")
@lru_cache(maxsize=32)
def _files(count: int) -> str:
    columns = "id, name, size, media_type, width, height, thumbnail, owner_id"
    return f"SELECT {columns} FROM files WHERE id IN ({sql.marks(1, count)})"  # noqa: S608 - parameter marks


def _parts(values: set[int]) -> Iterable[list[int]]:
    ordered = sorted(values)
    return (ordered[start : start + _IN_LIST_MAX] for start in range(0, len(ordered), _IN_LIST_MAX))
