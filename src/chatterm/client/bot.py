"""A program as a chat partner: every unread message once, answered through the same engine as everybody's."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from chatproto.models import Message, User
from chatterm.client.model import CacheReset, EntriesChanged, EventsStored, Notice, OutboxRow, Target
from chatterm.client.session import Session

_PAGE = 100


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody else's message. `sender` is None while the cache does not know its author."""

    chat_id: int
    message: Message
    sender: User | None


class Bot:
    """Reads what arrives and answers. It holds no state of its own: the seen marker says what was handled.

    So a message is handled at least once, whatever is killed in between, and in the order of its chat.
    """

    def __init__(self, session: Session) -> None:
        """`session` is started and stopped by the caller."""
        self._session = session
        self._changed: dict[int, None] = {}
        self._wake = asyncio.Event()

    async def messages(self) -> AsyncGenerator[Incoming, None]:
        """Others' messages after the seen marker, for ever; asking for the next one marks the last as seen.

        Leave it through `contextlib.aclosing`, so that it ends with the block.
        """
        unsubscribe = self._session.subscribe(self._noticed)
        try:
            self._look_everywhere()
            while True:
                while self._changed:
                    chat_id = next(iter(self._changed))
                    del self._changed[chat_id]
                    async with aclosing(self._unseen(chat_id)) as unseen:
                        async for incoming in unseen:
                            yield incoming
                self._wake.clear()
                await self._wake.wait()
        finally:
            unsubscribe()

    async def reply(self, incoming: Incoming, text: str) -> OutboxRow:
        """Answer in the chat the message came from; durable when this returns."""
        return await self._session.send(Target(chat_id=incoming.chat_id), text)

    async def _unseen(self, chat_id: int) -> AsyncGenerator[Incoming, None]:
        cache = self._session.cache
        while (seen := cache.seen(chat_id)) < (head := cache.head(chat_id)):
            last = min(head, seen + _PAGE)
            holes = cache.holes(chat_id, seen + 1, last)
            if holes and holes[0][0] == seen + 1:
                self._session.fill(chat_id, *holes[0])
                return  # the notice of what was fetched brings us back
            last = holes[0][0] - 1 if holes else last
            for event in cache.events(chat_id, seen + 1, last):
                if isinstance(event, Message) and event.sender_id != self._session.account.user_id:
                    yield Incoming(chat_id, event, cache.user(event.sender_id))
                await self._session.mark_seen(chat_id, event.seq)

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case EventsStored(chat_id):
                self._changed[chat_id] = None
            case EntriesChanged(refs) if refs is not None:
                self._changed.update((ref.id, None) for ref in refs if ref.kind == "chat")
            case EntriesChanged() | CacheReset():
                self._look_everywhere()
            case _:
                return
        self._wake.set()

    def _look_everywhere(self) -> None:
        after = None
        while page := self._session.cache.entries(after):
            self._changed.update((entry.ref.id, None) for entry in page if entry.ref.kind == "chat" and entry.unread)
            after = page[-1]
            if not after.activity:
                return  # from here on, only people never written to
