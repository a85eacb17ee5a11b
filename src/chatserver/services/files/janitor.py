"""Removes what nothing needs any more: abandoned uploads, files that nothing shows, content that no file has."""

import asyncio
import contextlib
import logging
from typing import Final

from chatproto.errors import ChatError
from chatserver.files.keeping import ContentLock
from chatserver.services.files.contents import Contents
from chatserver.services.files.uploads import Uploads
from chatserver.store.base import Store

_AT_ONCE: Final = 100
_log = logging.getLogger("chatserver.files")


class Janitor:
    """Works in small steps, so that messages are stored in between. A failure ends one round only."""

    def __init__(
        self, store: Store, uploads: Uploads, contents: Contents, *, lock: ContentLock, interval_s: float
    ) -> None:
        """While somebody keeps the content by `lock`, what is to be removed of it waits for a later round."""
        self._store = store
        self._lock = lock
        self._uploads = uploads
        self._contents = contents
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tidy now and then, until `close`."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="files-janitor")

    async def close(self) -> None:
        """Stop. What is half done is done again after the next start. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def tidy(self) -> None:
        """One round: remove everything that is due. Raises `ChatError` if the database or the storage cannot."""
        while await self._uploads.expire():
            pass
        while await self._store.review_files(_AT_ONCE) == _AT_ONCE:
            pass
        while doomed := await self._store.doomed_blobs(_AT_ONCE):
            with self._lock.removing() as allowed:
                if not allowed:
                    return
                await self._contents.remove(doomed)
                await self._store.forget_blobs(doomed)

    async def _run(self) -> None:
        while True:
            try:
                await self.tidy()
            except ChatError as error:
                _log.warning("files could not be tidied: %s", error.code)
            except Exception:
                # The janitor must outlive a mistake, or the disk fills without a sign.
                _log.exception("tidying files failed unexpectedly")
            await asyncio.sleep(self._interval_s)
