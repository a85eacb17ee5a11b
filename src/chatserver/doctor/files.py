"""Looks whether the content of attachments is where the database says it is: some of it, or all and each byte."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from chatproto.errors import ChatError
from chatproto.findings import Finding, bad, good
from chatserver.backends import inspect_store, open_blobs
from chatserver.files.base import BlobMissingError, BlobStorage
from chatserver.files.threads import DiskThreads
from chatserver.settings import Settings
from chatserver.store.interfaces.inspection import InspectionError, StoredContent

_SAMPLE: Final = 100
_NAMED: Final = 5


def check_contents(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    """A sample, or with `deep` everything and its SHA-256; nothing if the database cannot be asked."""
    if not settings.data.is_dir():
        return
    try:
        looked, wrong = asyncio.run(_look(settings, deep=deep))
    except InspectionError:
        return  # said of the database already
    except ChatError as error:
        yield bad("attachments", f"The storage does not answer: {error.message}", error.info().hint)
        return
    if wrong:
        hint = "Restore files/content from a backup; the messages are not affected."
        named = ", ".join(wrong[:_NAMED])
        yield bad("attachments", f"{len(wrong):,} of {looked:,} are missing or damaged: {named}.", hint)
    elif deep:
        yield good("attachments", f"All {looked:,} are there, each byte." if looked else "There are none.")
    else:
        yield good("attachments", f"{looked:,} were looked at, and are there." if looked else "There are none.")


async def _look(settings: Settings, *, deep: bool) -> tuple[int, list[str]]:
    """How many were looked at, and the keys of those that are wrong."""
    looked, wrong = 0, []
    folder = settings.data / "files" / "content"
    threads = DiskThreads()
    try:
        with inspect_store(settings.data) as inspector:
            blobs: BlobStorage | None = None
            for content in inspector.contents(None if deep else _SAMPLE):
                looked += 1
                if settings.file_storage == "disk" and not folder.is_dir():
                    wrong.append(content.key)  # to open the storage would make the folder
                    continue
                blobs = blobs or open_blobs(settings, folder, threads)
                if not await _is_whole(blobs, content, deep=deep):
                    wrong.append(content.key)
    finally:
        threads.close()
    return looked, wrong


async def _is_whole(blobs: BlobStorage, content: StoredContent, *, deep: bool) -> bool:
    if not deep:  # its last byte is there, so it is long enough
        return await _count(blobs.read(content.key, max(0, content.size - 1), content.size)) == min(1, content.size)
    digest = hashlib.sha256()
    counted = await _count(blobs.read(content.key, 0, content.size), digest)
    return counted == content.size and digest.digest() == content.sha256


async def _count(parts: AsyncIterator[bytes], digest: "hashlib._Hash | None" = None) -> int:
    count = 0
    try:
        async for part in parts:
            count += len(part)
            if digest is not None:
                digest.update(part)
    except (BlobMissingError, OSError):
        return -1
    return count
