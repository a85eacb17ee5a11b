"""One connection's sends: taken in order, many in flight, acknowledged in order once they are durable."""

import asyncio
import logging
from collections.abc import Callable
from time import perf_counter

from chatproto.errors import ChatError
from chatproto.frames import Ack, Outgoing, Send, SendResult
from chatserver import measures
from chatserver.limits.limiter import Allowance
from chatserver.realtime.packing import pack
from chatserver.refusals import count
from chatserver.services.messages import Messages, Prepared, refused_for_now, send_results
from chatserver.ws import frames

logger = logging.getLogger(__name__)

_IN_FLIGHT_MAX_BYTES = 1_048_576
"""Text that one connection may have waiting for its commit; above, the connection is not read."""
_MESSAGE_COST = 256
"""What a message costs besides its text, in the same count."""
_BATCH_MAX_MESSAGES = 512
REFUSED_PAUSE_S = 0.05
"""For so long a connection is not read after a frame above the rate: refusing, too, costs something."""

_acked = measures.histogram(
    "chatserver_receive_to_ack_seconds", "From taking a send until it is acknowledged, its commit included."
)

_Taken = tuple[Send, list[Prepared]]


class SendPipeline:
    """Gathers the sends that arrive together into one call of the store, without waiting for the call before.

    Calls reach the store in the order of the frames, and the store takes them in that order, so acks leave
    in the order of the frames.
    """

    def __init__(self, messages: Messages, user_id: int, reply: Callable[[bytes], None], allowance: Allowance) -> None:
        """`reply` takes the bytes of acks; `allowance` counts messages."""
        self._messages = messages
        self._user_id = user_id
        self._reply = reply
        self._allowance = allowance
        self._gathered: list[_Taken] = []
        self._gathered_messages = 0
        self._since = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._room = asyncio.Event()
        self._room.set()

    async def submit(self, frame: Send) -> None:
        """Take a frame; waits while too much is in flight. The ack follows through `reply`."""
        await self._room.wait()
        received = perf_counter()
        try:
            self._allowance.take(len(frame.messages))
            prepared = await self._messages.prepare(self._user_id, frame.messages)
        except ChatError as error:
            self.flush()
            await self.settled()  # its ack must not overtake those of earlier frames
            self._reply(_ack(frame, refused_for_now(frame.messages, None, error)))
            frames.answered("send", received)
            if error.code == "rateLimited":
                await asyncio.sleep(REFUSED_PAUSE_S)
            return
        if not self._gathered:
            self._since = received
            asyncio.get_running_loop().call_soon(self.flush)
        self._gathered.append((frame, prepared))
        self._gathered_messages += len(prepared)
        self._in_flight += _cost(frame.messages)
        if self._in_flight > _IN_FLIGHT_MAX_BYTES:
            self._room.clear()
        if self._gathered_messages >= _BATCH_MAX_MESSAGES:
            self.flush()

    def flush(self) -> None:
        """Give what was gathered to the store."""
        if not self._gathered:
            return
        batch, self._gathered, self._gathered_messages = self._gathered, [], 0
        task = asyncio.get_running_loop().create_task(self._commit(batch, self._since), name="commit")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until everything taken is acknowledged."""
        self.flush()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def taken(self) -> None:
        """Wait until everything taken before this call is acknowledged; what is taken later is not waited for."""
        self.flush()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def _commit(self, batch: list[_Taken], since: float) -> None:
        acks: list[bytes] = []
        try:
            together = [message for _, prepared in batch for message in prepared]
            places = await self._messages.store(together)
            start = 0
            for frame, prepared in batch:
                end = start + len(prepared)
                acks.append(_ack(frame, send_results(frame.messages, places[start:end])))
                start = end
        except ChatError as error:
            acks = _refuse_all(batch, error)
        except Exception:  # the client must get an answer to each send, whatever happened
            logger.exception("sends failed")
            acks = _refuse_all(batch, ChatError("internal"))
        self._reply(b"".join(acks))
        _acked.observe(perf_counter() - since, times=len(batch))
        frames.answered("send", since, times=len(batch))
        self._in_flight -= sum(_cost(frame.messages) for frame, _ in batch)
        if self._in_flight <= _IN_FLIGHT_MAX_BYTES:
            self._room.set()


def _refuse_all(batch: list[_Taken], error: ChatError) -> list[bytes]:
    return [_ack(frame, refused_for_now(frame.messages, prepared, error)) for frame, prepared in batch]


def _ack(frame: Send, results: list[SendResult]) -> bytes:
    codes = [result.error.code for result in results if result.error is not None]
    if codes:
        frames.failed("send")
        for code in codes:
            count(code)
    return pack(Ack(id=frame.id, results=results))


def _cost(messages: list[Outgoing]) -> int:
    return sum(len(message.text) + _MESSAGE_COST for message in messages)
