"""Sends queued changes of messages over one connection, one after the other, each until the server has answered."""

import asyncio

from chatproto.errors import ErrorInfo
from chatproto.frames import Delete, Edit, Pin, React
from chatterm.client.backoff import Backoff
from chatterm.client.change_queue import ChangeQueue
from chatterm.client.closing import ConnectionEndedError
from chatterm.client.connection import Connection
from chatterm.client.context import Context
from chatterm.client.errors import ClientError
from chatterm.client.lock import SenderLock
from chatterm.client.model import MessageChange, PendingChange, ProblemMet


class ChangeSender:
    """Works while it holds the account's sender lock.

    A change leaves the queue after the cache shows it. Every change is idempotent on the server, so one whose
    answer stays out goes again.
    """

    def __init__(self, context: Context, connection: Connection, lock: SenderLock) -> None:
        self._context = context
        self._connection = connection
        self._lock = lock
        self._backoff = Backoff()

    async def run(self) -> None:
        """Work until cancelled, or until the connection ends (raises `ConnectionEndedError`)."""
        wake = self._context.changes_changed
        epoch = self._context.cache.epoch()
        checked = False
        while True:
            wake.clear()
            if self._lock.held:
                if not checked:
                    await self._context.storage.changes(lambda queue: queue.refuse_others(epoch))
                    self._context.changes_settled()
                    checked = True
                change = await self._context.storage.changes(ChangeQueue.next)
                if change is not None:
                    await self._send(change)
                    continue
            await wake.wait()

    async def _send(self, row: PendingChange) -> None:
        try:
            seq = await self._connection.change(row.change)
        except ConnectionEndedError:
            raise
        except ClientError as error:
            if error.temporary:
                self._context.notify(ProblemMet(error.info()))
                await asyncio.sleep(self._backoff.next_delay(error.retry_after))
            else:
                await self._refuse(row, error)
            return
        self._backoff = Backoff()
        await self._see(row.change, seq)
        await self._context.storage.changes(lambda queue: queue.drop(row.row_id))
        self._context.changes_settled()

    async def _refuse(self, row: PendingChange, error: ClientError) -> None:
        """A text that was refused is kept; anything else can be asked for again, and is only told."""
        if isinstance(row.change, Edit):
            await self._context.storage.changes(lambda queue: queue.refuse(row.row_id, error.info()))
        else:
            await self._context.storage.changes(lambda queue: queue.drop(row.row_id))
        self._context.changes_settled()
        told = ErrorInfo(code=error.code, message=f"{_said(row.change)} {error.message}", hint=error.hint)
        self._context.notify(ProblemMet(told))

    async def _see(self, change: MessageChange, seq: int) -> None:
        """Have the cache show the change before it leaves the queue; usually its event has come already."""
        cache, chat_id = self._context.cache, change.chat_id
        if not seq or not cache.holes(chat_id, seq, seq):
            return
        try:
            page = await self._connection.fetch(chat_id, before_seq=seq + 1, limit=1)
        except ClientError as error:
            if error.temporary or error.code != "notMember":
                raise
            return  # left meanwhile: what happened there is not ours to see any more
        await self._context.store_events(chat_id, page.events, live=True)


def _said(change: MessageChange) -> str:
    match change:
        case Edit():
            return "Your edit was refused."
        case Delete():
            return "The message was not deleted."
        case React():
            return "Your reaction was refused."
        case Pin():
            return "The message was not pinned or unpinned."
