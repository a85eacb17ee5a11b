"""Uploads, files and shared content, in SQL that every engine understands."""

from collections.abc import Collection
from functools import partial
from typing import Final

from chatproto.errors import ChatError
from chatproto.models import FileInfo
from chatserver.store import rows
from chatserver.store.areas.area import Area
from chatserver.store.interfaces.files import Content, FileRecord, NewUpload, UploadRecord
from chatserver.store.rows import Row
from chatserver.store.writes import Transaction, random_id

EVERYBODY: Final = 0
"""Stands in `file_usage` for all users together."""

_INFO: Final = "f.id, f.name, f.size, f.media_type, f.width, f.height, f.thumbnail"
_UPLOAD: Final = f"""
    SELECT u.id, u.owner_id, u.name, u.size, u.key, u.expires_at, {_INFO}
    FROM uploads u LEFT JOIN files f ON f.id = u.file_id"""  # noqa: S608 - constants of this module
_UPLOAD_BY_ID: Final = f"{_UPLOAD} WHERE u.id = $1"
_UPLOAD_OF_OWNER: Final = f"{_UPLOAD} WHERE u.id = $1 AND u.owner_id = $2"
_UPLOAD_BY_CLIENT_ID: Final = f"{_UPLOAD} WHERE u.owner_id = $1 AND u.client_id = $2"
_INSERT_UPLOAD: Final = """
    INSERT INTO uploads (id, owner_id, client_id, name, size, key, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_PROLONG_UPLOAD: Final = "UPDATE uploads SET expires_at = $2 WHERE id = $1"
_COMPLETE_UPLOAD: Final = "UPDATE uploads SET file_id = $2 WHERE id = $1"
_DELETE_UPLOAD: Final = "DELETE FROM uploads WHERE id = $1"
_DELETE_UPLOADS_OF_FILE: Final = "DELETE FROM uploads WHERE file_id = $1"
_EXPIRED_UPLOADS: Final = "SELECT id FROM uploads WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2"

_USAGE: Final = "SELECT bytes FROM file_usage WHERE owner_id = $1"
_ADD_USAGE: Final = """
    INSERT INTO file_usage (owner_id, bytes) VALUES ($1, $2)
    ON CONFLICT (owner_id) DO UPDATE SET bytes = file_usage.bytes + excluded.bytes"""

_INSERT_BLOB: Final = """
    INSERT INTO blobs (sha256, key, size, media_type, width, height, thumbnail_size) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (sha256) DO NOTHING RETURNING key"""
_DELETE_UNSHARED_BLOB: Final = """
    DELETE FROM blobs WHERE sha256 = $1 AND NOT EXISTS (SELECT 1 FROM files WHERE files.sha256 = blobs.sha256)
    RETURNING key"""
_DOOM: Final = "INSERT INTO doomed_blobs (key) VALUES ($1) ON CONFLICT (key) DO NOTHING"
_DOOMED: Final = "SELECT key FROM doomed_blobs WHERE key > '' ORDER BY key LIMIT $1"
_FORGET_DOOMED: Final = "DELETE FROM doomed_blobs WHERE key = $1"

_INSERT_FILE: Final = """
    INSERT INTO files (id, owner_id, name, size, sha256, media_type, width, height, thumbnail, created_at)
    SELECT $1, $2, $3, b.size, b.sha256, b.media_type, b.width, b.height,
        CASE WHEN b.thumbnail_size > 0 THEN 1 ELSE 0 END, $5
    FROM blobs b WHERE b.sha256 = $4"""
_FILE_BY_ID: Final = f"SELECT {_INFO} FROM files f WHERE f.id = $1"  # noqa: S608 - constants of this module
_FILE_OF_VIEWER: Final = f"""
    SELECT {_INFO}, f.sha256, b.key, b.thumbnail_size FROM files f JOIN blobs b ON b.sha256 = f.sha256
    WHERE f.id = $1 AND (
        f.owner_id = $2
        OR EXISTS (SELECT 1 FROM users WHERE avatar_file_id = f.id)
        OR EXISTS (SELECT 1 FROM message_files s JOIN members m ON m.chat_id = s.chat_id AND m.user_id = $2
            WHERE s.file_id = f.id))"""  # noqa: S608 - constants of this module
_REVIEW: Final = """
    INSERT INTO file_reviews (file_id, due_at) VALUES ($1, $2) ON CONFLICT (file_id) DO UPDATE SET due_at = $2"""
_DUE_REVIEWS: Final = "SELECT file_id FROM file_reviews WHERE due_at <= $1 ORDER BY due_at LIMIT $2"
_DELETE_REVIEW: Final = "DELETE FROM file_reviews WHERE file_id = $1"
_UNSHOWN_FILE: Final = """
    SELECT owner_id, size, sha256 FROM files f WHERE f.id = $1
    AND NOT EXISTS (SELECT 1 FROM message_files s WHERE s.file_id = f.id)
    AND NOT EXISTS (SELECT 1 FROM users u WHERE u.avatar_file_id = f.id)"""
_DELETE_FILE: Final = "DELETE FROM files WHERE id = $1"


class FileArea(Area):
    """See `chatserver.store.interfaces.files.FileStore` for what every method guarantees."""

    async def begin_upload(
        self, new: NewUpload, *, user_bytes: int, total_bytes: int, lifetime: int
    ) -> tuple[UploadRecord, bool]:
        return await self._write(
            partial(_begin_upload, new=new, user_bytes=user_bytes, total_bytes=total_bytes, lifetime=lifetime)
        )

    async def upload(self, owner_id: int, upload_id: int) -> UploadRecord | None:
        row = await self._one(_UPLOAD_OF_OWNER, upload_id, owner_id)
        return _upload(row) if row else None

    async def prolong_upload(self, upload_id: int, lifetime: int) -> None:
        async def step(tx: Transaction) -> None:
            await tx.all(_PROLONG_UPLOAD, upload_id, tx.now + lifetime)

        await self._write(step)

    async def finish_upload(self, upload_id: int, content: Content, grace: int) -> FileInfo:
        return await self._write(partial(_finish_upload, upload_id=upload_id, content=content, grace=grace))

    async def drop_upload(self, upload_id: int) -> None:
        async def step(tx: Transaction) -> None:
            found = await tx.all(_UPLOAD_BY_ID, upload_id)
            if found:
                await _drop_upload(tx, _upload(found[0]))

        await self._write(step)

    async def expired_uploads(self, limit: int) -> list[int]:
        async def step(tx: Transaction) -> list[int]:  # a step, for its clock
            return [row[0] for row in await tx.all(_EXPIRED_UPLOADS, tx.now, limit)]

        return await self._write(step)

    async def file(self, viewer_id: int, file_id: int) -> FileRecord | None:
        row = await self._one(_FILE_OF_VIEWER, file_id, viewer_id)
        return FileRecord(rows.file_info(row), sha256=bytes(row[7]), key=row[8], thumbnail_size=row[9]) if row else None

    async def review_files(self, limit: int) -> int:
        async def step(tx: Transaction) -> int:
            due = [row[0] for row in await tx.all(_DUE_REVIEWS, tx.now, limit)]
            for file_id in due:
                await _remove_unshown(tx, file_id)
                await tx.all(_DELETE_REVIEW, file_id)
            return len(due)

        return await self._write(step)

    async def doomed_blobs(self, limit: int) -> list[str]:
        return [row[0] for row in await self._reader.all(_DOOMED, limit)]

    async def forget_blobs(self, keys: Collection[str]) -> None:
        async def step(tx: Transaction) -> None:
            await tx.many(_FORGET_DOOMED, [(key,) for key in keys])

        await self._write(step)


def _upload(row: Row) -> UploadRecord:
    return UploadRecord(
        id=row[0],
        owner_id=row[1],
        name=row[2],
        size=row[3],
        key=row[4],
        expires_at=row[5],
        file=rows.file_info(row[6:]) if row[6] is not None else None,
    )


async def _begin_upload(
    tx: Transaction, new: NewUpload, user_bytes: int, total_bytes: int, lifetime: int
) -> tuple[UploadRecord, bool]:
    expires_at = tx.now + lifetime
    if new.client_id is not None:
        found = await tx.all(_UPLOAD_BY_CLIENT_ID, new.owner_id, new.client_id)
        if found:
            before = _upload(found[0])
            if (before.name, before.size) != (new.name, new.size):
                raise ChatError("uploadConflict")
            await tx.all(_PROLONG_UPLOAD, before.id, expires_at)
            return before, False
    if await _used(tx, new.owner_id) + new.size > user_bytes:
        raise ChatError("quotaExceeded")
    if await _used(tx, EVERYBODY) + new.size > total_bytes:
        raise ChatError("diskFull", "Its room for files is used up.")
    upload_id = random_id()
    await tx.all(_INSERT_UPLOAD, upload_id, new.owner_id, new.client_id, new.name, new.size, new.key, expires_at)
    await _add_usage(tx, new.owner_id, new.size)
    return UploadRecord(upload_id, new.owner_id, new.name, new.size, new.key, expires_at), True


async def _finish_upload(tx: Transaction, upload_id: int, content: Content, grace: int) -> FileInfo:
    found = await tx.all(_UPLOAD_BY_ID, upload_id)
    if not found:
        raise ChatError("uploadNotFound")
    upload = _upload(found[0])
    if upload.file is not None:
        return upload.file
    inserted = await tx.all(
        _INSERT_BLOB,
        content.sha256,
        upload.key,
        upload.size,
        content.media_type,
        content.width,
        content.height,
        content.thumbnail_size,
    )
    if not inserted:
        await tx.all(_DOOM, upload.key)
    file_id = random_id()
    await tx.all(_INSERT_FILE, file_id, upload.owner_id, upload.name, content.sha256, tx.now)
    await tx.all(_REVIEW, file_id, tx.now + grace)
    await tx.all(_COMPLETE_UPLOAD, upload_id, file_id)
    return rows.file_info((await tx.all(_FILE_BY_ID, file_id))[0])


async def _drop_upload(tx: Transaction, upload: UploadRecord) -> None:
    await tx.all(_DELETE_UPLOAD, upload.id)
    if upload.file is None:
        await tx.all(_DOOM, upload.key)
        await _add_usage(tx, upload.owner_id, -upload.size)


async def _remove_unshown(tx: Transaction, file_id: int) -> None:
    found = await tx.all(_UNSHOWN_FILE, file_id)
    if not found:
        return
    owner_id, size, sha256 = found[0]
    await tx.all(_DELETE_UPLOADS_OF_FILE, file_id)
    await tx.all(_DELETE_FILE, file_id)
    await _add_usage(tx, owner_id, -size)
    for row in await tx.all(_DELETE_UNSHARED_BLOB, sha256):
        await tx.all(_DOOM, row[0])


async def _used(tx: Transaction, owner_id: int) -> int:
    found = await tx.all(_USAGE, owner_id)
    return int(found[0][0]) if found else 0


async def _add_usage(tx: Transaction, owner_id: int, size: int) -> None:
    await tx.many(_ADD_USAGE, [(owner_id, size), (EVERYBODY, size)])
