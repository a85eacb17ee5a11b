"""`chatserver top`, once its arguments and settings are known: the window, or one look."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import time

from msgspec.structs import replace

from chatproto import codec
from chatserver.backends import open_chat_names
from chatserver.cli.exits import Exit, fail
from chatserver.top import board, tables
from chatserver.top.cells import glyphs, text_of
from chatserver.top.poller import Names
from chatserver.top.source import Source, SourceError
from chatserver.top.watch import Watch

_ONCE_S = 1.0
"""Seconds between the two readings of one look."""
_STATEMENTS = 20
"""Statements in one look as text, unless told otherwise."""


async def look_once(url: str, data: Path | None, *, interval: float, statements: int | None, as_json: bool) -> Exit:
    """Print what a second of the server's life tells; names from `data`, if given. Raises `StoreUnusableError`.

    Of the statements the slowest, at most so many: as text 20 unless told otherwise, as JSON all.
    """
    seconds = min(interval, _ONCE_S)
    async with _open(url, data) as (source, names):
        watch = Watch(url)
        try:
            watch.take(await source.read())
            await asyncio.sleep(seconds)
            reading = await source.read()
        except SourceError as error:
            return fail(Exit.UNREACHABLE, f"No figures from {url}: {error}.")
        known = await names.names([chat.id for chat in reading.chats]) if names else {}
        watch.take(reading, known)
    assert watch.figures is not None
    most = _STATEMENTS if statements is None and not as_json else statements
    watch.figures = replace(watch.figures, statements=tables.slowest(watch.figures)[:most])
    if as_json:
        sys.stdout.write(codec.encode_text(watch.figures) + "\n")
    else:
        view = board.View(watch=watch, url=url, interval=seconds, now=time())
        columns = shutil.get_terminal_size((100, 24)).columns
        lines = board.page(view, columns, glyphs())
        sys.stdout.write("".join(text_of(line) + "\n" for line in lines))
    sys.stdout.flush()
    return Exit.OK


async def watch(url: str, data: Path | None, *, interval: float) -> Exit:
    """Show the window until its user leaves. Raises `StoreUnusableError`."""
    os.environ.setdefault("ESCDELAY", "25")
    from chatserver.top.app import TopApp  # noqa: PLC0415 - Textual reads its environment when imported

    async with _open(url, data) as (source, names):
        await TopApp(source, interval, names, glyphs()).run_async(mouse=False)
    return Exit.OK


@contextlib.asynccontextmanager
async def _open(url: str, data: Path | None) -> AsyncIterator[tuple[Source, Names | None]]:
    async with contextlib.AsyncExitStack() as undo:
        source = Source(url)
        undo.push_async_callback(source.close)
        if data is None:
            yield source, None
            return
        names = await open_chat_names(data)
        undo.push_async_callback(names.close)
        yield source, names
