"""One connection's changes of messages: carried out in order, behind the sends before them, in the background."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from itertools import islice
from time import perf_counter
from typing import Final

from chatproto.errors import ChatError
from chatproto.frames import Delete, Done, Edit, Error, Pin, React
from chatserver.realtime.packing import pack
from chatserver.refusals import told
from chatserver.services.changes import MessageChanges
from chatserver.ws import frames
from chatserver.ws.sends import SendPipeline

logger = logging.getLogger(__name__)

ChangeFrame = Edit | Delete | React | Pin

_KINDS: Final[dict[type[ChangeFrame], frames.Kind]] = {Edit: "edit", Delete: "delete", React: "react", Pin: "pin"}
"""Their names for the measures."""

_WAITING_MAX = 128
"""Changes that may wait; above, the connection is not read."""
_BATCH_MAX = 32
"""Changes given to the store at once, so that they share a commit."""


class ChangeQueue:
    """Answers each change with `done` or `error`, in the order in which they came."""

    def __init__(
        self, changes: MessageChanges, sends: SendPipeline, user_id: int, reply: Callable[[bytes], None]
    ) -> None:
        """`reply` takes the bytes of answers."""
        self._changes = changes
        self._sends = sends
        self._user_id = user_id
        self._reply = reply
        self._waiting: deque[tuple[ChangeFrame, float]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def take(self, frame: ChangeFrame) -> None:
        """Take a frame; waits while too many wait."""
        if len(self._waiting) >= _WAITING_MAX:
            await self.settled()
        self._waiting.append((frame, perf_counter()))
        # What was sent before it must reach the store before it.
        self._sends.flush()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="changes")

    async def settled(self) -> None:
        """Wait until everything taken is answered."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _run(self) -> None:
        try:
            while self._waiting:
                # All of them were taken after the sends that are waited for here.
                batch = list(islice(self._waiting, _BATCH_MAX))
                await self._sends.taken()
                # The store takes them in this order, and so they are applied.
                answers = await asyncio.gather(*(self._carry_out(frame) for frame, _ in batch))
                for _ in batch:
                    self._waiting.popleft()
                self._reply(b"".join(answers))
                for frame, begun in batch:
                    frames.answered(_KINDS[type(frame)], begun)
        finally:
            self._task = None

    async def _carry_out(self, frame: ChangeFrame) -> bytes:
        try:
            return pack(Done(id=frame.id, seq=await self._change(frame)))
        except ChatError as error:
            return _refusal(frame, error)
        except Exception:  # the client must get an answer to each change, whatever happened
            logger.exception("a change failed")
            return _refusal(frame, ChatError("internal"))

    async def _change(self, frame: ChangeFrame) -> int:
        place = (self._user_id, frame.chat_id, frame.seq)
        match frame:
            case Edit():
                return await self._changes.edit(
                    *place, text=frame.text, mentions=frame.mentions, mention_all=frame.mention_all
                )
            case Delete():
                return await self._changes.delete(*place)
            case React():
                return await self._changes.react(*place, frame.emoji, on=frame.on)
            case Pin():
                return await self._changes.pin(*place, on=frame.on)


def _refusal(frame: ChangeFrame, error: ChatError) -> bytes:
    frames.failed(_KINDS[type(frame)])
    return pack(Error(id=frame.id, error=told(error)))
