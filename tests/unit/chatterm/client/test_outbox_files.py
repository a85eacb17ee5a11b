"""The outbox's file: shared by processes, whole after kill -9, and rescued when it is damaged."""

import itertools
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatproto.errors import ErrorInfo
from chatterm.client.errors import ClientError
from chatterm.client.model import NOTHING_ENCLOSED, Enclosed, OutboxRow, OutboxState, Target
from chatterm.client.outbox import Outbox
from chatterm.client.outbox_uploads import fresh_attachment

A = Target(chat_id=1)
NOT_MEMBER = ErrorInfo(code="notMember", message="You are not a member.")
PAGE = 4096

_APPEND = """
import sys, pathlib
from chatterm.client.outbox import Outbox
from chatterm.client.model import Target
outbox, name, count = Outbox.open(pathlib.Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for number in range(count):
    print(outbox.append(Target(chat_id=1), f"{name} {number}").client_id.hex(), flush=True)
outbox.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "account" / "outbox.db"


def appender(path: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _APPEND, str(path), name, str(count)], stdout=subprocess.PIPE)


def filled(path: Path, count: int = 60) -> list[OutboxRow]:
    """Rows in every state, short and long, written to the file and closed."""
    outbox = Outbox.open(path)
    for number in range(count):
        enclosed = Enclosed(reply_to=number, mentions=(7,)) if number % 5 == 0 else NOTHING_ENCLOSED
        text = f"{number} " + "é" * (number * 97 % 7_000)
        files = [fresh_attachment(f"{name}.bin", number) for name in range(number % 11)] if number % 4 == 0 else []
        outbox.append(Target(email=f"p{number % 7}@example.org"), text, enclosed=enclosed, attached=files)
    taken = outbox.take(5, 1 << 20)
    outbox.refused(taken[0].client_id, NOT_MEMBER)
    rows = outbox.rows()
    outbox.close()
    return rows


def written(row: OutboxRow) -> tuple[object, ...]:
    """What the person wrote: all but the state of sending it."""
    return row.client_id, row.target, row.text, row.created_at, row.enclosed, row.attached


def overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


# --- several processes


def test_processes_append_at_once(path: Path) -> None:
    """Eight processes begin the file together; every append is there once, each process's in its order."""
    processes = [appender(path, f"p{number}", 40) for number in range(8)]
    reported = []
    for process in processes:
        output, _ = process.communicate(timeout=50)
        assert process.returncode == 0
        reported.append(output.decode().split())
    outbox = Outbox.open(path)
    rows = outbox.rows(limit=1_000)
    assert outbox.problem is None
    outbox.close()
    assert len(rows) == len({row.client_id for row in rows}) == 320
    for number, told in enumerate(reported):
        own = [row for row in rows if row.text.startswith(f"p{number} ")]
        assert [row.text for row in own] == [f"p{number} {index}" for index in range(40)]
        assert [row.client_id.hex() for row in own] == told


def test_every_reported_append_survives_a_kill(path: Path) -> None:
    """A process is killed at random points; what it reported is there in order, and at most one message more."""
    rng = Random(7)
    expected: list[str] = []
    for _ in range(8):
        with appender(path, "x", 1_000_000) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(rng.randrange(1, 60))]
            process.kill()
            lines += process.stdout.readlines()
        outbox = Outbox.open(path)
        assert outbox.problem is None
        found = [row.client_id.hex() for row in outbox.rows(limit=100_000)]
        outbox.close()
        told = [line.decode().strip() for line in lines if line.endswith(b"\n")]
        assert found[: len(expected) + len(told)] == expected + told
        assert len(found) <= len(expected) + len(told) + 1
        expected = found


