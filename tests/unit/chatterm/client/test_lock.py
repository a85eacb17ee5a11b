"""The sender lock: one holder, freed by a kill, and able to say who holds it."""

import os
import subprocess
import sys
from pathlib import Path

from chatterm.client.lock import SenderLock

_HOLD = (
    "import sys, pathlib; from chatterm.client.lock import SenderLock\n"
    "lock = SenderLock(pathlib.Path(sys.argv[1])); print(lock.acquire(), flush=True); sys.stdin.read()"
)


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The second is refused until the first lets go, also within one process."""
    first, second = SenderLock(tmp_path / "a" / "sender.lock"), SenderLock(tmp_path / "a" / "sender.lock")
    with first:
        assert first.acquire()
        assert first.acquire(), "the holder may ask again"
        assert not second.acquire()
        assert not second.held
        assert second.holder() == os.getpid()
    first.release()
    assert (first.held, second.acquire(), second.held) == (False, True, True)
    assert not first.acquire()
    second.release()
    assert first.holder() is None


def test_kill_frees_the_lock(tmp_path: Path) -> None:
    """A killed sender leaves nothing behind that stops the next one."""
    path = tmp_path / "sender.lock"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        with SenderLock(path) as lock:
            assert not lock.acquire()
            assert lock.holder() == holder.pid
            holder.kill()
            holder.wait(10)
            assert lock.acquire()
            assert lock.holder() == os.getpid()
