"""`chatterm download`: files of messages, saved in a folder or written to standard output."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import NoReturn

from chatproto import limits
from chatproto.models import FileInfo
from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.cli.asking import Asked, asking_server, chat_of
from chatterm.cli.naming import seq_of
from chatterm.cli.progress import Progress
from chatterm.cli.records import file_record
from chatterm.client.asking import asking
from chatterm.client.downloads import Download, downloads_folder
from chatterm.client.errors import ClientError
from chatterm.client.fetching import describe, fetch
from chatterm.client.model import Transfer, TransferState
from chatterm.client.transfers import Rest


def run(arguments: argparse.Namespace) -> int:
    """Save the files one after the other; the first failure ends it."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with asking_server(arguments) as asked, asking(asked.account) as pair:
        rest: Rest = lambda: pair  # noqa: E731 - it has the type of what is asked for
        files = await _files(asked, rest, arguments)
        if arguments.to == "-":
            if len(files) != 1:
                raise ClientError("usage", f"The message has {len(files)} files.", "Name one by its id.")
            return await _write_out(files[0], rest, arguments)
        folder = await asyncio.to_thread(_folder, arguments.to)
        for file in files:
            path = await _save(file, folder, rest, asked, arguments)
            if arguments.json:
                outcome.put_json({**file_record(file), "path": str(path)})
            else:
                outcome.put(terminal_safe(str(path)))
    return outcome.OK


def _folder(named: str | None) -> Path:
    return Path(named).absolute() if named else downloads_folder()


async def _files(asked: Asked, rest: Rest, arguments: argparse.Namespace) -> list[FileInfo]:
    """Those of the message that is named, or the one file; message seqs are counted from 1, file ids are huge."""
    chat_id = await chat_of(asked, arguments.target)
    number = seq_of(arguments.what, chat_id)
    try:
        message = await asked.server.message(chat_id, number)
    except ClientError as error:
        if error.code != "messageNotFound" or "." in arguments.what or number > limits.ID_MAX:
            raise
        return [await describe(rest, number)]
    if not message.files:
        raise ClientError("noFiles", "This message shows no files.", "See 'chatterm history TARGET --json'.")
    return list(message.files)


async def _save(file: FileInfo, folder: Path, rest: Rest, asked: Asked, arguments: argparse.Namespace) -> Path:
    progress = Progress()
    try:
        async with asyncio.timeout(arguments.timeout) as deadline:
            loop = asyncio.get_running_loop()

            def show(transfer: Transfer) -> None:
                progress.show(transfer)
                if transfer.state is TransferState.RUNNING:
                    deadline.reschedule(loop.time() + arguments.timeout)

            download = Download(
                file, folder, server_url=asked.account.server_url, rest=rest, turns=asyncio.Semaphore(1), show=show
            )
            try:
                done = await download.wait()
            finally:
                download.stop()
                await asyncio.wait([download.task])
    except TimeoutError:
        _too_slow(file, arguments)
    finally:
        progress.end()
    assert done.path is not None
    return done.path


async def _write_out(file: FileInfo, rest: Rest, arguments: argparse.Namespace) -> int:
    out = _Output(file)
    try:
        async with asyncio.timeout(arguments.timeout) as deadline:
            out.deadline, out.patience = deadline, arguments.timeout
            await fetch(rest, f"/files/{file.id}", out, max_bytes=limits.FILE_SIZE_MAX, size=file.size)
    except TimeoutError:
        _too_slow(file, arguments)
    except ClientError:
        if out.broken is not None:
            raise out.broken from None
        raise
    finally:
        out.progress.end()
    return outcome.OK


def _too_slow(file: FileInfo, arguments: argparse.Namespace) -> NoReturn:
    raise ClientError(
        "unreachable",
        f"{file.name} did not get on within {arguments.timeout:g} s.",
        "Check your network, or give it more time with --timeout.",
        temporary=True,
    ) from None


class _Output:
    """Standard output as a sink: what was written cannot be taken back."""

    def __init__(self, file: FileInfo) -> None:
        self._file = file
        self.size = 0
        self.broken: OSError | None = None
        self.progress = Progress()
        self.deadline: asyncio.Timeout | None = None
        self.patience = 0.0

    async def append(self, data: bytes) -> None:
        try:
            await asyncio.to_thread(self._write, data)
        except OSError as error:
            self.broken = error
            raise ClientError("outputClosed", "Standard output does not take it.") from error
        self.size += len(data)
        if self.deadline is not None:
            self.deadline.reschedule(asyncio.get_running_loop().time() + self.patience)
        file = self._file
        self.progress.show(Transfer("", "download", file.name, file.size, self.size, TransferState.RUNNING))

    async def clear(self) -> None:
        if self.size:
            raise ClientError("fileChanged", "The file changed while it was written.", "Try again.")

    def _write(self, data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
