"""Downloads and pictures: whole whatever breaks, where they belong, and asked for once."""

import asyncio
import itertools
import os
from pathlib import Path

import pytest

from chatproto.models import FileInfo
from chatterm.client.downloads import downloads_folder
from chatterm.client.errors import ClientError
from chatterm.client.model import TransferChanged, TransferState
from chatterm.client.pictures import Pictures
from tests.client.conftest import Connect
from tests.support.client import IMPATIENT, running_client
from tests.support.files import image, noise, put
from tests.support.proxy import proxied
from tests.support.server import WAIT_S, Person, RunningServer

BIG = 6_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


async def test_a_download_goes_on_where_the_network_was_cut(
    tmp_path: Path, folder: Path, server: RunningServer, anna: Person
) -> None:
    """Cut in the middle, it asks for the rest only, and nothing but the whole file ever has the name."""
    data = noise(BIG, 1)
    file = await put(anna, data, "big.bin")
    async with (
        proxied(server.url) as proxy,
        running_client(tmp_path / "anna", anna, url=proxy.url, timing=IMPATIENT, fetches=False) as client,
    ):
        await client.online()
        before = proxy.to_client.passed
        proxy.to_client.hold_at = before + BIG // 2
        download = asyncio.create_task(client.session.transfers.download(file, folder))
        async with asyncio.timeout(WAIT_S):
            await proxy.to_client.held.wait()
        assert [path.name for path in folder.iterdir() if path.name == "big.bin"] == []
        proxy.cut()
        proxy.to_client.release()
        async with asyncio.timeout(WAIT_S):
            transfer = await download
        assert (transfer.state, transfer.path, transfer.done) == (TransferState.DONE, folder / "big.bin", BIG)
        assert (folder / "big.bin").read_bytes() == data
        assert proxy.to_client.passed - before < 2 * BIG, "it began anew"
        states = [notice.transfer.state for notice in client.notices if isinstance(notice, TransferChanged)]
        assert TransferState.WAITING in states
        assert [path.name for path in folder.iterdir()] == ["big.bin"]
        again = await client.session.transfers.download(file, folder)
        assert again.path == folder / "big (2).bin"


async def test_what_a_killed_download_left_is_checked_and_used(connect: Connect, folder: Path, anna: Person) -> None:
    """A good beginning is gone on with; a damaged one is noticed by the hash of the whole, and fetched anew."""
    data = noise(300_000, 2)
    file = await put(anna, data, "kept.bin")
    client = await connect(anna)
    await client.online()
    transfers = client.session.transfers
    done = await transfers.download(file, folder)
    assert done.path is not None
    done.path.unlink()
    for beginning in (data[:200_000], b"damaged" * 20_000, data):
        partial = _partial(client.session.account.server_url, file, folder)
        partial.write_bytes(beginning)
        done = await transfers.download(file, folder)
        assert done.path is not None
        assert done.path.read_bytes() == data
        assert list(folder.iterdir()) == [done.path]
        done.path.unlink()


def _partial(server_url: str, file: FileInfo, folder: Path) -> Path:
    import hashlib  # noqa: PLC0415 - the one place that knows how partial files are named

    key = hashlib.sha256(f"{server_url}\n{file.id}".encode()).hexdigest()[:24]
    return folder / f".chatterm-{key}.part"


