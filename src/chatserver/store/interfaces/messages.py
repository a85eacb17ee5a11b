"""What a store guarantees about messages after they were sent: changes, pins, and who has seen them."""

from collections.abc import Sequence
from typing import Protocol

from chatproto.models import Message


class MessageStore(Protocol):
    """Changes of messages and what is read of them one by one.

    Each change checks the user's membership first and is durable when it returns. It is one write: the message,
    its `changed` event (the answer: the event's seq, which becomes the message's `rev`) and the chat's head. If
    there is nothing to change, nothing is written and the answer is 0, so every change is idempotent. Raises
    `notMember`, and `messageNotFound` for what is no message or was deleted. What was before is overwritten.
    """

    async def edit_message(
        self, user_id: int, chat_id: int, seq: int, *, text: str, mentions: Sequence[int], mention_all: bool
    ) -> int:
        """Give an own message another text (normalised; empty only if it has files) and other mentions.

        Raises `notAuthor` for the messages of others and forwarded ones, `textEmpty`, and `mentionsInvalid` if
        somebody is mentioned newly who is no member.
        """
        ...

    async def delete_message(self, user_id: int, chat_id: int, seq: int) -> int:
        """Take a message back: its text, files, reactions, mentions and pin are gone from the database.

        Allowed to its author and a group's owner; raises `notAuthor`. Deleting again changes nothing.
        """
        ...

    async def react(self, user_id: int, chat_id: int, seq: int, emoji: str, *, on: bool) -> int:
        """Put an emoji under a message or take the user's own away. Raises `tooManyReactions`."""
        ...

    async def pin(self, user_id: int, chat_id: int, seq: int, *, on: bool) -> int:
        """Pin or unpin a message for all members. Raises `tooManyPins`."""
        ...

    async def message(self, chat_id: int, seq: int) -> Message | None:
        """The message at a place, deleted or not; None if there is none."""
        ...

    async def message_seqs(self, chat_id: int, seqs: Sequence[int]) -> set[int]:
        """Those of these places that hold a message, deleted or not."""
        ...

    async def messages_around(self, chat_id: int, seq: int, limit: int) -> tuple[list[Message], bool, bool]:
        """`limit` messages around a place, ascending: half of them before it; and whether more lie before and after."""
        ...

    async def pinned_messages(self, chat_id: int) -> list[Message]:
        """The pinned messages of a chat, the one pinned last first."""
        ...

    async def seen_by(self, chat_id: int, seq: int, after: int, limit: int) -> list[int]:
        """Ids of members other than its author whose marker is at or past a message: those above `after`, ascending."""
        ...

    async def seen_markers(self, chat_id: int, after: int, limit: int) -> list[tuple[int, int]]:
        """Members with an id above `after`, ascending, each with the seq that they have seen."""
        ...