def test_a_killed_sender_leaves_its_batch_to_be_sent_again(path: Path) -> None:
    """Under the same client ids and with the attempt counted, because the server may have them."""
    outbox = Outbox.open(path)
    rows = [outbox.append(A, str(number)) for number in range(3)]
    outbox.close()
    script = (
        "import sys, pathlib, os, signal; from chatterm.client.outbox import Outbox\n"
        "Outbox.open(pathlib.Path(sys.argv[1])).take(2, 1000); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9
    outbox = Outbox.open(path)
    assert [row.state.value for row in outbox.rows()] == ["sending", "sending", "queued"]
    assert outbox.requeue_sending() == 2
    again = outbox.take(9, 1_000)
    assert [(row.client_id, row.attempts) for row in again] == [
        (row.client_id, tries) for row, tries in zip(rows, (2, 2, 1), strict=True)
    ]
    outbox.close()


def test_files_are_private_with_any_umask(path: Path) -> None:
    """Database, log and lock are 0600 in a 0700 folder."""
    before = os.umask(0)
    try:
        outbox = Outbox.open(path)
        outbox.append(A, "secret")
        modes = {stat.S_IMODE(name.stat().st_mode) for name in path.parent.iterdir()}
        outbox.close()
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


# --- damage


def _header(path: Path) -> None:
    overwrite(path, 0, b"X" * 100)


def _table_name(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content.replace(b"tablemessagesmessages", b"tablemessagezmessagez", 1))


def _first_page(path: Path) -> None:
    overwrite(path, 0, b"\0" * PAGE)


@pytest.mark.parametrize("damage", [_header, _first_page, _table_name], ids=["header", "first-page", "schema"])
def test_all_rows_are_rescued_when_sqlite_cannot_read_the_file(path: Path, damage: Callable[[Path], None]) -> None:
    """Their pages are whole: every message comes back as failed, because it may be sent or discarded already."""
    rows = filled(path)
    damage(path)
    old = path.read_bytes()
    outbox = Outbox.open(path)
    rescued = outbox.rows(limit=1_000)
    assert [written(row) for row in rescued] == [written(row) for row in rows]
    assert {row.state for row in rescued} == {OutboxState.FAILED}
    assert {row.error.code for row in rescued if row.error} == {"outboxRecovered"}
    assert outbox.problem is not None
    assert outbox.problem.code == "outboxRecovered"
    assert f"{len(rows)} unsent messages" in outbox.problem.message
    assert path.with_name("outbox.db.broken-1").read_bytes() == old
    assert str(path.with_name("outbox.db.broken-1")) in outbox.problem.hint
    for row in rescued:
        assert outbox.retry(row.client_id) is not None
    assert outbox.counts() == (len(rows), 0)
    outbox.append(A, "life goes on")
    outbox.close()


def test_rows_that_sqlite_still_reads_keep_their_state(path: Path) -> None:
    """A damaged index costs nothing but the file: what was in flight is queued again, refusals hold as before."""
    rows = filled(path)
    connection = sqlite3.connect(path)
    root = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'messages_by_target'").fetchone()[0]
    connection.close()
    overwrite(path, (root - 1) * PAGE, b"\xa5" * PAGE)
    outbox = Outbox.open(path)
    assert outbox.problem is not None
    rescued = outbox.rows(limit=1_000)
    assert [written(row) for row in rescued] == [written(row) for row in rows]
    wanted = [OutboxState.QUEUED if row.state is OutboxState.SENDING else row.state for row in rows]
    assert [row.state for row in rescued] == wanted
    assert OutboxState.HELD in wanted
    assert [row.attempts for row in rescued] == [row.attempts for row in rows]
    outbox.close()


def test_a_lost_page_costs_only_its_rows(path: Path) -> None:
    """Every row outside the damaged page is rescued, whole."""
    rows = filled(path, 400)
    original = {written(row) for row in rows}
    connection = sqlite3.connect(path)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.close()
    content = path.read_bytes()
    leaf = next(
        number
        for number in range(pages // 2, pages)
        if content[number * PAGE] == 0x0D and content[number * PAGE + 4] > 1
    )
    overwrite(path, leaf * PAGE, b"\xff" * PAGE)
    outbox = Outbox.open(path)
    found = outbox.rows(limit=1_000)
    outbox.close()
    rescued = {written(row) for row in found}
    assert outbox.problem is not None
    assert rescued <= original
    assert {row.error.code for row in found if row.error} <= {"notMember"}, "SQLite reads from both ends"
    assert 0 < len(original - rescued) < 60


def _log_header(path: Path) -> None:
    overwrite(path.with_name("outbox.db-wal"), 0, b"\0" * 32)


def _both(path: Path) -> None:
    _log_header(path)
    _first_page(path)


@pytest.mark.parametrize(
    "damage",
    [
        _header,  # SQLite mends this one itself: the log has the page, too
        _log_header,
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        _both,
    ],
    ids=["header", "log-header", "emptied", "deleted", "both"],
)
def test_messages_only_in_the_log_are_rescued(path: Path, damage: Callable[[Path], object]) -> None:
    """Freshly queued messages lie in SQLite's write-ahead log; it moves and is read with the file."""
    outbox = Outbox.open(path)
    rows = [outbox.append(A, f"{number} " * 900) for number in range(20)]
    files = {name: name.read_bytes() for name in path.parent.iterdir() if not name.name.endswith("-shm")}
    outbox.close()
    for name, content in files.items():
        name.write_bytes(content)
    assert path.with_name("outbox.db-wal").stat().st_size > 20 * 1_800
    damage(path)
    outbox = Outbox.open(path)
    assert [written(row) for row in outbox.rows()] == [written(row) for row in rows]
    outbox.close()


@pytest.mark.parametrize("content", [b"", b"this is no database at all", b"\0" * 10_000])
def test_a_file_without_any_message_is_set_aside(path: Path, content: bytes) -> None:
    """Nothing could be rescued, and the user is told so."""
    path.parent.mkdir()
    path.write_bytes(content)
    outbox = Outbox.open(path)
    assert outbox.problem is not None
    assert "0 unsent messages" in outbox.problem.message
    assert path.with_name("outbox.db.broken-1").read_bytes() == content
    outbox.append(A, "1")
    outbox.close()
    again = Outbox.open(path)
    assert (again.problem, again.counts()) == (None, (1, 0))
    again.close()


def test_an_outbox_of_a_newer_version_is_left_alone(path: Path) -> None:
    """Its messages belong to the newer program; this one says so and stops."""
    filled(path, 3)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 4")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(ClientError) as caught:
        Outbox.open(path)
    assert caught.value.code == "outboxNewer"
    assert "Update" in caught.value.hint
    assert path.read_bytes() == before


def test_an_outbox_of_the_second_version_is_brought_up_to_date(path: Path) -> None:
    """Its messages stay as they are, and new ones may have files."""
    outbox = Outbox.open(path)
    kept = [outbox.append(A, f"{number}", enclosed=Enclosed(reply_to=1)) for number in range(3)]
    outbox.close()
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP INDEX messages_attached; DROP INDEX messages_waiting; ALTER TABLE messages DROP COLUMN waits;"
        "ALTER TABLE messages DROP COLUMN attached; PRAGMA user_version = 2"
    )
    connection.close()
    again = Outbox.open(path)
    assert (again.problem, again.rows()) == (None, kept)
    files = (fresh_attachment("a", 1),)
    assert again.append(A, "with", attached=files).attached == files
    assert [row.text for row in again.take(10, 1 << 20)] == ["0", "1", "2"], "what has files waits for them"
    again.close()


def test_an_outbox_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    """Its messages keep their ids, order and states, and new ones may enclose something."""
    outbox = Outbox.open(path)
    kept = [outbox.append(A, f"{number}") for number in range(3)]
    outbox.refused(kept[0].client_id, NOT_MEMBER)
    kept = outbox.rows()
    outbox.close()
    connection = sqlite3.connect(path)
    connection.executescript(
        "DROP INDEX messages_attached; DROP INDEX messages_waiting;"
        "ALTER TABLE messages DROP COLUMN waits;"
        "ALTER TABLE messages DROP COLUMN attached; ALTER TABLE messages DROP COLUMN enclosed; PRAGMA user_version = 1"
    )
    connection.close()
    again = Outbox.open(path)
    assert (again.problem, again.rows()) == (None, kept)
    answer = Enclosed(reply_to=7)
    assert again.append(A, "4", enclosed=answer).enclosed == answer
    assert [row.enclosed for row in again.rows()] == [NOTHING_ENCLOSED] * 3 + [answer]
    again.close()


@pytest.mark.parametrize("step", range(1, 7))
@pytest.mark.parametrize("damage", [_log_header, _both], ids=["log-header", "both"])
def test_a_rescue_that_was_killed_is_finished_by_the_next_start(
    path: Path, damage: Callable[[Path], None], step: int
) -> None:
    """Killed after any of its renames: every message is there afterwards, once, and nothing lies about."""
    outbox = Outbox.open(path)
    rows = [outbox.append(A, f"{number} " * 900) for number in range(20)]
    files = {name: name.read_bytes() for name in path.parent.iterdir() if not name.name.endswith("-shm")}
    outbox.close()
    for name, content in files.items():
        name.write_bytes(content)
    damage(path)
    script = (
        "import sys, pathlib, os, signal\n"
        "from chatterm.client.outbox import Outbox\n"
        "replace, left = pathlib.Path.replace, int(sys.argv[2])\n"
        "def counting(self, target):\n"
        "    global left\n"
        "    left -= 1; replace(self, target)\n"
        "    if left == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "pathlib.Path.replace = counting\n"
        "Outbox.open(pathlib.Path(sys.argv[1])).close()"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(path), str(step)], check=False).returncode
    assert killed == (-9 if step <= 5 else 0), "a rescue renames log, file, new file, log, file"
    outbox = Outbox.open(path)
    assert [written(row) for row in outbox.rows()] == [written(row) for row in rows]
    outbox.close()
    assert [name.name for name in path.parent.glob("*.rescue*")] == []
    assert path.with_name("outbox.db.broken-1").exists()