async def test_a_download_is_paused_resumed_and_cancelled(
    tmp_path: Path, folder: Path, server: RunningServer, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrived stays through a pause; cancelled, nothing is left. How fast it is can be read from the list."""
    file = await put(anna, noise(BIG, 3), "big.bin")
    async with (
        proxied(server.url) as proxy,
        running_client(tmp_path / "anna", anna, url=proxy.url, fetches=False) as client,
    ):
        await client.online()
        transfers = client.session.transfers
        ticks = itertools.count()
        monkeypatch.setattr(transfers, "_clock", lambda: next(ticks) / 4)  # slow enough that a rate can be measured

        async def held() -> str:
            async with asyncio.timeout(WAIT_S):
                await proxy.to_client.held.wait()
            (transfer,) = [each for each in transfers.list() if each.state is TransferState.RUNNING]
            assert transfers.moving().to_receive == BIG
            assert transfer.rate > 0
            return transfer.id

        proxy.to_client.hold_at = proxy.to_client.passed + BIG // 3
        waiting = asyncio.create_task(transfers.download(file, folder))
        name = await held()
        assert await transfers.pause(name)
        assert not await transfers.pause(name)
        assert transfers.list()[0].state is TransferState.PAUSED
        proxy.to_client.release()
        assert await transfers.resume(name)
        async with asyncio.timeout(WAIT_S):
            assert (await waiting).state is TransferState.DONE
        (folder / "big.bin").unlink()
        proxy.to_client.hold_at = proxy.to_client.passed + BIG // 3
        waiting = asyncio.create_task(transfers.download(file, folder))
        name = await held()
        assert await transfers.cancel(name)
        with pytest.raises(ClientError) as caught:
            await waiting
        assert caught.value.code == "downloadCancelled"
        proxy.to_client.release()
        await client.session.transfers.stop()
        assert list(folder.iterdir()) == []


async def test_a_file_of_a_chat_that_one_is_not_in_is_refused_clearly(
    connect: Connect, folder: Path, anna: Person, ben: Person
) -> None:
    """Neither a download nor a picture of it; nothing is left in the folder."""
    file = await put(ben, image("PNG", (64, 64)), "secret.png")
    client = await connect(anna)
    await client.online()
    for attempt in (
        client.session.transfers.download(file, folder),
        client.session.transfers.picture(file.id, thumbnail=True),
    ):
        with pytest.raises(ClientError) as caught:
            await attempt
        assert caught.value.code == "fileNotFound"
    assert list(folder.iterdir()) == []
    (failed,) = client.session.transfers.list()
    assert (failed.state, failed.error and failed.error.code) == (TransferState.FAILED, "fileNotFound")


async def test_pictures_are_asked_for_once_and_the_oldest_go_first(
    connect: Connect, tmp_path: Path, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many ask at a time: one request. Beyond the cache's size, what was used longest ago is deleted."""
    data = image("PNG", (400, 300))
    file = await put(anna, data, "a.png")
    client = await connect(anna)
    await client.online()
    transfers = client.session.transfers
    assert transfers.cached_picture(file.id, thumbnail=False) is None
    paths = await asyncio.gather(*(transfers.picture(file.id, thumbnail=False) for _ in range(5)))
    assert len(set(paths)) == 1
    assert paths[0].read_bytes() == data
    assert paths[0].stat().st_mode & 0o777 == 0o600
    assert transfers.cached_picture(file.id, thumbnail=False) == paths[0]
    small = await transfers.picture(file.id, thumbnail=True)
    assert small.read_bytes()[8:12] == b"WEBP"
    os.utime(paths[0], (1, 1))
    os.utime(small, (2, 2))
    cache = Pictures(paths[0].parent, client.session._bulk_rest, max_bytes=len(data) + small.stat().st_size)
    other = await put(anna, image("PNG", (10, 10)), "b.png")
    newest = await cache.get(other.id, thumbnail=False)
    assert not paths[0].exists()
    assert {path.name for path in newest.parent.iterdir()} == {small.name, newest.name}


def test_the_folder_for_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As set; else the desktop's, from the environment or its file; else ~/Downloads; else the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CHATTERM_HOME", str(tmp_path / "chatterm"))
    for name in ("XDG_DOWNLOAD_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert downloads_folder() == home
    (home / "Downloads").mkdir()
    assert downloads_folder() == home / "Downloads"
    (home / ".config").mkdir()
    (home / ".config" / "user-dirs.dirs").write_text('# comment\nXDG_DOWNLOAD_DIR="$HOME/Geholt"\n')
    assert downloads_folder() == home / "Downloads", "a folder that is not there is no place"
    (home / "Geholt").mkdir()
    assert downloads_folder() == home / "Geholt"
    monkeypatch.setenv("XDG_DOWNLOAD_DIR", str(tmp_path))
    assert downloads_folder() == tmp_path
    (tmp_path / "chatterm").mkdir()
    (tmp_path / "chatterm" / "config.toml").write_text('[files]\ndownloads = "~/mine/deep"\n')
    assert downloads_folder() == home / "mine" / "deep"
    assert (home / "mine" / "deep").is_dir()
