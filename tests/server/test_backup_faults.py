"""Backups that are damaged, hostile or foreign, and disks that are full: found out, and nothing is touched."""

import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import uvloop
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyrage import passphrase as age

from chatserver import backends
from chatserver.backup import making, restoring
from chatserver.backup.errors import BackupError, BackupUnusableError, NoRoomError
from chatserver.backup.folder import replacing
from chatserver.backup.scratch import scratch_in
from chatserver.backup.sealing import SealingSink, UnsealedFile
from chatserver.settings import Settings
from tests.server.test_cli import run
from tests.support.backups import furnish, make, restore, tree, verify
from tests.support.mounts import mounted

SECRET = "correct horse"


class Backed(NamedTuple):
    """A server that has stopped, and a backup of it."""

    data: Path
    backup: bytes
    sealed: bytes
    """Encrypted, with a low cost."""


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backed]:
    data = tmp_path_factory.mktemp("server") / "data"
    uvloop.run(furnish(data))
    backup, _ = make(Settings(data=data))
    yield Backed(data, backup, sealed(backup))


def sealed(content: bytes) -> bytes:
    sink = io.BytesIO()
    sealing = SealingSink(sink, SECRET, work_factor=4)
    for start in range(0, len(content), 50_000):
        sealing.write(content[start : start + 50_000])
    sealing.close()
    return sink.getvalue()


def unsealed(content: bytes) -> bytes:
    file = UnsealedFile(io.BytesIO(content), SECRET)
    return b"".join(iter(lambda: file.read(10_000), b""))


def rebuilt(backup: bytes, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> bytes:
    """A backup whose members somebody has changed."""
    with tarfile.open(fileobj=io.BytesIO(zstd.decompress(backup))) as archive:
        members = [(info, file.read() if (file := archive.extractfile(info)) is not None else b"") for info in archive]
    change(members)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    compressed = zstd.compress(plain.getvalue())
    return compressed + b"\x5c\x2a\x4d\x18\x20\0\0\0" + hashlib.sha256(compressed).digest()


def member(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), st.sampled_from(["beginning", "middle", "end"]), st.integers(0, 1 << 20), st.integers(0, 8))
def test_no_flipped_bit_and_no_cut_goes_unnoticed(
    backed: Backed, encrypted: bool, part: str, number: int, bit: int
) -> None:
    """Wherever it is, plain or encrypted."""
    whole = backed.sealed if encrypted else backed.backup
    # Most of the bytes are content of files, where all damage is alike: the beginning and the end are more telling.
    place = {
        "beginning": number % 400,
        "middle": number % len(whole),
        "end": len(whole) - 1 - number % 400,
    }[part]
    broken = whole[:place]
    if bit < 8:
        broken += bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
    with pytest.raises(BackupUnusableError):
        verify(broken, SECRET)


def test_what_follows_the_end_is_noticed(backed: Backed) -> None:
    """A second archive, or rubbish, behind the first."""
    for rubbish in (b"\0", b"x" * 1_000, backed.backup):
        with pytest.raises(BackupUnusableError):
            verify(backed.backup + rubbish)
        with pytest.raises(BackupUnusableError):
            verify(backed.sealed + rubbish, SECRET)


@given(st.binary(max_size=300_000), st.integers(1, 70_000))
@settings(max_examples=20)
def test_encryption_is_that_of_age(content: bytes, part: int) -> None:
    """Another program reads what is written here, in whatever parts it is written."""
    sink = io.BytesIO()
    sealing = SealingSink(sink, SECRET, work_factor=4)
    for start in range(0, len(content), part):
        sealing.write(content[start : start + part])
    sealing.close()
    assert age.decrypt(sink.getvalue(), SECRET) == content
    assert unsealed(sink.getvalue()) == content


