"""Downloads: a file from the server to a folder of the user, however often the network breaks."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from chatproto import limits
from chatproto.models import FileInfo
from chatproto.text import normalize_file_name
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.fetching import fetch
from chatterm.client.landing import Landing
from chatterm.client.model import Transfer, TransferState
from chatterm.client.settings import read_settings

if TYPE_CHECKING:
    from chatterm.client.transfers import Rest

_USER_DIRS_MAX_BYTES: Final = 65_536
_OVER: Final = frozenset({TransferState.DONE, TransferState.FAILED})


class Download:
    """One file on its way to a folder; see `Transfers.download`."""

    def __init__(
        self,
        file: FileInfo,
        folder: Path,
        *,
        server_url: str,
        rest: "Rest",
        turns: asyncio.Semaphore,
        show: Callable[[Transfer], None],
    ) -> None:
        """`turns` bounds how many run at a time; `show` is told of all that happens to the transfer."""
        self._file = file
        self._folder = folder
        self._rest = rest
        self._turns = turns
        self._tell = show
        self._key = hashlib.sha256(f"{server_url}\n{file.id}".encode()).hexdigest()[:24]
        self._ended: asyncio.Future[Transfer] = asyncio.get_running_loop().create_future()
        self.transfer = Transfer(
            id=f"d{os.urandom(8).hex()}",
            kind="download",
            name=normalize_file_name(file.name),
            size=file.size,
            done=0,
            state=TransferState.WAITING,
            file_id=file.id,
        )
        self.task = self._begin(None)

    @property
    def is_over(self) -> bool:
        """Whether nothing goes on unless somebody resumes it."""
        return self.transfer.state in _OVER

    async def wait(self) -> Transfer:
        """The transfer once it is done. Raises `ClientError`."""
        return await asyncio.shield(self._ended)

    def pause(self) -> bool:
        """What has arrived stays; False if it is over."""
        if self.is_over or self.transfer.state is TransferState.PAUSED:
            return False
        self.stop()
        self._show(state=TransferState.PAUSED, error=None)
        return True

    def resume(self) -> bool:
        """Go on after a pause or a failure; False if nothing stands still."""
        if self.transfer.state not in (TransferState.PAUSED, TransferState.FAILED):
            return False
        self._show(state=TransferState.WAITING, error=None)
        self.task = self._begin(self.task)
        return True

    def cancel(self) -> bool:
        """Delete what has arrived; False if it is over."""
        if self.transfer.state is TransferState.DONE:
            return False
        self.stop()
        error = ClientError("downloadCancelled", f"The download of {self.transfer.name} was cancelled.")
        self._show(state=TransferState.FAILED, error=error.info())
        self._fail(error)
        return True

    def stop(self) -> None:
        """End the work, without saying so to whoever waits."""
        self.task.cancel()

    # --- within

    def _begin(self, before: "asyncio.Task[None] | None") -> "asyncio.Task[None]":
        return asyncio.create_task(self._run(before), name="download")

    async def _run(self, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait([before])  # it holds the file
        try:
            async with self._turns:
                path = await self._fetch()
        except ClientError as error:
            self._show(state=TransferState.FAILED, error=error.info())
            self._fail(error)
            return
        self._show(state=TransferState.DONE, done=self._file.size, path=path, error=None)
        if not self._ended.done():
            self._ended.set_result(self.transfer)

    async def _fetch(self) -> Path:
        landing = await asyncio.to_thread(Landing, self._folder, self._file.name, self._key)
        try:
            await asyncio.to_thread(landing.check_room, self._file.size)
            sink = _HashedSink(landing, self._moved)
            await sink.begin()
            for _ in range(2):
                etag = await fetch(
                    self._rest,
                    f"/files/{self._file.id}",
                    sink,
                    max_bytes=limits.FILE_SIZE_MAX,
                    size=self._file.size,
                    failures_max=None,  # it is the user's to give it up
                    waits=self._waits,
                )
                if sink.fits(etag):
                    return await asyncio.to_thread(landing.land)
                await sink.clear()  # what an earlier attempt had left on the disk is not what it was
            raise ClientError("fileChanged", "The file arrived damaged.", "Try again.", temporary=True)
        except asyncio.CancelledError:
            if self.transfer.error is not None and self.transfer.error.code == "downloadCancelled":
                landing.discard()
            raise
        except ClientError:
            if not landing.size:
                landing.discard()
            raise
        finally:
            landing.close()

    def _moved(self, done: int) -> None:
        self._show(state=TransferState.RUNNING, done=done, error=None)

    def _waits(self, error: ClientError) -> None:
        self._show(state=TransferState.WAITING, error=error.info())

    def _show(self, **values: object) -> None:
        self.transfer = replace(self.transfer, **values)
        self._tell(self.transfer)

    def _fail(self, error: ClientError) -> None:
        if not self._ended.done():
            self._ended.set_exception(error)
            self._ended.exception()  # whoever waits gets it; perhaps nobody does


class _HashedSink:
    """A landing file as the sink of a fetch; it knows the SHA-256 of what is there."""

    def __init__(self, landing: Landing, moved: Callable[[int], None]) -> None:
        self._landing = landing
        self._moved = moved
        self._hash = hashlib.sha256()

    async def begin(self) -> None:
        """Take up what an earlier attempt has left."""
        await asyncio.to_thread(self._take_up)
        self._moved(self.size)

    @property
    def size(self) -> int:
        return self._landing.size

    async def append(self, data: bytes) -> None:
        await asyncio.to_thread(self._append, data)
        self._moved(self.size)

    async def clear(self) -> None:
        await asyncio.to_thread(self._landing.clear)
        self._hash = hashlib.sha256()

    def fits(self, etag: str) -> bool:
        """Whether this is the content that the ETag names, if it is a SHA-256."""
        return len(etag) != 64 or etag == self._hash.hexdigest()

    def _append(self, data: bytes) -> None:
        self._landing.append(data)
        self._hash.update(data)

    def _take_up(self) -> None:
        for piece in self._landing.pieces():
            self._hash.update(piece)


def downloads_folder() -> Path:
    """Where downloads go: as set, else where the desktop says, else `~/Downloads`, else the home folder.

    A folder that was set is made if it is missing. Raises `ClientError`.
    """
    chosen = read_settings().settings.files.downloads
    if chosen:
        folder = Path(chosen).expanduser()
        if not folder.is_absolute():
            folder = Path.home() / folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, folder) from error
        return folder
    for found in (_desktop_folder(), Path.home() / "Downloads"):
        if found is not None and found.is_dir():
            return found
    return Path.home()


def _desktop_folder() -> Path | None:
    """`XDG_DOWNLOAD_DIR`, from the environment or from `user-dirs.dirs` (xdg-user-dirs)."""
    value = os.environ.get("XDG_DOWNLOAD_DIR", "")
    if not value:
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        with contextlib.suppress(OSError), (config / "user-dirs.dirs").open("rb") as file:
            value = _user_dir(file.read(_USER_DIRS_MAX_BYTES).decode(errors="replace"))
    if not value:
        return None
    path = Path(value.replace("$HOME", str(Path.home()), 1) if value.startswith("$HOME") else value)
    return path if path.is_absolute() else None


def _user_dir(text: str) -> str:
    """The last assignment counts, as it does for a shell."""
    found = ""
    for line in text.splitlines():
        name, _, value = line.strip().partition("=")
        if name == "XDG_DOWNLOAD_DIR":
            found = value.strip().strip('"').replace("\\", "")
    return found
