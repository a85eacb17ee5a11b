"""`chatserver export`: what the server holds, as lines of JSON."""

import argparse
from contextlib import closing
from functools import partial

from chatproto import codec
from chatserver import backends
from chatserver.cli.amounts import amount
from chatserver.cli.exits import Exit, fail, say
from chatserver.cli.storing import with_store
from chatserver.clock import now_us
from chatserver.exporting.output import FilesFolder, whole_file
from chatserver.exporting.run import Exporter, NoSuchChatError, Wanted
from chatserver.files.threads import DiskThreads
from chatserver.settings import Settings
from chatserver.store.base import Store


def export(arguments: argparse.Namespace) -> int:
    """Write all of it, or nothing under the name of `--output`."""
    try:
        return with_store(arguments, partial(_export, arguments))
    except NoSuchChatError as error:
        return fail(Exit.REFUSED, error)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = error.filename or arguments.output or "standard output"
        return fail(Exit.REFUSED, f"The export stopped: {place}: {error.strerror}. No export was written.")


async def _export(arguments: argparse.Namespace, store: Store, settings: Settings) -> None:
    wanted = Wanted(chats=tuple(arguments.chat), since=arguments.since, until=arguments.until)
    with closing(DiskThreads()) as threads:
        folder = None
        if arguments.files is not None:
            blobs = backends.open_blobs(settings, settings.data / "files" / "content", threads)
            folder = FilesFolder(arguments.files, blobs)
        async with store.snapshot() as snapshot:
            exporter = Exporter(snapshot, wanted, epoch=store.epoch, now=now_us())
            with whole_file(arguments.output) as stream:
                async for record in exporter.records():
                    stream.write(codec.encode(record) + b"\n")
                    while exporter.files:
                        _, row = exporter.files.popitem()
                        if folder is not None:
                            await folder.save(row)
    counts = exporter.counts
    say(
        f"Exported {amount(counts.users, 'user')}, {amount(counts.chats, 'chat')} and {amount(counts.events, 'event')}."
    )
    if folder is not None:
        say(f"Wrote {amount(folder.count, 'file')} to {arguments.files}.")
        if folder.missing:
            say(f"Not in the storage of files: {amount(len(folder.missing), 'file')}, such as {folder.missing[0]}.")
