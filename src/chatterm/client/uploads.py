"""Brings the files of unsent messages to the server: in pieces, from where it has them on, as often as it takes."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatproto import codec, limits
from chatproto.errors import CODES, ErrorInfo
from chatproto.models import FileInfo
from chatproto.rest import Upload, UploadRequest
from chatproto.text import normalize_file_name
from chatterm.client import outbox_uploads
from chatterm.client.api import Api
from chatterm.client.backoff import Backoff
from chatterm.client.closing import ConnectionEndedError
from chatterm.client.context import Context
from chatterm.client.errors import ClientError
from chatterm.client.lock import SenderLock
from chatterm.client.model import Attachment, OutboxRow
from chatterm.client.outbox import Outbox
from chatterm.client.spool import check_file
from chatterm.client.tokens import TokenSource

if TYPE_CHECKING:
    from chatterm.client.transfers import Transfers

AT_ONCE: Final = 2
_LOOKED_AT: Final = 50
"""Waiting messages that are read at a time."""
_READ_BYTES: Final = 131_072
_PIECE_MIN: Final = 262_144
_PIECE_MAX: Final = 33_554_432
"""Bytes of one request. It grows while pieces arrive and shrinks when one does not, down to what any gateway takes."""
_TYPE: Final = "application/offset+octet-stream"
_OTHERS: Final = frozenset({"tokenExpired", "tokenInvalid", "tokenMissing", "uploadNotFound", "uploadOffset"})
"""Refusals that the next attempt, which asks anew, will not meet."""


class Uploader:
    """Uploads while it holds the account's sender lock. A row of the outbox can be sent once all of its files are up.

    It keeps nothing that a kill could lose: the announcement of a file is idempotent and says where to go on.
    """

    def __init__(
        self, context: Context, api: Api, tokens: TokenSource, lock: SenderLock, transfers: "Transfers"
    ) -> None:
        """`api` is for these transfers alone, so that they never keep other requests waiting."""
        self._context = context
        self._api = api
        self._tokens = tokens
        self._lock = lock
        self._transfers = transfers
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._dropping: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled. Raises `ConnectionEndedError` if the account is not signed in any more."""
        changed = self._context.uploads_changed
        swept = False
        try:
            while True:
                changed.clear()
                if self._lock.held:
                    if not swept:
                        await self._context.storage.outbox(
                            lambda outbox: outbox.spool.sweep(lambda: outbox.read(outbox_uploads.spooled))
                        )
                        swept = True
                    await self._adjust()
                await changed.wait()
        finally:
            tasks = [*self._tasks.values(), *self._dropping]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _adjust(self) -> None:
        """Have those files uploaded that are next, and no others."""
        rows = await self._context.storage.outbox(
            lambda outbox: outbox.read(lambda db: outbox_uploads.uploading(db, _LOOKED_AT))
        )
        wanted = {file.spool: (row, file) for row in rows for file in row.attached if not file.file_id}
        for spool, task in list(self._tasks.items()):
            if task.done():
                del self._tasks[spool]
                if not task.cancelled():
                    task.result()
            elif spool not in wanted:
                task.cancel()
        for spool, (row, file) in wanted.items():
            if len(self._tasks) >= AT_ONCE:
                break
            if spool not in self._tasks:
                task = asyncio.create_task(self._upload(row, file), name="upload")
                task.add_done_callback(lambda _: self._context.uploads_changed.set())
                self._tasks[spool] = task

    async def _upload(self, row: OutboxRow, file: Attachment) -> None:
        path = self._context.outbox.spool.path(file.spool)
        attempt = Attempt(
            self._api, self._tokens, (file, path), lambda done: self._transfers.upload_moved(row, file, done)
        )
        backoff = Backoff()
        try:
            while True:
                before = attempt.offset
                try:
                    file_id = (await attempt.run()).id
                except ConnectionEndedError:
                    raise
                except ClientError as error:
                    if attempt.offset > before:
                        backoff = Backoff()
                    if is_final(error):
                        await self._refuse(row, file, error.info())
                        return
                    self._transfers.upload_waits(row, file, error.info())
                    await asyncio.sleep(backoff.next_delay(error.retry_after))
                else:
                    await self._complete(row, file, file_id)
                    return
        except asyncio.CancelledError:
            if attempt.upload_id and self._context.outbox.row(row.client_id) is None:
                self._give_up(attempt.upload_id)
            self._transfers.upload_stopped(row, file)
            raise

    async def _complete(self, row: OutboxRow, file: Attachment, file_id: int) -> None:
        def complete(outbox: Outbox) -> None:
            outbox.change(lambda db: outbox_uploads.complete(db, row.client_id, file.spool, file_id))

        await self._context.storage.outbox(complete)
        self._transfers.upload_done(row, file, file_id)
        self._context.tell_outbox()
        self._context.outbox_changed.set()

    async def _refuse(self, row: OutboxRow, file: Attachment, error: ErrorInfo) -> None:
        told = ErrorInfo(code=error.code, message=f"{file.name}: {error.message}", hint=error.hint)
        await self._context.storage.outbox(lambda outbox: outbox.refused(row.client_id, told))
        self._transfers.upload_failed(row, file, told)
        self._context.tell_outbox()
        self._context.outbox_changed.set()

    def _give_up(self, upload_id: int) -> None:
        """The message was discarded: free the room on the server now, not only when the upload expires."""

        async def drop() -> None:
            with contextlib.suppress(ClientError):
                await self._tokens.call(lambda token: self._api.request("DELETE", f"/uploads/{upload_id}", token=token))

        task = asyncio.create_task(drop())
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)


