"""Uploads: announced, sent in as many pieces as the network needs, and then a file."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from chatproto.errors import ChatError
from chatproto.models import FileInfo
from chatproto.rest import Upload, UploadRequest
from chatproto.text import normalize_file_name
from chatserver.files.spool import SpoolFile
from chatserver.services.files.contents import Contents
from chatserver.services.files.turns import Turn, Turns
from chatserver.store.base import Store
from chatserver.store.interfaces.files import NewUpload, UploadRecord

_SECOND: Final = 1_000_000
_WRITE_BYTES: Final = 1_048_576
"""Gathered before they are written; with `_RECEIVING_MAX` the memory that uploads take."""
_RECEIVING_MAX: Final = 64
"""Uploads that may receive bytes at a time."""
_RECEIVING_USER_MAX: Final = 8
_EXPIRED_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class FileLimits:
    """Sizes in bytes, times in seconds; see `Settings`."""

    file_bytes: int
    user_bytes: int
    total_bytes: int
    grace_s: int
    expiry_s: int


class UploadOffsetError(ChatError):
    """Bytes were sent for another place than `offset`, where the upload goes on."""

    def __init__(self, offset: int) -> None:
        super().__init__("uploadOffset", f"It is at offset {offset}.")
        self.offset = offset


class Uploads:
    """Each user's own uploads; those of others look exactly like ones that do not exist.

    Bodies are parts of bytes that end early if the connection does; what has arrived until then is kept.
    """

    def __init__(self, store: Store, contents: Contents, limits: FileLimits) -> None:
        self._store = store
        self._contents = contents
        self._limits = limits
        self._turns = Turns()
        self._receiving: dict[int, int] = {}

    async def begin(self, user_id: int, request: UploadRequest) -> tuple[Upload, bool]:
        """Announce a file; whether the upload is new. Idempotent by client id, for as long as the upload lives.

        Raises `fileTooLarge`, `quotaExceeded`, `uploadConflict` or `diskFull`, before any byte is taken.
        """
        record, is_new = await self._begin(user_id, request.name, request.size, request.client_id)
        return await self._state(record), is_new

    async def state(self, user_id: int, upload_id: int) -> Upload:
        """How far an upload is. Ends a request that still sends for it, so that the answer stays true."""
        async with self._turn(user_id, upload_id) as (_, record):
            return await self._state(record)

    async def append(
        self, user_id: int, upload_id: int, offset: int, length: int | None, body: AsyncIterator[bytes]
    ) -> Upload:
        """Take bytes from `offset` on; those stored are durable on return, and so is the file if they are all.

        Raises `UploadOffsetError` if the upload is not at this offset, `tooLarge` for more bytes than announced.
        """
        async with self._turn(user_id, upload_id) as (turn, record):
            have = await self._offset(record)
            if offset != have:
                raise UploadOffsetError(have)
            if have + (length or 0) > record.size:
                raise ChatError("tooLarge", f"The upload is of {record.size} bytes.")
            if record.file is not None:
                return await self._state(record)
            await self._store.prolong_upload(upload_id, self._limits.expiry_s * _SECOND)
            if await self._receive(turn, record, body) == record.size:
                await self._complete(record)
            return await self._state(await self._own(user_id, upload_id))

    async def put(self, user_id: int, name: str, length: int, body: AsyncIterator[bytes]) -> FileInfo:
        """A whole file in one request; if that is cut, nothing of it is kept. Refusals as for `begin`."""
        record, _ = await self._begin(user_id, name, length, None)
        done = None
        try:
            async with self._turns.take(record.id) as turn:
                if await self._receive(turn, record, body) == length:
                    done = await self._complete(record)
        finally:
            await self._store.drop_upload(record.id)
        if done is None:
            raise ChatError("invalidFrame", "The body ended early.")
        return done

    async def drop(self, user_id: int, upload_id: int) -> None:
        """Give an upload up; the file of a complete one stays. Raises `uploadNotFound`."""
        async with self._turn(user_id, upload_id):
            await self._store.drop_upload(upload_id)

    async def expire(self) -> bool:
        """Drop some uploads that nobody went on with; whether there may be more."""
        expired = await self._store.expired_uploads(_EXPIRED_AT_ONCE)
        idle = [upload_id for upload_id in expired if not self._turns.busy(upload_id)]
        for upload_id in idle:
            async with self._turns.take(upload_id):
                await self._store.drop_upload(upload_id)
        return len(idle) == _EXPIRED_AT_ONCE

    async def _begin(self, user_id: int, name: str, size: int, client_id: bytes | None) -> tuple[UploadRecord, bool]:
        if size > self._limits.file_bytes:
            raise ChatError("fileTooLarge", f"At most {self._limits.file_bytes} bytes.")
        await self._contents.spool.threads.run(self._contents.spool.check_room, size)
        new = NewUpload(user_id, client_id, normalize_file_name(name), size, key=secrets.token_hex(16))
        return await self._store.begin_upload(
            new,
            user_bytes=self._limits.user_bytes,
            total_bytes=self._limits.total_bytes,
            lifetime=self._limits.expiry_s * _SECOND,
        )

    @asynccontextmanager
    async def _turn(self, user_id: int, upload_id: int) -> AsyncIterator[tuple[Turn, UploadRecord]]:
        await self._own(user_id, upload_id)  # first of all: nobody may interrupt another's upload
        async with self._turns.take(upload_id) as turn:
            yield turn, await self._own(user_id, upload_id)

    async def _own(self, user_id: int, upload_id: int) -> UploadRecord:
        record = await self._store.upload(user_id, upload_id)
        if record is None:
            raise ChatError("uploadNotFound")
        return record

    async def _offset(self, record: UploadRecord) -> int:
        return record.size if record.file is not None else await self._contents.spool.offset(record.key)

    async def _state(self, record: UploadRecord) -> Upload:
        return Upload(
            id=record.id,
            name=record.name,
            size=record.size,
            offset=await self._offset(record),
            expires_at=record.expires_at,
            file=record.file,
        )

    async def _receive(self, turn: Turn, record: UploadRecord, body: AsyncIterator[bytes]) -> int:
        """Write what arrives until its end, the upload's or a newcomer; the new offset, durable."""
        mine = self._receiving.get(record.owner_id, 0)
        if mine >= _RECEIVING_USER_MAX or sum(self._receiving.values()) >= _RECEIVING_MAX:
            raise ChatError("overloaded", retry_after=2.0)
        self._receiving[record.owner_id] = mine + 1
        try:
            file = await self._contents.spool.open(record.key)
            try:
                async with turn.interruptible():
                    await _write_all(file, body, record.size)
            finally:
                await file.close()
            return file.offset
        finally:
            self._receiving[record.owner_id] -= 1
            if not self._receiving[record.owner_id]:
                del self._receiving[record.owner_id]

    async def _complete(self, record: UploadRecord) -> FileInfo:
        # The order matters: content, then the row that points to it, then the copy that could repeat the rest.
        content = await self._contents.keep(record.key)
        info = await self._store.finish_upload(record.id, content, self._limits.grace_s * _SECOND)
        await self._contents.discard(record.key)
        return info


async def _write_all(file: SpoolFile, body: AsyncIterator[bytes], size: int) -> None:
    parts: list[bytes] = []
    waiting = 0
    async for part in body:
        if file.offset + waiting + len(part) > size:
            raise ChatError("tooLarge", f"The upload is of {size} bytes.")
        parts.append(part)
        waiting += len(part)
        if waiting >= _WRITE_BYTES:
            await file.append(parts)
            parts, waiting = [], 0
    if parts:
        await file.append(parts)
