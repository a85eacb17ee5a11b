"""A process of its own for scheduled backups: the job comes on stdin, what became of it goes to stdout, as JSON.

It gives way to everything else: least processor and disk priority, and the first to go when memory is short.
"""

import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from chatserver.backup.errors import BackupError
from chatserver.backup.job import Outcome, decode_job
from chatserver.backup.priority import give_way
from chatserver.backup.round import hold_round
from chatserver.config import ConfigError

LOCK_NAME: Final = "backup.lock"


def main() -> int:
    """Hold one round."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    os.umask(0o077)
    give_way()
    job = decode_job(sys.stdin.buffer.read())
    try:
        with _alone(job.settings.data):
            outcome = Outcome(places=hold_round(job.settings, job.config_file))
    except (BackupError, ConfigError, OSError) as error:
        outcome = Outcome(error=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
    sys.stdout.buffer.flush()
    return 0


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Wait for a worker whose server was killed: it goes on to its end, and then nothing may be due any more."""
    descriptor = os.open(data / LOCK_NAME, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
