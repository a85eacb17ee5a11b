"""Drains the outbox over one connection: a batch in flight at a time, each answer applied before the next batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from chatproto import limits
from chatproto.errors import ChatError, ErrorInfo
from chatproto.frames import Outgoing, SendResult
from chatproto.models import Chat, LogEvent, Message, event_id
from chatproto.text import normalize_message
from chatterm.client.backoff import Backoff
from chatterm.client.connection import Connection
from chatterm.client.context import Context
from chatterm.client.errors import ClientError
from chatterm.client.lock import SenderLock
from chatterm.client.model import NOTHING_ENCLOSED, OutboxRow, ProblemMet, Target
from chatterm.client.outbox import Outbox
from chatterm.client.outbox_rows import BLOCKING


class Sender:
    """Sends while it holds the account's sender lock, and only then touches the state of rows.

    A row leaves the outbox after its event is in the cache. If an answer stays out, its rows go again under
    the same client ids, and the server says where it had stored them.
    """

    def __init__(
        self,
        context: Context,
        connection: Connection,
        lock: SenderLock,
        fetch_chat: Callable[[int], Awaitable[Chat]],
    ) -> None:
        """`fetch_chat` asks the server for a chat that the cache does not know yet."""
        self._context = context
        self._connection = connection
        self._lock = lock
        self._fetch_chat = fetch_chat
        self._backoff = Backoff()
        self._stopping = False

    async def run(self) -> None:
        """Work until `stop`, cancelled, or until the connection ends (raises `ConnectionEndedError`)."""
        changed = self._context.outbox_changed
        recovered = False
        try:
            while True:
                changed.clear()
                if self._lock.held and not recovered:
                    await self._context.storage.outbox(Outbox.requeue_sending)
                    recovered = True
                if self._lock.held and await self._send_batch():
                    continue
                if self._stopping:
                    return
                await changed.wait()
        finally:
            if self._lock.held:
                # Also when cancelled: what was in flight has an unknown outcome and goes again.
                await asyncio.shield(self._context.storage.outbox(Outbox.requeue_sending))

    def stop(self) -> None:
        """Have `run` return once nothing is left to send."""
        self._stopping = True
        self._context.outbox_changed.set()

    async def _send_batch(self) -> bool:
        """Send the next rows; False if there are none."""
        rows = await self._context.storage.outbox(
            lambda outbox: outbox.take(limits.SEND_MAX_MESSAGES, limits.SEND_MAX_TEXT_BYTES)
        )
        if not rows:
            return False
        self._context.tell_outbox()
        good = await self._refuse_unsendable(rows)
        if good:
            results = await self._connection.send([_outgoing(row) for row in good])
            await self._apply(good, results)
        return True

    async def _refuse_unsendable(self, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
        """Refuse what the server would refuse for its text, so that the batch can be encoded and is not held up."""
        bad = [(row.client_id, error) for row in rows if (error := _text_error(row)) is not None]
        if bad:
            await self._context.storage.outbox(lambda outbox: outbox.finish(refused=bad))
            self._context.tell_outbox()
        refused = {client_id for client_id, _ in bad}
        return [row for row in rows if row.client_id not in refused]

    async def _apply(self, rows: Sequence[OutboxRow], results: Sequence[SendResult]) -> None:
        pairs = list(zip(rows, results, strict=True))
        stored = [(row, result) for row, result in pairs if result.error is None]
        await self._know_chats(stored)
        events: dict[int, list[LogEvent]] = {}
        for row, result in stored:
            event = await self._event(row, result)
            if event is not None:
                events.setdefault(result.chat_id or 0, []).append(event)
        for chat_id, of_chat in events.items():
            await self._context.store_events(chat_id, sorted(of_chat, key=lambda event: event.seq), live=True)
        refused, again, waits = _sort_errors(pairs)
        bindings = {row.target: result.chat_id for row, result in stored if result.chat_id and not row.target.chat_id}

        def settle(outbox: Outbox) -> None:
            outbox.finish(sent=[row.client_id for row, _ in stored], refused=refused, requeue=again)
            for target, chat_id in bindings.items():
                outbox.rebind(target, chat_id)

        await self._context.storage.outbox(settle)
        self._context.tell_outbox()
        self._context.uploads_changed.set()  # the server may have dropped files that are to be uploaded again
        if waits is not None:
            await self._wait(waits)
        else:
            self._backoff = Backoff()

    async def _wait(self, error: ErrorInfo) -> None:
        self._context.notify(ProblemMet(error))
        await asyncio.sleep(self._backoff.next_delay(error.retry_after))

    async def _know_chats(self, stored: Sequence[tuple[OutboxRow, SendResult]]) -> None:
        """Have the cache know the chats of the results: the ack may come before the news of a chat it made."""
        cache = self._context.cache
        for chat_id in dict.fromkeys(result.chat_id for _, result in stored):
            if chat_id is None or cache.chat(chat_id) is not None:
                continue
            try:
                await self._context.store_chats([await self._fetch_chat(chat_id)])
            except ClientError as error:
                if error.temporary or error.code != "notMember":
                    raise  # the connection begins anew, and the server answers for the same ids again

    async def _event(self, row: OutboxRow, result: SendResult) -> LogEvent | None:
        """The event as the server has it and as every other client receives it.

        Asked for where it holds more than was sent, such as the names of files; None if it cannot be had any more,
        because the author has left the chat since.
        """
        chat_id, seq = result.chat_id or 0, result.seq or 0
        if row.enclosed != NOTHING_ENCLOSED or row.attached:
            try:
                page = await self._connection.fetch(chat_id, before_seq=seq + 1, limit=1)
            except ClientError as error:
                if error.temporary or error.code != "notMember":
                    raise
                return None
            return page.events[-1] if page.events else None
        return Message(
            id=event_id(chat_id, seq),
            seq=seq,
            at=result.at or 0,
            sender_id=self._context.account.user_id,
            client_id=row.client_id,
            text=normalize_message(row.text),
        )


def _sort_errors(
    pairs: Sequence[tuple[OutboxRow, SendResult]],
) -> tuple[list[tuple[bytes, ErrorInfo]], list[bytes], ErrorInfo | None]:
    """What is refused for good, what goes again under the same ids, and the first reason to wait before that.

    Behind a refusal that concerns the target, rows to it go back to the outbox: it holds them, so that a retry
    of the first sends all of them in their order.
    """
    refused: list[tuple[bytes, ErrorInfo]] = []
    again: list[bytes] = []
    waits: ErrorInfo | None = None
    blocked: set[Target] = set()
    for row, result in pairs:
        error = result.error
        if error is None:
            continue
        if error.temporary:
            again.append(row.client_id)
            waits = waits or error
        elif error.code in BLOCKING and row.target in blocked:
            again.append(row.client_id)
        else:
            refused.append((row.client_id, error))
            if error.code in BLOCKING:
                blocked.add(row.target)
    return refused, again, waits


def _outgoing(row: OutboxRow) -> Outgoing:
    target, enclosed = row.target, row.enclosed
    return Outgoing(
        client_id=row.client_id,
        text=row.text,
        chat_id=target.chat_id,
        user_id=target.user_id,
        email=target.email,
        reply_to=enclosed.reply_to,
        mentions=list(enclosed.mentions),
        mention_all=enclosed.mention_all,
        file_ids=[*enclosed.file_ids, *(attachment.file_id for attachment in row.attached)],
        forward=enclosed.forward,
    )


def _text_error(row: OutboxRow) -> ErrorInfo | None:
    if not row.text and row.is_content:
        return None
    try:
        normalize_message(row.text)
    except ChatError as error:
        return error.info()
    return None
