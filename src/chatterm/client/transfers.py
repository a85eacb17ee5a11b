"""All uploads and downloads of one session: how far they are, and what the user may do with them."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from chatproto.errors import ErrorInfo
from chatproto.models import FileInfo
from chatterm.client import outbox_uploads
from chatterm.client.context import Context
from chatterm.client.errors import ClientError
from chatterm.client.model import Attachment, Moving, OutboxRow, OutboxState, Transfer, TransferChanged, TransferState
from chatterm.client.outbox import Outbox

if TYPE_CHECKING:
    from chatterm.client.api import Api
    from chatterm.client.downloads import Download
    from chatterm.client.pictures import Pictures
    from chatterm.client.tokens import TokenSource

_TELL_EVERY_S: Final = 0.1
_SMOOTH_S: Final = 2.0
"""Time constant of the rate: how long a change of speed takes to show for the most part."""
_DONE_KEPT: Final = 50
_DOWNLOADS_MAX: Final = 200
"""Downloads of this session that are remembered."""
DOWNLOADS_AT_ONCE: Final = 2

Rest = Callable[[], "tuple[Api, TokenSource]"]


@dataclass(slots=True)
class _Live:
    """A transfer that moved in this session, and what its rate is made of."""

    transfer: Transfer
    told_at: float = -math.inf
    measured_at: float = 0.0
    measured_done: int = 0
    telling: asyncio.TimerHandle | None = None
    """Will tell what came too soon after the last notice."""


class Transfers:
    """Uploads are told by the rows of the outbox, whoever makes them; how fast they are only the sending process knows.

    Belongs to the event loop's thread.
    """

    def __init__(
        self, context: Context, folder: Path, rest: Rest, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`folder` is for pictures. `rest` gives the API for transfers, or raises `ClientError`."""
        self._context = context
        self._folder = folder
        self._rest = rest
        self._clock = clock
        self._live: dict[str, _Live] = {}
        self._uploaded: deque[Transfer] = deque(maxlen=_DONE_KEPT)
        self._downloads: dict[str, Download] = {}
        self._turns = asyncio.Semaphore(DOWNLOADS_AT_ONCE)
        self._pictures: Pictures | None = None

    # --- what there is

    def list(self) -> "list[Transfer]":
        """Uploads of unsent messages in the order of sending, downloads, and uploads that ended in this session."""
        rows = self._context.outbox.read(outbox_uploads.with_files)
        waiting = [self._of_row(row, file) for row in rows for file in row.attached]
        shown = {transfer.id for transfer in waiting}
        ended = [transfer for transfer in self._uploaded if transfer.id not in shown]
        return [*waiting, *map(self._of_download, self._downloads.values()), *reversed(ended)]

    def of_message(self, row: OutboxRow) -> tuple[Transfer, ...]:
        """The uploads of an unsent message; cheap enough for painting."""
        return tuple(self._of_row(row, file) for file in row.attached)

    def moving(self) -> Moving:
        """What is going on now."""
        running = [live.transfer for live in self._live.values() if live.transfer.state is TransferState.RUNNING]
        up = [transfer for transfer in running if transfer.kind == "upload"]
        down = [transfer for transfer in running if transfer.kind == "download"]
        return Moving(
            sent=sum(transfer.done for transfer in up),
            to_send=sum(transfer.size for transfer in up),
            received=sum(transfer.done for transfer in down),
            to_receive=sum(transfer.size for transfer in down),
        )

    # --- what can be done

    async def pause(self, transfer_id: str) -> bool:
        """Pause a download, or the upload of a message's files: later messages pass it. False: nothing to pause."""
        download = self._downloads.get(transfer_id)
        if download is not None:
            return download.pause()
        return await self._set_paused(transfer_id, paused=True)

    async def resume(self, transfer_id: str) -> bool:
        """Go on with what is paused, and try again what failed. False: nothing to do."""
        download = self._downloads.get(transfer_id)
        if download is not None:
            return download.resume()
        found = self._find(transfer_id)
        if found is not None and found[0].state is OutboxState.FAILED:
            client_id = found[0].client_id
            await self._context.storage.outbox(lambda outbox: outbox.retry(client_id))
            self._outbox_changed()
            return True
        return await self._set_paused(transfer_id, paused=False)

    async def cancel(self, transfer_id: str) -> bool:
        """Give a download up, or an upload: its message fails then, and its text is kept. False: nothing to cancel."""
        download = self._downloads.pop(transfer_id, None)
        if download is not None:
            done = download.cancel()
            self._drop(transfer_id)
            return done
        found = self._find(transfer_id)
        if found is None or not found[0].is_uploading or found[0].state is not OutboxState.QUEUED:
            return False
        row, file = found
        error = ErrorInfo(
            code="uploadCancelled",
            message=f"You cancelled the upload of {file.name}.",
            hint="Retry the message, or discard it.",
        )
        await self._context.storage.outbox(lambda outbox: outbox.refused(row.client_id, error))
        self.upload_failed(row, file, error)
        self._outbox_changed()
        return True

    async def download(self, file: FileInfo, folder: Path | None = None) -> Transfer:
        """Save a file in a folder, by default the user's folder for downloads; `path` of the result says where.

        It never overwrites and never leaves the folder. It goes on by itself after the network was gone, and waits
        while it is paused. Raises `ClientError`, also `downloadCancelled`.
        """
        from chatterm.client.downloads import Download, downloads_folder  # noqa: PLC0415 - rarely needed

        place = await asyncio.to_thread(downloads_folder) if folder is None else folder
        self._forget_downloads()
        download = Download(
            file,
            place,
            server_url=self._context.account.server_url,
            rest=self._rest,
            turns=self._turns,
            show=self._show,
        )
        self._downloads[download.transfer.id] = download
        return await download.wait()

    async def picture(self, file_id: int, *, thumbnail: bool) -> Path:
        """The file of a picture, from the disk or else from the server; one request however many ask. `ClientError`."""
        return await self._picture_cache().get(file_id, thumbnail=thumbnail)

    def cached_picture(self, file_id: int, *, thumbnail: bool) -> Path | None:
        """The file of a picture if it is on the disk; cheap."""
        return self._picture_cache().cached(file_id, thumbnail=thumbnail)

    async def stop(self) -> None:
        """End the downloads; what has arrived stays for a resumption."""
        for transfer_id in list(self._live):
            self._drop(transfer_id)
        for download in self._downloads.values():
            download.stop()
        tasks: set[asyncio.Task[Any]] = {download.task for download in self._downloads.values()}
        if self._pictures is not None:
            tasks.update(self._pictures.stop())
        if tasks:
            await asyncio.wait(tasks)

    # --- told by the uploader

    def upload_moved(self, row: OutboxRow, file: Attachment, done: int) -> None:
        """Bytes of a file went out."""
        self._show(replace(_upload(row, file), done=done, state=TransferState.RUNNING))

    def upload_waits(self, row: OutboxRow, file: Attachment, error: ErrorInfo) -> None:
        """An attempt failed; the next one comes by itself."""
        live = self._live.get(file.spool)
        done = live.transfer.done if live is not None else 0
        self._show(replace(_upload(row, file), done=done, state=TransferState.WAITING, error=error))

    def upload_stopped(self, row: OutboxRow, file: Attachment) -> None:
        """Nobody works on it now: it was paused or discarded, or the connection is gone."""
        live = self._live.get(file.spool)
        if live is None or live.transfer.state is not TransferState.RUNNING:
            return
        now = self._context.outbox.row(row.client_id)
        if now is None or now.state is OutboxState.FAILED:
            self._drop(file.spool)
            return
        state = TransferState.PAUSED if now.paused else TransferState.WAITING
        self._show(replace(live.transfer, state=state, error=None))

    def upload_failed(self, row: OutboxRow, file: Attachment, error: ErrorInfo) -> None:
        """The upload was refused for good."""
        self._show(replace(_upload(row, file), state=TransferState.FAILED, error=error))
        self._drop(file.spool)

    def upload_done(self, row: OutboxRow, file: Attachment, file_id: int) -> None:
        """The server has the file."""
        done = replace(_upload(row, file), done=file.size, state=TransferState.DONE, file_id=file_id)
        self._show(done)
        self._drop(file.spool)
        self._uploaded.append(done)

    # --- within

    def _show(self, transfer: Transfer) -> None:
        """Keep and tell what became of a transfer; mere progress not too often."""
        now = self._clock()
        live = self._live.get(transfer.id)
        if live is None:
            live = self._live[transfer.id] = _Live(transfer, measured_at=now, measured_done=transfer.done)
            is_news = True
        else:
            is_news = (transfer.state, transfer.error) != (live.transfer.state, live.transfer.error)
        rate = 0.0
        if transfer.state is TransferState.RUNNING:
            rate = _rate(live, transfer, now, anew=is_news)
        live.transfer = replace(transfer, rate=rate)
        if transfer.kind == "upload":
            self._note_progress(live.transfer)
        if is_news or now - live.told_at >= _TELL_EVERY_S:
            self._tell(live)
        elif live.telling is None:
            live.telling = asyncio.get_running_loop().call_later(_TELL_EVERY_S, self._tell, live)
        if transfer.kind == "download" and transfer.state in (TransferState.DONE, TransferState.FAILED):
            self._drop(transfer.id)

    def _tell(self, live: _Live) -> None:
        live.told_at = self._clock()
        if live.telling is not None:
            live.telling.cancel()
            live.telling = None
        self._context.notify(TransferChanged(live.transfer))

    def _drop(self, transfer_id: str) -> None:
        """It does not move any more."""
        live = self._live.pop(transfer_id, None)
        if live is not None and live.telling is not None:
            live.telling.cancel()
        self._context.outbox.progress.pop(transfer_id, None)

    def _note_progress(self, transfer: Transfer) -> None:
        """Have the outbox tell it with the message's row, for painting."""
        progress = self._context.outbox.progress
        if transfer.state in (TransferState.RUNNING, TransferState.WAITING, TransferState.PAUSED):
            progress[transfer.id] = (transfer.done, transfer.rate)
        else:
            progress.pop(transfer.id, None)

    def _of_download(self, download: "Download") -> Transfer:
        """With its rate, which is measured here."""
        live = self._live.get(download.transfer.id)
        rate = live.transfer.rate if live is not None and download.transfer.state is TransferState.RUNNING else 0.0
        return replace(download.transfer, rate=rate)

    def _of_row(self, row: OutboxRow, file: Attachment) -> Transfer:
        live = self._live.get(file.spool)
        told = _upload(row, file)
        if live is None or told.state not in (TransferState.WAITING, TransferState.PAUSED):
            return told
        if told.state is TransferState.PAUSED:
            return replace(told, done=live.transfer.done)
        return live.transfer

    def _find(self, transfer_id: str) -> tuple[OutboxRow, Attachment] | None:
        rows = self._context.outbox.read(outbox_uploads.with_files)
        return next(((row, file) for row in rows for file in row.attached if file.spool == transfer_id), None)

    async def _set_paused(self, transfer_id: str, *, paused: bool) -> bool:
        found = self._find(transfer_id)
        if found is None:
            return False
        client_id = found[0].client_id

        def change(outbox: Outbox) -> bool:
            return outbox.change(lambda db: outbox_uploads.set_paused(db, client_id, paused=paused))

        done = await self._context.storage.outbox(change)
        if done:
            self._outbox_changed()
            row = self._context.outbox.row(client_id)
            transfers = () if row is None else self.of_message(row)
            for transfer in transfers:
                if transfer.state is not TransferState.DONE:
                    state = TransferState.PAUSED if paused else TransferState.WAITING
                    self._show(replace(transfer, state=state, error=None))
        return done

    def _outbox_changed(self) -> None:
        self._context.tell_outbox()
        self._context.outbox_changed.set()
        self._context.uploads_changed.set()

    def _forget_downloads(self) -> None:
        over = [key for key, download in self._downloads.items() if download.is_over]
        for key in over[: max(0, len(self._downloads) - _DOWNLOADS_MAX + 1)]:
            del self._downloads[key]
        if len(self._downloads) >= _DOWNLOADS_MAX:
            raise ClientError(
                "tooManyDownloads",
                f"{_DOWNLOADS_MAX} downloads are under way.",
                "Wait, or cancel some.",
                temporary=True,
            )

    def _picture_cache(self) -> "Pictures":
        if self._pictures is None:
            from chatterm.client.pictures import Pictures  # noqa: PLC0415 - only where pictures are shown

            self._pictures = Pictures(self._folder, self._rest)
        return self._pictures


