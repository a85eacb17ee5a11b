"""What a session does with messages that are not sent yet: each change is durable when it returns."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from chatproto.text import normalize_message
from chatterm.client.cache import Cache
from chatterm.client.context import Context
from chatterm.client.model import NOTHING_ENCLOSED, Enclosed, OutboxRow, Target
from chatterm.client.outbox import Outbox
from chatterm.client.paths import AccountFiles


class Queueing(ABC):
    """Puts messages into the outbox of `Session`, changes them there, and takes them back."""

    cache: Cache
    outbox: Outbox
    _account_files: AccountFiles
    _context: Context

    @abstractmethod
    def _outbox_changed(self) -> None:
        """Tell of it, and send what waits."""

    async def send(
        self, target: Target, text: str, enclosed: Enclosed = NOTHING_ENCLOSED, files: Sequence[Path] = ()
    ) -> OutboxRow:
        """Queue a message with copies of `files`. Durable on disk when this returns. `text` may be empty if there is
        other content.

        Raises `ChatError` for text that cannot be sent, `ClientError` for files that cannot, or a disk that does not
        take them. Cancelled while files are copied, it leaves nothing.
        """
        from chatterm.client.targets import best_known  # noqa: PLC0415 - nothing before the first screen needs it

        normal = normalize_message(text) if text or not (files or enclosed.is_content) else ""
        place = best_known(self.cache, target)
        if files:
            row = await self._send_files(place, normal, enclosed, files)
        else:
            row = await self._context.storage.outbox(lambda outbox: outbox.append(place, normal, enclosed=enclosed))
        self._outbox_changed()
        return row

    async def _send_files(self, place: Target, text: str, enclosed: Enclosed, files: Sequence[Path]) -> OutboxRow:
        from chatterm.client.enclosing import queue_with_files  # noqa: PLC0415 - few messages have files

        stop = threading.Event()
        work = asyncio.ensure_future(
            asyncio.to_thread(queue_with_files, self._account_files, place, text, files, enclosed=enclosed, stop=stop)
        )
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            if work.exception() is None:
                return work.result()  # it was too late: what is queued must be known as queued
            raise

    async def retry(self, client_id: bytes) -> None:
        """Queue a failed or held message again, under a new client id if the old one was refused for it."""
        await self._context.storage.outbox(lambda outbox: outbox.retry(client_id))
        self._outbox_changed()

    async def rewrite(self, client_id: bytes, text: str, enclosed: Enclosed) -> bool:
        """Give an unsent message another text in its place; False if it may already be sent.

        Raises `ChatError` for text that cannot be sent.
        """
        from chatterm.client import outbox_edits  # noqa: PLC0415 - few messages are changed before they are sent

        row = self.outbox.row(client_id)
        normal = "" if row is not None and row.is_content and not text.strip() else normalize_message(text)
        changed = await self._context.storage.outbox(
            lambda outbox: outbox.change(lambda rows: outbox_edits.rewrite(rows, client_id, normal, enclosed))
        )
        self._outbox_changed()
        return changed is not None

    async def discard(self, client_id: bytes) -> bool:
        """Drop a failed message, or a queued one that was never attempted; False if it may already be sent."""
        done = await self._context.storage.outbox(lambda outbox: outbox.discard(client_id))
        self._outbox_changed()
        return done
