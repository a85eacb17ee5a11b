"""`chatterm export`: whole conversations, a page in memory at a time."""

import argparse
import asyncio
import sys
from contextlib import aclosing, nullcontext
from pathlib import Path
from typing import TextIO

from chatproto.models import LogEvent, Message
from chatterm.cli import outcome
from chatterm.cli.exported_files import ExportedFiles
from chatterm.cli.formats import FORMATS, Format
from chatterm.cli.logs import IncompleteError, connected, find_chat, read_range, seq_at
from chatterm.cli.looking import bring_up_to_date, looking
from chatterm.cli.naming import time_of
from chatterm.cli.whole_file import whole_file
from chatterm.client.errors import ClientError
from chatterm.client.session import Session
from chatterm.client.told import has_lines


def run(arguments: argparse.Namespace) -> int:
    """Write all of it, or nothing under the name of `--output`."""
    if bool(arguments.targets) == arguments.all:
        raise ClientError("usage", "Name chats, or all of them.", "Give TARGET or --all.")
    if arguments.offline and arguments.files is not None:
        raise ClientError("usage", "Files are downloaded from the server.", "Leave out --files or --offline.")
    since = 0 if arguments.since is None else time_of(arguments.since)
    until = None if arguments.until is None else time_of(arguments.until)
    return asyncio.run(_run(arguments, since, until))


async def _run(arguments: argparse.Namespace, since: int, until: int | None) -> int:
    async with looking(arguments) as session:
        online = await connected(session, arguments)
        if not online and not arguments.offline:
            raise ClientError(
                "unreachable",
                "The server cannot be reached, and the export would not be whole.",
                "Try again, or export what is cached with --offline.",
                temporary=True,
            )
        chats = await _chats(session, arguments)
        output = nullcontext(sys.stdout) if arguments.output is None else whole_file(Path(arguments.output))
        with output as stream:
            exporting = _Export(session, arguments, FORMATS[arguments.format], stream, online=online)
            for chat_id in chats:
                await exporting.write_chat(chat_id, since, until)
        outcome.say(f"Exported: {len(chats)} chats, {exporting.count} messages and events.")
        if exporting.gaps:
            outcome.say(f"Not all of {exporting.gaps} chats is on this machine; what is missing was left out.")
    return outcome.OK


async def _chats(session: Session, arguments: argparse.Namespace) -> list[int]:
    if arguments.all:
        await bring_up_to_date(session, arguments)
        return session.cache.chat_ids()
    found = [await find_chat(session, arguments, name) for name in arguments.targets]
    return list(dict.fromkeys(chat_id for chat_id in found if chat_id is not None))


class _Export:
    """Writes chats to one stream."""

    def __init__(
        self, session: Session, arguments: argparse.Namespace, written: Format, stream: TextIO, *, online: bool
    ) -> None:
        self._session = session
        self._format = written
        self._stream = stream
        self._online = online
        self._patience: float = arguments.timeout
        self._files = None if arguments.files is None else ExportedFiles(session, Path(arguments.files))
        self.count = 0
        self.gaps = 0

    async def write_chat(self, chat_id: int, since: int, until: int | None) -> None:
        """One chat. Raises `ClientError` if the server stops to answer."""
        session = self._session
        online = self._online and not session.cache.has_left(chat_id)
        after = await seq_at(session, chat_id, since, online=online) if since else 0
        self._stream.writelines(self._format.head(session.cache, chat_id))
        before: LogEvent | None = None
        events = read_range(
            session,
            chat_id,
            after + 1,
            session.cache.head(chat_id),
            online=online,
            patience=self._patience,
        )
        try:
            async with aclosing(events):
                async for event in events:
                    if until is not None and event.at >= until:
                        break
                    if event.at >= since and has_lines(event):
                        await self._write(chat_id, event, before)
                        before = event
        except IncompleteError:
            if online:
                raise ClientError(
                    "incomplete",
                    "The server stopped to answer before everything was there.",
                    "Run the same command again: what was fetched is kept.",
                    temporary=True,
                ) from None
            self.gaps += 1

    async def _write(self, chat_id: int, event: LogEvent, before: LogEvent | None) -> None:
        paths: dict[int, str] = {}
        if self._files is not None and isinstance(event, Message):
            paths = {file.id: await self._files.fetch(file) for file in event.files}
        self._stream.writelines(self._format.event(self._session.cache, chat_id, event, before, paths))
        self.count += 1