def _upload(row: OutboxRow, file: Attachment) -> Transfer:
    """An upload as far as the outbox knows it."""
    state, done = TransferState.WAITING, 0
    if file.file_id:
        state, done = TransferState.DONE, file.size
    elif row.state is OutboxState.FAILED:
        state = TransferState.FAILED
    elif row.paused:
        state = TransferState.PAUSED
    return Transfer(
        id=file.spool,
        kind="upload",
        name=file.name,
        size=file.size,
        done=done,
        state=state,
        error=row.error if state is TransferState.FAILED else None,
        client_id=row.client_id,
        target=row.target,
        file_id=file.file_id,
    )


def _rate(live: _Live, transfer: Transfer, now: float, *, anew: bool) -> float:
    """Bytes per second, smoothed; measured over at least the time between two notices."""
    if anew:
        live.measured_at, live.measured_done = now, transfer.done
        return live.transfer.rate
    passed = now - live.measured_at
    if passed < _TELL_EVERY_S:
        return live.transfer.rate
    speed = max(0, transfer.done - live.measured_done) / passed
    live.measured_at, live.measured_done = now, transfer.done
    if not live.transfer.rate:
        return speed
    return live.transfer.rate + (speed - live.transfer.rate) * (1 - math.exp(-passed / _SMOOTH_S))
