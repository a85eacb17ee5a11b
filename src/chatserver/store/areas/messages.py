"""Messages after they were sent: changes as steps of the next commit, and what is read of them one by one."""

from collections.abc import Sequence
from functools import partial

from chatproto.models import Message
from chatserver.store import changes, rows, sql
from chatserver.store.areas.area import Area
from chatserver.store.changes import Place

_MESSAGE = f"{sql.MESSAGE} AND seq = $2"
_AROUND_BEFORE = f"{sql.MESSAGE} AND seq < $2 ORDER BY seq DESC LIMIT $3"
_AROUND_AFTER = f"{sql.MESSAGE} AND seq >= $2 ORDER BY seq LIMIT $3"
_PINNED = """
    SELECT e.seq, e.at, e.sender_id, e.client_id, e.kind, e.body, e.extra
    FROM pins p JOIN events e ON e.chat_id = p.chat_id AND e.seq = p.seq
    WHERE p.chat_id = $1 ORDER BY p.pinned_at DESC"""
_SEEN_BY = """
    SELECT m.user_id FROM members m WHERE m.chat_id = $1 AND m.user_id > $3 AND m.seen_seq >= $2
    AND m.user_id <> (SELECT sender_id FROM events WHERE chat_id = $1 AND seq = $2)
    ORDER BY m.user_id LIMIT $4"""
_MARKERS = "SELECT user_id, seen_seq FROM members WHERE chat_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"


class MessageArea(Area):
    """See `chatserver.store.interfaces.messages.MessageStore`."""

    async def edit_message(
        self, user_id: int, chat_id: int, seq: int, *, text: str, mentions: Sequence[int], mention_all: bool
    ) -> int:
        place = Place(user_id, chat_id, seq)
        return await self._write(
            partial(changes.edit, place=place, text=text, mentions=mentions, mention_all=mention_all)
        )

    async def delete_message(self, user_id: int, chat_id: int, seq: int) -> int:
        return await self._write(partial(changes.delete, place=Place(user_id, chat_id, seq)))

    async def react(self, user_id: int, chat_id: int, seq: int, emoji: str, *, on: bool) -> int:
        return await self._write(partial(changes.react, place=Place(user_id, chat_id, seq), emoji=emoji, on=on))

    async def pin(self, user_id: int, chat_id: int, seq: int, *, on: bool) -> int:
        return await self._write(partial(changes.pin, place=Place(user_id, chat_id, seq), on=on))

    async def message(self, chat_id: int, seq: int) -> Message | None:
        row = await self._one(_MESSAGE, chat_id, seq)
        return rows.message(chat_id, row) if row else None

    async def message_seqs(self, chat_id: int, seqs: Sequence[int]) -> set[int]:
        if not seqs:
            return set()
        wanted = sql.padded(seqs)
        found = await self._reader.all(sql.message_seqs_at(len(wanted)), chat_id, *wanted)
        return {row[0] for row in found}

    async def messages_around(self, chat_id: int, seq: int, limit: int) -> tuple[list[Message], bool, bool]:
        before = limit // 2
        after = limit - before
        earlier = await self._reader.all(_AROUND_BEFORE, chat_id, seq, before + 1)
        later = await self._reader.all(_AROUND_AFTER, chat_id, seq, after + 1)
        page = [*reversed(earlier[:before]), *later[:after]]
        return [rows.message(chat_id, row) for row in page], len(earlier) > before, len(later) > after

    async def pinned_messages(self, chat_id: int) -> list[Message]:
        return [rows.message(chat_id, row) for row in await self._reader.all(_PINNED, chat_id)]

    async def seen_by(self, chat_id: int, seq: int, after: int, limit: int) -> list[int]:
        return [row[0] for row in await self._reader.all(_SEEN_BY, chat_id, seq, after, limit)]

    async def seen_markers(self, chat_id: int, after: int, limit: int) -> list[tuple[int, int]]:
        return [(row[0], row[1]) for row in await self._reader.all(_MARKERS, chat_id, after, limit)]
