"""One connection's seen markers: the newest of each chat is stored, in the background."""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter

from chatproto.errors import ChatError
from chatserver.services.messages import Messages
from chatserver.ws import frames

logger = logging.getLogger(__name__)

_WAITING_MAX_CHATS = 500


class SeenMarkers:
    """Keeps the highest seq per chat and stores one after the other, so that a reader never delays its sends."""

    def __init__(self, messages: Messages, user_id: int, refuse: Callable[[ChatError], None]) -> None:
        """`refuse` is told of markers that could not be stored."""
        self._messages = messages
        self._user_id = user_id
        self._refuse = refuse
        self._waiting: dict[int, tuple[int, float]] = {}
        self._task: asyncio.Task[None] | None = None

    async def mark(self, chat_id: int, seq: int) -> None:
        """Take a marker; waits while markers of too many chats wait."""
        if len(self._waiting) >= _WAITING_MAX_CHATS:
            await self.settled()
        known, since = self._waiting.get(chat_id) or (0, perf_counter())
        self._waiting[chat_id] = (max(seq, known), since)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._store(), name="seen")

    async def settled(self) -> None:
        """Wait until everything taken is stored or refused."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _store(self) -> None:
        try:
            while self._waiting:
                chat_id = next(iter(self._waiting))
                seq, since = self._waiting.pop(chat_id)
                try:
                    await self._messages.mark_seen(self._user_id, chat_id, seq)
                except ChatError as error:
                    self._fail(error)
                except Exception:  # one marker must not end the connection's others
                    logger.exception("marking seen failed")
                    self._fail(ChatError("internal"))
                frames.answered("seen", since)
        finally:
            self._task = None

    def _fail(self, error: ChatError) -> None:
        frames.failed("seen")
        self._refuse(error)
