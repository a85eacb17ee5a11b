"""The rules of seen markers: how far a member has read, and who has seen a message."""

from collections.abc import Sequence
from functools import partial

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import event_id
from chatproto.rest import SeenAnswer, SeenByPage, SeenMarker, SeenMarkersPage
from chatserver.services.membership import check_member, read_as_member
from chatserver.store.base import Store


class Receipts:
    """One marker for each member and chat: everything up to it has been seen. Only members may ask."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def mark(self, user_id: int, chat_id: int, message_ids: Sequence[str]) -> SeenAnswer:
        """Move the user's marker to the last of these messages, never back. Idempotent.

        Ids of other chats and ids that name nothing are left out, and told. Raises `notMember`.
        """
        await check_member(self._store, user_id, chat_id)
        seqs = {message_id: _seq_of(chat_id, message_id) for message_id in message_ids}
        wanted = sorted({seq for seq in seqs.values() if seq is not None})
        known = await self._store.message_seqs(chat_id, wanted)
        if known:
            await self._store.mark_seen(user_id, chat_id, max(known))
        chat = await self._store.chat(user_id, chat_id)
        if chat is None:
            raise ChatError("notMember")
        unknown = [message_id for message_id, seq in seqs.items() if seq not in known]
        return SeenAnswer(seen=chat.seen, unread=chat.unread, mentions=chat.mentions, unknown=unknown)

    async def seen_by(self, user_id: int, chat_id: int, seq: int, after: int, limit: int) -> SeenByPage:
        """Who but its author has seen a message. Raises `notMember` or `messageNotFound`."""

        async def read() -> list[int]:
            if not await self._store.message_seqs(chat_id, [seq]):
                raise ChatError("messageNotFound")
            return await self._store.seen_by(chat_id, seq, after, limit + 1)

        found = await read_as_member(self._store, user_id, chat_id, read)
        return SeenByPage(user_ids=found[:limit], has_more=len(found) > limit)

    async def markers(self, user_id: int, chat_id: int, after: int, limit: int) -> SeenMarkersPage:
        """How far each member has read. Raises `notMember`."""
        read = partial(self._store.seen_markers, chat_id, after, limit + 1)
        found = await read_as_member(self._store, user_id, chat_id, read)
        markers = [SeenMarker(user_id=member, seen=seen) for member, seen in found[:limit]]
        return SeenMarkersPage(markers=markers, has_more=len(found) > limit)


def _seq_of(chat_id: int, message_id: str) -> int | None:
    """The place that an id of this chat names; None for any other text."""
    digits = message_id.rpartition(".")[2]
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 16):
        return None
    seq = int(digits)
    return seq if message_id == event_id(chat_id, seq) and seq <= limits.TIME_MAX else None
