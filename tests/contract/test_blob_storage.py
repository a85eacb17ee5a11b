"""Every storage of files' content keeps the same promises: a folder, and S3 over real HTTP."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chatproto.errors import ChatError
from chatserver.files import s3
from chatserver.files.base import BlobMissingError, BlobStorage
from chatserver.files.disk import DiskBlobs
from chatserver.files.s3 import S3Blobs, S3Place
from chatserver.files.threads import DiskThreads
from tests.support.files import noise
from tests.support.s3 import s3_server

KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


def bucket_at(url: str) -> S3Place:
    return S3Place(
        bucket="chat", endpoint=url, region="us-east-1", prefix="a/b", access_key_id="id", secret_access_key="secret"
    )


@pytest.fixture(params=["disk", "s3"])
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BlobStorage]:
    if request.param == "disk":
        threads = DiskThreads()
        yield DiskBlobs(tmp_path / "content", threads)
        threads.close()
        return
    yield S3Blobs(bucket_at(request.getfixturevalue("s3_url")))


async def content(storage: BlobStorage, key: str, start: int, end: int) -> bytes:
    return b"".join([part async for part in storage.read(key, start, end)])


def source(folder: Path, data: bytes) -> Path:
    path = folder / "source"
    path.write_bytes(data)
    return path


async def test_what_is_adopted_can_be_read_in_ranges(storage: BlobStorage, tmp_path: Path) -> None:
    """In small parts, whatever the range; the source is still there, and may go."""
    data = noise(1_000_000)
    path = source(tmp_path, data)
    await storage.adopt(path, KEY)
    await storage.adopt(path, KEY)
    path.unlink()
    for start, end in ((0, 1_000_000), (0, 1), (999_999, 1_000_000), (300_000, 800_000), (5, 5)):
        assert await content(storage, KEY, start, end) == data[start:end]
    parts = [len(part) async for part in storage.read(KEY, 0, 1_000_000)]
    assert len(parts) > 1
    await storage.delete([KEY])


async def test_nothing_is_nothing(storage: BlobStorage, tmp_path: Path) -> None:
    """Missing content is told as such; removing it again is no mistake; an empty file is content too."""
    with pytest.raises(BlobMissingError):
        await content(storage, KEY, 0, 1)
    await storage.adopt(source(tmp_path, b""), KEY)
    assert await content(storage, KEY, 0, 0) == b""
    await storage.adopt(source(tmp_path, b"thumbnail"), f"{KEY}.thumbnail")
    for _ in range(2):
        await storage.delete([KEY, f"{KEY}.thumbnail", "never-there"])
    with pytest.raises(BlobMissingError):
        await content(storage, f"{KEY}.thumbnail", 0, 1)


async def test_a_reader_may_stop_early(storage: BlobStorage, tmp_path: Path) -> None:
    """Others read on as if nothing had happened."""
    data = noise(1_000_000)
    await storage.adopt(source(tmp_path, data), KEY)
    for _ in range(20):
        parts = storage.read(KEY, 0, len(data))
        await anext(parts)
        await parts.aclose()
    assert await content(storage, KEY, 0, len(data)) == data
    await storage.delete([KEY])


async def test_no_file_stays_open_behind_a_reader_that_stops_early(tmp_path: Path) -> None:
    threads = DiskThreads(1)
    storage = DiskBlobs(tmp_path / "content", threads)
    await storage.adopt(source(tmp_path, noise(1_000_000)), KEY)
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all it takes
    parts = storage.read(KEY, 0, 1_000_000)
    await anext(parts)
    assert sorted(os.listdir("/proc/self/fd")) != before  # noqa: PTH208 - as above
    await parts.aclose()
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above
    threads.close()


async def test_large_content_goes_to_s3_in_parts(s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Content larger than one part arrives whole."""
    monkeypatch.setattr(s3, "_PART_BYTES", 5 * 1_048_576)
    storage = S3Blobs(bucket_at(s3_url))
    data = noise(12_000_000)
    await storage.adopt(source(tmp_path, data), KEY)
    assert await content(storage, KEY, 0, len(data)) == data


async def test_a_storage_that_does_not_answer_is_a_temporary_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call says so, and none tells an address or a key in the log."""
    monkeypatch.setattr(s3, "_RETRIES", 0)
    storage = S3Blobs(bucket_at("http://127.0.0.1:9"))
    path = source(tmp_path, b"x")
    for call in (storage.adopt(path, KEY), content(storage, KEY, 0, 1), storage.delete([KEY])):
        with pytest.raises(ChatError) as caught:
            await call
        assert caught.value.code == "storageFailed"


async def test_a_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    """0700, and a link in place of content is not followed."""
    threads = DiskThreads()
    storage = DiskBlobs(tmp_path / "content", threads)
    await storage.adopt(source(tmp_path, b"x"), KEY)
    assert (tmp_path / "content").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "content" / KEY[:2]).stat().st_mode & 0o777 == 0o700
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (tmp_path / "content" / KEY[:2] / "01link").symlink_to(secret)
    with pytest.raises(ChatError):
        await content(storage, "01link", 0, 6)
    threads.close()