class Attempt:
    """One file's way to the server; `run` may be called again after each failure."""

    def __init__(
        self, api: Api, tokens: TokenSource, source: tuple[Attachment, Path], moved: Callable[[int], None]
    ) -> None:
        """`source` is the file and where its copy lies; `moved` is told how many bytes went out."""
        self._api = api
        self._tokens = tokens
        self._file, self._path = source
        self._moved = moved
        self._piece = _PIECE_MIN * 4
        self.offset = 0
        self.upload_id = 0

    async def run(self) -> FileInfo:
        """The file, once the server has all of it. Raises `ClientError`."""
        descriptor = await asyncio.to_thread(_open, self._path, self._file)
        try:
            body = UploadRequest(name=self._file.name, size=self._file.size, client_id=self._file.key)
            upload = await self._tokens.call(
                lambda token: self._api.call("POST", "/uploads", Upload, token=token, body=body)
            )
            self.upload_id = upload.id
            while upload.file is None:
                self.offset = upload.offset
                self._moved(self.offset)
                try:
                    upload = await self._send_piece(descriptor, upload)
                except ClientError:
                    self._piece = max(_PIECE_MIN, self._piece // 4)
                    raise
                self._piece = min(_PIECE_MAX, self._piece * 2)
            self.offset = self._file.size
            return upload.file
        finally:
            os.close(descriptor)

    async def _send_piece(self, descriptor: int, upload: Upload) -> Upload:
        start, end = upload.offset, min(self._file.size, upload.offset + self._piece)
        headers = {"content-type": _TYPE, "upload-offset": str(start), "content-length": str(end - start)}

        async def send(token: str) -> Upload:
            content = self._content(descriptor, start, end)
            async with self._api.stream(
                "PATCH", f"/uploads/{upload.id}", token=token, headers=headers, content=content
            ) as response:
                return codec.decode_body(await response.aread(), Upload, max_bytes=limits.SERVER_FRAME_MAX_BYTES)

        try:
            return await self._tokens.call(send)
        except codec.ProtocolError as error:
            raise ClientError("answerUnreadable", f"The server's answer: {error.message}", temporary=True) from None

    async def _content(self, descriptor: int, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            try:
                part = await asyncio.to_thread(os.pread, descriptor, min(_READ_BYTES, end - start), start)
            except OSError as error:
                raise _copy_lost(self._file, error.strerror or "it cannot be read") from error
            if not part:
                raise _copy_lost(self._file, "it became shorter")
            yield part
            start += len(part)
            self._moved(start)


async def upload_path(api: Api, tokens: TokenSource, path: Path, moved: Callable[[int], None]) -> FileInfo:
    """Upload a file from where it lies, as often as it takes. Raises `ClientError` where trying again is no help."""
    size = await asyncio.to_thread(check_file, path)
    file = Attachment(spool="", name=normalize_file_name(path.name), size=size, key=os.urandom(16))
    attempt = Attempt(api, tokens, (file, path), moved)
    backoff = Backoff()
    while True:
        before = attempt.offset
        try:
            return await attempt.run()
        except ClientError as error:
            if is_final(error) or (isinstance(error, ConnectionEndedError) and not error.temporary):
                raise
            if attempt.offset > before:
                backoff = Backoff()
            await asyncio.sleep(backoff.next_delay(error.retry_after))


def _open(path: Path, file: Attachment) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise _copy_lost(file, error.strerror or "it cannot be opened") from error
    size = os.fstat(descriptor).st_size
    if size != file.size:
        os.close(descriptor)
        raise _copy_lost(file, f"it has {size:,} bytes, not {file.size:,}")
    return descriptor


def _copy_lost(file: Attachment, why: str) -> ClientError:
    return ClientError(
        "attachmentLost",
        f"{file.name} cannot be sent: {why}.",
        "Discard this message, and attach the file again.",
    )


def is_final(error: ClientError) -> bool:
    """Whether trying again cannot help. What is not of the chat server's own words may come from a gateway."""
    if error.temporary or error.code in _OTHERS:
        return False
    return error.code in CODES or error.code == "attachmentLost"
