"""The shell commands and the way out of the outbox, timed from outside."""

import subprocess
import sys
import time
from typing import Final

from chatterm.bench.figures import Report, percentile

# Queues as the command does, and ends where it would begin to deliver.
_SEND: Final = """
import os, sys, types
stub = types.ModuleType("chatterm.cli.delivery")
stub.deliver = lambda *_: os._exit(0)
sys.modules["chatterm.cli.delivery"] = stub
from chatterm.cli.main import main
main(["send", "user7@example.org", "hello"])
"""


def measure(report: Report, rounds: int) -> None:
    """Exec to queued on disk, and a status bar's question, beside bare Python."""
    bare = [_run([sys.executable, "-c", "pass"]) for _ in range(rounds)]
    report.add("bare Python, exec to exit", percentile(bare, 0.5), "ms")
    send = [_run([sys.executable, "-c", _SEND]) for _ in range(rounds)]
    report.add("chatterm send, exec to queued on disk", percentile(send, 0.5), "ms", 150)
    unread = [_run([sys.executable, "-m", "chatterm", "unread"], fails=True) for _ in range(rounds)]
    report.add("chatterm unread, exec to exit", percentile(unread, 0.5), "ms", 150)


def _run(command: list[str], *, fails: bool = False) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=not fails, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - own modules
    return (time.perf_counter() - began) * 1_000
