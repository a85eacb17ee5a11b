"""The rules of changing a message: what its new text, its mentions and a reaction may be."""

from collections.abc import Sequence

from chatproto.text import check_emoji, normalize_message
from chatserver.store.base import Store


class MessageChanges:
    """Editing, deleting, reacting and pinning; see `MessageStore` for what each may refuse.

    Each returns the seq of the event that tells of it, 0 if there was nothing to change. Changes asked for one after
    the other, without waiting, are applied in that order: nothing is awaited before the store has taken them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def edit(
        self,
        user_id: int,
        chat_id: int,
        seq: int,
        *,
        text: str,
        mentions: Sequence[int] = (),
        mention_all: bool = False,
    ) -> int:
        """Give an own message another text; it may be empty only if the message has files."""
        wanted = normalize_message(text) if text.strip() else ""
        named = list(dict.fromkeys(mentions))
        return await self._store.edit_message(
            user_id, chat_id, seq, text=wanted, mentions=named, mention_all=mention_all
        )

    async def delete(self, user_id: int, chat_id: int, seq: int) -> int:
        """Take a message back."""
        return await self._store.delete_message(user_id, chat_id, seq)

    async def react(self, user_id: int, chat_id: int, seq: int, emoji: str, *, on: bool) -> int:
        """Put an emoji under a message, or take the user's own away. Raises `reactionInvalid` too."""
        check_emoji(emoji)
        return await self._store.react(user_id, chat_id, seq, emoji, on=on)

    async def pin(self, user_id: int, chat_id: int, seq: int, *, on: bool) -> int:
        """Pin or unpin a message for all members."""
        return await self._store.pin(user_id, chat_id, seq, on=on)
