"""Files of exported messages: each downloaded once, into a folder of its own."""

import asyncio
from pathlib import Path

from chatproto.models import FileInfo
from chatterm.cli.looking import wait_until
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.session import Session

_DAY_S = 86_400.0


class ExportedFiles:
    """The folder `DIR/ID/NAME`. What is there already is not downloaded again."""

    def __init__(self, session: Session, folder: Path) -> None:
        self._session = session
        self._folder = folder

    async def fetch(self, file: FileInfo) -> str:
        """The path of a file's copy. Raises `ClientError`, also when the connection is lost meanwhile."""
        folder = self._folder / str(file.id)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            there = [path for path in folder.iterdir() if not path.name.startswith(".")]
        except OSError as error:
            raise from_os_error(error, folder) from error
        if there:
            return str(there[0])
        loading = asyncio.create_task(self._load(file, folder))
        try:
            if not await wait_until(self._session, loading.done, _DAY_S, loading):
                raise ClientError(
                    "incomplete",
                    f"The connection was lost while {file.name} was downloaded.",
                    "Run the same command again: what was fetched is kept.",
                    temporary=True,
                )
            await loading
        finally:
            loading.cancel()
        return str(next(path for path in folder.iterdir() if not path.name.startswith(".")))

    async def _load(self, file: FileInfo, folder: Path) -> None:
        await self._session.transfers.download(file, folder)
