"""Repeat the heads of chats that were active, so that a lost last event cannot hide for long."""

import asyncio
from collections.abc import Callable, Iterable

from chatproto.frames import Heads
from chatproto.models import ChatHead
from chatserver.realtime.packing import pack
from chatserver.realtime.session import Session

_SESSIONS_PER_STEP = 500
"""Sessions served before the event loop gets a turn."""


class HeadsRepeater:
    """Every `interval` seconds, tells each session the heads of its chats that were active since the last time.

    Costs one entry per active chat and one frame per session in one; sessions with the same active chats
    share the frame's bytes.
    """

    def __init__(self, interval: float, sessions_of: Callable[[int], Iterable[Session]]) -> None:
        """`sessions_of` gives the sessions subscribed to a chat."""
        self._interval = interval
        self._sessions_of = sessions_of
        self._active: dict[int, ChatHead] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, chat_id: int, head: int, head_at: int) -> None:
        """A chat's log has grown to `head`."""
        self._active[chat_id] = ChatHead(chat_id=chat_id, head=head, head_at=head_at)

    def start(self) -> None:
        """Begin to repeat."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="heads")

    async def close(self) -> None:
        """Stop. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            active, self._active = self._active, {}
            await self._repeat(active)

    async def _repeat(self, active: dict[int, ChatHead]) -> None:
        chats_of: dict[Session, list[int]] = {}
        for chat_id in active:
            for session in self._sessions_of(chat_id):
                chats_of.setdefault(session, []).append(chat_id)
        frames: dict[tuple[int, ...], bytes] = {}
        for count, (session, chat_ids) in enumerate(chats_of.items(), start=1):
            key = tuple(chat_ids)
            frame = frames.get(key)
            if frame is None:
                frame = frames[key] = pack(Heads(heads=[active[chat_id] for chat_id in chat_ids]))
            session.outbox.offer(frame)
            if count % _SESSIONS_PER_STEP == 0:
                await asyncio.sleep(0)