def test_an_append_never_ends_in_a_file_that_was_set_aside(path: Path) -> None:
    """A process that still has the old file open notices, and uses the new one."""
    old = Outbox.open(path)
    first = old.append(A, "1")
    for name in list(path.parent.glob("outbox.db*")):
        name.rename(path.parent / f"old-{name.name}")
    new = Outbox.open(path)
    second = old.append(A, "2")
    assert [row.client_id for row in new.rows()] == [second.client_id]
    assert old.rows() == new.rows()
    assert old.row(first.client_id) is None
    old.close()
    new.close()


def test_an_append_that_meets_the_setting_aside_half_way_is_in_the_new_file(path: Path) -> None:
    """The file is replaced while the row is being written; it is there under its id when `append` returns."""
    others: list[Outbox] = []

    def clock() -> int:  # called in the middle of the append's transaction
        if not others:
            for name in list(path.parent.glob("outbox.db*")):
                name.rename(path.parent / f"old-{name.name}")
            others.append(Outbox.open(path))
        return 1

    outbox = Outbox.open(path, clock=clock)
    row = outbox.append(A, "1")
    assert others[0].rows() == [row]
    others[0].close()
    outbox.close()


def test_damage_met_in_use_is_a_clear_error_and_mended_by_the_next_start(path: Path) -> None:
    """Large files are not checked at opening; whoever meets the damage is told what to do."""
    outbox = Outbox.open(path)
    text = "x" * 16_000
    for number in range(300):
        outbox.append(A, f"{number} {text}")
    outbox.close()
    content = path.read_bytes()
    assert len(content) > 4_194_304
    leaves = [number for number in range(20, len(content) // PAGE) if content[number * PAGE] == 0x0D]
    overwrite(path, leaves[len(leaves) // 2] * PAGE, b"\xff" * PAGE)
    outbox = Outbox.open(path)
    assert outbox.problem is None
    with pytest.raises(ClientError) as caught:
        outbox.rows(limit=1_000)
    outbox.close()
    assert caught.value.code == "outboxBroken"
    assert "Start chatterm again" in caught.value.hint
    mended = Outbox.open(path)
    assert mended.problem is not None
    numbers = [int(row.text.split()[0]) for row in mended.rows(limit=1_000)]
    mended.close()
    assert numbers == sorted(set(numbers))
    assert 280 <= len(numbers) < 300


@given(data=st.data())
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_makes_it_unusable(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever bytes were changed: opening works or is a clear error, and queueing goes on."""
    path = tmp_path_factory.mktemp("damage") / "outbox.db"
    filled(path, 12)
    size = path.stat().st_size
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, size - 1))
        overwrite(path, start, data.draw(st.binary(min_size=1, max_size=64)))
    if data.draw(st.booleans()):
        with path.open("r+b") as file:
            file.truncate(data.draw(st.integers(0, size)))
    for _ in itertools.repeat(None, 3):
        try:
            outbox = Outbox.open(path)
        except ClientError as error:
            assert error.code == "outboxNewer"
            return
        try:
            outbox.rows(limit=1_000)
            row = outbox.append(Target(chat_id=99), "still works")
            assert outbox.row(row.client_id) == row
            outbox.take(100, 1 << 20)
            outbox.requeue_sending()
            return
        except ClientError as error:
            assert error.code in ("outboxBroken", "storageFailed")
        finally:
            outbox.close()
    pytest.fail("three starts did not mend it")