HOSTILE: dict[str, Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]] = {
    "out of the folder": lambda members: members.insert(2, member("data/acme/../../../evil", b"x")),
    "absolute": lambda members: members.insert(2, member("/tmp/evil", b"x")),
    "link": lambda members: members.insert(2, member("data/acme/x", kind=tarfile.SYMTYPE, link="/etc/passwd")),
    "hard link": lambda members: members.insert(2, member("data/acme/x", kind=tarfile.LNKTYPE, link="data/chat.db")),
    "device": lambda members: members.insert(2, member("data/acme/x", kind=tarfile.CHRTYPE)),
    "folder": lambda members: members.insert(2, member("data/acme", kind=tarfile.DIRTYPE)),
    "another place": lambda members: members.insert(2, member("data/chat.db-wal", b"x")),
    "twice": lambda members: members.insert(2, member("data/acme/account.json", b"x")),
    "file in place of a folder": lambda members: members.insert(2, member("data/acme/account.json/x", b"x")),
    "content nobody names": lambda members: members.insert(-1, member("data/files/content/zz/zzzz", b"x")),
    "content missing": lambda members: members.pop(-2) and None,
    "no database": lambda members: members.pop(1) and None,
    "database twice": lambda members: members.insert(2, members[1]),
    "no sums": lambda members: members.pop() and None,
    "no header": lambda members: members.pop(0) and None,
    "nothing": lambda members: members.clear(),
    "more behind the sums": lambda members: members.append(member("config/x", b"x")),
    "problems that are none": lambda members: members.insert(-1, member("problems.txt", b"missing x\n")),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_archives_are_refused(backed: Backed, tmp_path: Path, how: str) -> None:
    """Nothing is written anywhere, and the target does not appear."""
    hostile = rebuilt(backed.backup, HOSTILE[how])
    with pytest.raises(BackupError):
        restore(hostile, Settings(data=tmp_path / "in" / "data"))
    assert list((tmp_path / "in").iterdir()) == []
    assert not Path("/tmp/evil").exists()


def _header(backup: bytes, **values: object) -> bytes:
    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        info, content = members[0]
        content = json.dumps({**json.loads(content), **values}).encode()
        info.size = len(content)
        members[0] = (info, content)

    return rebuilt(backup, change)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format": 2}, "format 2. Upgrade"),
        ({"schema": backends.newest_schema() + 1, "version": "9.9\x1b[31m"}, "Upgrade chatserver to the version"),
        ({"databaseBytes": 1 << 60}, "another size|needs up to"),
        ({"contentBytes": -1}, "numbers that cannot be"),
        ({"epoch": "other"}, "another one than"),
        ({"counts": {"users": 9, "chats": 2, "messages": 11, "events": 1, "files": 3, "contents": 2}}, "as much as"),
    ],
)
def test_a_header_that_is_not_true(backed: Backed, values: dict[str, object], words: str) -> None:
    """Newer formats and schemas, sizes that nobody has, and another database."""
    with pytest.raises(BackupError, match=words):
        verify(_header(backed.backup, **values))


def test_a_bomb_takes_no_memory(backed: Backed) -> None:
    """Gigabytes of nothing, in a few kilobytes, are refused after the first few."""
    header = tarfile.TarInfo("backup.json")
    header.size = 1 << 40
    compressor = zstd.ZstdCompressor()
    bomb = compressor.compress(header.tobuf(tarfile.GNU_FORMAT))
    for _ in range(256):
        bomb += compressor.compress(bytes(1 << 20))
    bomb += compressor.flush()
    assert len(bomb) < 100_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BackupUnusableError, match="more than it may have"):
        verify(bomb)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1_024


def test_foreign_files(backed: Backed, tmp_path: Path) -> None:
    """Text, an empty file, a database, another archive; each with one line and the documented exit code."""
    foreign = {
        "empty": b"",
        "text": b"hello\n",
        "database": (backed.data / "chat.db").read_bytes(),
        "archive": zstd.compress(b"x" * 2_000),
        "keys": b"age-encryption.org/v1\n-> X25519 abc\nabc\n--- abc\n",
    }
    for name, content in foreign.items():
        with pytest.raises(BackupUnusableError):
            verify(content, SECRET)
        (tmp_path / name).write_bytes(content)
    done = run("verify", tmp_path / "text", "--scratch", tmp_path)
    assert (done.returncode, done.stdout) == (7, "")
    assert "is not a backup" in done.stderr
    done = run("restore", tmp_path / "none", "--data", tmp_path / "data")
    assert (done.returncode, done.stdout) == (5, "")
    assert "none cannot be read: No such file" in done.stderr
    assert not (tmp_path / "data").exists()


