"""Changing messages as a user does it: on disk at once, on the server as soon as it can be reached."""

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from chatproto.errors import ChatError
from chatproto.frames import Delete, Edit, Pin, React
from chatproto.text import check_emoji, normalize_message
from chatterm.client.change_queue import ChangeQueue
from chatterm.client.context import Context
from chatterm.client.model import ChangesChanged, ChangeState, MessageChange, PendingChange

T = TypeVar("T")

_NONE: Final[dict[int, tuple[PendingChange, ...]]] = {}


class Changes:
    """The unconfirmed changes of one account; implements `ChangesDoor`.

    What is read comes from memory, which follows the file: also what other processes add.
    """

    def __init__(self, context: Context, queue: ChangeQueue) -> None:
        """`queue` is for reading, on the event loop's thread."""
        self._context = context
        self._queue = queue
        self._rows: tuple[PendingChange, ...] = ()
        self._by_chat: dict[int, dict[int, tuple[PendingChange, ...]]] = {}
        self._version = queue.data_version()
        self._read()

    async def edit(
        self, chat_id: int, seq: int, text: str, *, mentions: Sequence[int] = (), mention_all: bool = False
    ) -> None:
        """Give one of one's own messages another text. Raises `ChatError` for text that cannot be sent."""
        self._check_author(chat_id, seq)
        normal = normalize_message(text)
        await self._add(
            Edit(id=0, chat_id=chat_id, seq=seq, text=normal, mentions=list(mentions), mention_all=mention_all)
        )

    async def delete(self, chat_id: int, seq: int) -> None:
        """Take a message back."""
        await self._add(Delete(id=0, chat_id=chat_id, seq=seq))

    async def react(self, chat_id: int, seq: int, emoji: str, *, on: bool) -> None:
        """Put an emoji under a message, or take one's own away. Raises `reactionInvalid`."""
        check_emoji(emoji)
        await self._add(React(id=0, chat_id=chat_id, seq=seq, emoji=emoji, on=on))

    async def pin(self, chat_id: int, seq: int, *, on: bool) -> None:
        """Pin a message for everybody in its chat, or unpin it."""
        await self._add(Pin(id=0, chat_id=chat_id, seq=seq, on=on))

    async def retry(self, row_id: int) -> None:
        """Send a refused change again."""
        epoch = self._context.cache.epoch()
        await self._settle(lambda queue: queue.retry(row_id, epoch))

    async def discard(self, row_id: int) -> bool:
        """Drop a change; False if it is gone, because it was sent. One that is just being sent may still arrive."""
        return await self._settle(lambda queue: queue.drop(row_id))

    def pending(self, chat_id: int) -> dict[int, tuple[PendingChange, ...]]:
        """The unconfirmed changes of a chat's messages, by seq; from memory."""
        return self._by_chat.get(chat_id, _NONE)

    def rows(self) -> tuple[PendingChange, ...]:
        """All unconfirmed changes in the order of sending."""
        return self._rows

    def look(self) -> None:
        """Notice what other processes changed; cheap enough for several times a second."""
        version = self._queue.data_version()
        if version != self._version:
            self._version = version
            self.changed()

    def changed(self) -> None:
        """The file is another: read it again, tell what is different, and wake the sender."""
        before = set(self._rows)
        self._read()
        different = before.symmetric_difference(self._rows)
        seqs: dict[int, set[int]] = {}
        for row in different:
            seqs.setdefault(row.change.chat_id, set()).add(row.change.seq)
        for chat_id, of_chat in seqs.items():
            self._context.notify(ChangesChanged(chat_id, frozenset(of_chat)))
        if any(row.state is ChangeState.QUEUED for row in self._rows):
            self._context.changes_changed.set()

    async def _add(self, change: MessageChange) -> None:
        epoch = self._context.cache.epoch()
        await self._settle(lambda queue: queue.add(change, epoch))

    async def _settle(self, work: Callable[[ChangeQueue], T]) -> T:
        done = await self._context.storage.changes(work)
        self.changed()
        return done

    def _check_author(self, chat_id: int, seq: int) -> None:
        message = self._context.cache.messages(chat_id, [seq]).get(seq)
        if message is not None and message.sender_id != self._context.account.user_id:
            raise ChatError("notAuthor")

    def _read(self) -> None:
        self._rows = tuple(self._queue.rows())
        by_chat: dict[int, dict[int, tuple[PendingChange, ...]]] = {}
        for row in self._rows:
            of_chat = by_chat.setdefault(row.change.chat_id, {})
            of_chat[row.change.seq] = (*of_chat.get(row.change.seq, ()), row)
        self._by_chat = by_chat
