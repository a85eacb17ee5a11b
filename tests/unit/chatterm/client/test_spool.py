"""The spool: a message has all of its files or is not there, wherever a crash falls, and no copy is left for ever."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from chatterm.client import outbox_uploads
from chatterm.client.errors import ClientError
from chatterm.client.model import OutboxRow, Target
from chatterm.client.outbox import Outbox

A = Target(chat_id=1)

_KILLED = """
import os, pathlib, signal, sqlite3, sys
from chatterm.client import enclosing, files, spool
from chatterm.client.model import Target
from chatterm.client.outbox import Outbox
from chatterm.client.paths import AccountFiles
folder, what, step = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
Outbox.open(folder / "outbox.db").close()
left = step
def counting(call):
    def counted(*args, **options):
        global left
        left -= 1
        if left == 0: os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **options)
    return counted
for name in ("open", "write", "fsync", "close", "unlink", "pread", "statvfs"):
    setattr(os, name, counting(getattr(os, name)))
outbox = Outbox.open(folder / "outbox.db")
if what == "queue":
    enclosing.queue_with_files(AccountFiles(folder), Target(chat_id=1), "x", [folder / "one", folder / "two"])
else:
    rows = outbox.rows()
    outbox.sent(rows[0].client_id)
print(step - left)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "account"
    folder.mkdir(mode=0o700)
    (folder / "one").write_bytes(b"1" * 3_000_000)
    (folder / "two").write_bytes(b"2" * 1_000)
    return folder


def copies(folder: Path) -> dict[str, bytes]:
    spool = folder / "spool"
    return {path.name: path.read_bytes() for path in spool.iterdir() if path.name != ".lock"} if spool.exists() else {}


def queue(outbox: Outbox, data: bytes = b"data") -> OutboxRow:
    """A message with one file."""
    source = outbox.spool.path("").parent / "source"
    source.write_bytes(data)
    with outbox.spool.adding():
        file = outbox_uploads.fresh_attachment("source", len(data))
        outbox.spool.copy(source, file)
        return outbox.append(A, "x", attached=[file])


def killed(folder: Path, what: str, step: int) -> int:
    """Kill a process before its `step`th step; how many steps there were, 0 if it was killed."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(folder), what, str(step)], check=False, capture_output=True, text=True
    )
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout) if done.returncode == 0 else 0


def check(folder: Path) -> list[OutboxRow]:
    """After a crash: each row has its files, and the next sender leaves no other copy."""
    with closing(Outbox.open(folder / "outbox.db")) as outbox:
        outbox.spool.sweep(lambda: outbox.read(outbox_uploads.spooled))
        rows = outbox.rows()
    kept = copies(folder)
    assert sorted(kept) == sorted(file.spool for row in rows for file in row.attached)
    for row in rows:
        assert [kept[file.spool] for file in row.attached] == [b"1" * 3_000_000, b"2" * 1_000]
    return rows


def test_killed_between_any_two_steps_of_queueing_it_is_whole_or_not_there(folder: Path) -> None:
    """SIGKILL before each of its steps on the disk."""
    steps = killed(folder, "queue", 1 << 30)
    assert len(check(folder)) == 1
    assert steps > 10
    for step in range(1, steps + 1):
        before = check(folder)
        assert killed(folder, "queue", step) == 0
        after = check(folder)
        assert len(after) - len(before) in (0, 1)
        assert after[: len(before)] == before
        with closing(Outbox.open(folder / "outbox.db")) as outbox:
            for row in after[len(before) :]:
                outbox.discard(row.client_id)


def test_killed_after_a_message_was_sent_its_copies_are_swept(folder: Path) -> None:
    """The row goes first: a copy may be left for the sweep, a row without its copy never."""
    for step in (1, 3, 5, 7, 9):
        killed(folder, "queue", 1 << 30)
        killed(folder, "send", step)
        for row in check(folder):
            with closing(Outbox.open(folder / "outbox.db")) as outbox:
                outbox.sent(row.client_id)


def test_folder_and_copies_are_private(folder: Path) -> None:
    """0700 and 0600 whatever the umask, and whatever the original allows."""
    (folder / "one").chmod(0o777)
    killed(folder, "queue", 1 << 30)
    assert (folder / "spool").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (folder / "spool").iterdir()} == {0o600}


def test_a_sweep_spares_copies_that_are_being_made(folder: Path) -> None:
    """A process that copies keeps the sweeper out until its row is there."""
    with closing(Outbox.open(folder / "outbox.db")) as outbox, closing(Outbox.open(folder / "outbox.db")) as other:
        with outbox.spool.adding():
            file = outbox_uploads.fresh_attachment("two", 1_000)
            outbox.spool.copy(folder / "two", file)
            assert other.spool.sweep(lambda: other.read(outbox_uploads.spooled)) == 0
            assert list(copies(folder)) == [file.spool]
        assert other.spool.sweep(lambda: other.read(outbox_uploads.spooled)) == 1
        assert copies(folder) == {}


def test_after_damage_copies_without_a_row_are_kept_for_a_while(folder: Path) -> None:
    """The row may be in the damaged file; after a month nobody looks any more."""
    with closing(Outbox.open(folder / "outbox.db")) as outbox:
        with outbox.spool.adding():
            file = outbox_uploads.fresh_attachment("two", 1_000)
            outbox.spool.copy(folder / "two", file)
        (folder / "outbox.db.broken-1").write_bytes(b"")
        assert outbox.spool.sweep(lambda: outbox.read(outbox_uploads.spooled)) == 0
        os.utime(folder / "spool" / file.spool, (0, 0))
        assert outbox.spool.sweep(lambda: outbox.read(outbox_uploads.spooled)) == 1


def test_a_copy_that_fails_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle, or a user who gives up."""

    class Stopped:
        def is_set(self) -> bool:
            return True

    with closing(Outbox.open(folder / "outbox.db")) as outbox, outbox.spool.adding():
        file = outbox_uploads.fresh_attachment("one", 1)
        with pytest.raises(ClientError) as caught:
            outbox.spool.copy(folder / "one", file, Stopped())
        assert caught.value.code == "stopped"

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(ClientError) as caught:
            outbox.spool.copy(folder / "one", file)
        assert caught.value.code == "diskFull"
    assert copies(folder) == {}


def test_a_pipe_is_refused_without_waiting_for_it(folder: Path) -> None:
    """What is no regular file is named."""
    os.mkfifo(folder / "pipe")
    with closing(Outbox.open(folder / "outbox.db")) as outbox, outbox.spool.adding():
        for name in ("pipe", "spool"):
            with pytest.raises(ClientError) as caught:
                outbox.spool.copy(folder / name, outbox_uploads.fresh_attachment(name, 0))
            assert caught.value.code == "fileNotRegular"