def _with_small_files(limit: int) -> Callable[[], None]:
    """A disk that is full: no file can grow beyond so many bytes."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return limited


@pytest.mark.parametrize("limit", [100_000, 240_000])
def test_a_disk_that_fills_up_leaves_what_was_there(backed: Backed, tmp_path: Path, limit: int) -> None:
    """While the database is copied, or while the backup is written: the older backup stays, and nothing else."""
    target = tmp_path / "backup"
    target.write_bytes(b"older")
    command = [sys.executable, "-m", "chatserver", "backup", str(target), "--data", str(backed.data)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, preexec_fn=_with_small_files(limit)
    )
    assert done.returncode == 5, done
    assert "There is no room for" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"backup": b"older"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, in memory; `resize` gives it another size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "-t", "tmpfs", "none"):
        yield disk


SIZES_KIB = (12, 100, 240, *range(276, 356, 8), 420, 560, 700, 900)
"""The database has 272: more happens to it than to anything else."""


def resize(disk: Path, kib: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={kib}k", disk], check=True)


def test_a_disk_that_is_full_at_any_point_leaves_what_was_there(
    backed: Backed, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It filled up after there was room enough: while a backup is made, verified or restored."""
    for module in ("making", "unpacking"):
        monkeypatch.setattr(f"chatserver.backup.{module}.need_room", lambda *_, **__: None)
    older = small_disk / "backup"
    older.write_bytes(b"older")
    config = Settings(data=backed.data)
    failed: dict[str, int] = dict.fromkeys(("make", "verify", "restore"), 0)
    for kib in SIZES_KIB:
        resize(small_disk, kib)
        for name, work in (
            ("make", lambda: _make_into(config, older)),
            ("verify", lambda: _verify_in(backed.backup, small_disk)),
            ("restore", lambda: restore(backed.backup, Settings(data=small_disk / "data"))),
        ):
            try:
                work()
            except NoRoomError as error:
                failed[name] += 1
                assert str(small_disk) in str(error)
            else:
                assert failed[name] >= 2, "the disk was never too small"
                shutil.rmtree(small_disk / "data", ignore_errors=True)
                older.write_bytes(b"older")
            assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == {"backup": b"older"}
    assert max(failed.values()) < len(SIZES_KIB), "the disk was never large enough"


def _make_into(settings: Settings, path: Path) -> None:
    with scratch_in(path.parent) as scratch, replacing(path) as sink:
        making.make(
            settings, None, sink, scratch, made_at=1, passphrase=None, room=lambda _: None, report=lambda *_: None
        )


def _verify_in(backup: bytes, folder: Path) -> None:
    with scratch_in(folder) as scratch:
        restoring.verify(io.BytesIO(backup), lambda: None, scratch, lambda *_: None)


def test_a_full_disk_behind_stdout_is_said(backed: Backed, small_disk: Path, tmp_path: Path) -> None:
    """What is there then is no backup, and the message says so."""
    resize(small_disk, 60)
    words = [sys.executable, "-m", "chatserver", "backup", "-", "--data", str(backed.data), "--scratch", str(tmp_path)]
    with (small_disk / "backup").open("wb") as out:
        done = subprocess.run(words, stdout=out, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 5
    assert "stdout takes no more: No space left on device. What it took is no backup" in done.stderr
    with pytest.raises(BackupUnusableError):
        verify((small_disk / "backup").read_bytes())


def test_no_room_is_said_before_it_begins(backed: Backed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restoring and verifying look first; nothing is left behind."""
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr("chatserver.backup.scratch.shutil.disk_usage", lambda _: usage)
    with pytest.raises(NoRoomError, match=r"needs up to 1 MiB in .* and 0 MiB can be used"):
        verify(backed.backup)
    with pytest.raises(NoRoomError):
        restore(backed.backup, Settings(data=tmp_path / "in" / "data"))
    with pytest.raises(NoRoomError):
        make(Settings(data=backed.data))
    assert list((tmp_path / "in").iterdir()) == []


def test_a_mount_point_is_filled_from_within(backed: Backed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be put beside it; and a folder that was left half filled is refused by everybody."""
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    target = tmp_path / "data"
    target.mkdir()
    restored = restore(backed.backup, Settings(data=target))
    assert tree(target) == tree(backed.data)
    assert restored.content.problems == 0
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    (target / ".restoring").touch()
    done = run("user", "list", "--data", target)
    assert (done.returncode, done.stdout) == (5, "")
    assert "was interrupted" in done.stderr
    with pytest.raises(BackupError, match="was interrupted"):
        restore(backed.backup, Settings(data=target))


@pytest.mark.parametrize("step", range(1, 4))
def test_a_restore_from_within_that_is_killed_is_told_and_can_be_cleaned_up(
    backed: Backed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The server's user owns the folder, but not its parent; killed before each part of the last step."""
    target = tmp_path / "data"
    target.mkdir()
    child = os.fork()
    if child == 0:
        _restore_and_die(backed.backup, target, step, monkeypatch)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    done = run("user", "list", "--data", target)
    assert (done.returncode, done.stdout) == (5, "")
    assert f"A restore into {target} was interrupted. Remove everything in" in done.stderr
    for path in target.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    restore(backed.backup, Settings(data=target))
    assert tree(target) == tree(backed.data)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def _restore_and_die(backup: bytes, target: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore in a process that nothing but a kill ends, before entry number `step` gets its place."""
    renamed = Path.rename
    count = 0

    def rename(path: Path, place: Path) -> Path:
        nonlocal count
        if place.parent == target:
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
        return renamed(path, place)

    try:
        monkeypatch.setattr(os, "access", lambda path, _: Path(path) != target.parent)  # root may write everywhere
        monkeypatch.setattr(Path, "rename", rename)
        restore(backup, Settings(data=target))
    finally:
        os._exit(1)
