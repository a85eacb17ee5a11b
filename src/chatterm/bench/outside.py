"""The app as its user meets it: a process on a pseudo-terminal, timed from outside."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from chatterm.bench.figures import Report, percentile

SIZE: Final = (120, 40)
HELLO: Final = """
from textual.app import App
from textual.widgets import Static
class Hello(App):
    def compose(self):
        yield Static("Hello, World!")
Hello().run()
"""
LIMIT_S: Final = 20.0
IDLE_S: Final = 15.0
"""Long enough for several attempts to connect, which are part of being offline."""


class Terminal:
    """A process on its own pseudo-terminal of 120 columns and 40 rows."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        self.started = time.perf_counter()
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter, or a peer by its name
            list(command), stdin=slave, stdout=slave, stderr=slave, env=dict(environment), start_new_session=True
        )
        os.close(slave)

    def read_until(self, needle: bytes) -> float:
        """Seconds since the process was started, when `needle` has been written. Raises `TimeoutError`."""
        seen = b""
        limit = time.monotonic() + LIMIT_S
        while needle not in seen:
            if not select.select([self._master], [], [], max(0.0, limit - time.monotonic()))[0]:
                raise TimeoutError(f"{needle!r} was not written within {LIMIT_S} s; the last output is {seen[-500:]!r}")
            seen = seen[-4_096:] + os.read(self._master, 65_536)
        return time.perf_counter() - self.started

    def drain(self, seconds: float) -> None:
        """Read whatever comes for so long."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                os.read(self._master, 65_536)

    def write(self, data: bytes) -> None:
        os.write(self._master, data)

    def cpu(self) -> float:
        """Seconds of CPU used so far by the threads that live; exact, where clock ticks are too coarse for idling."""
        threads = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9

    def memory(self) -> float:
        """Resident MB."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1_024
        return 0.0

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._master)


@contextmanager
def terminal(command: Sequence[str]) -> Iterator[Terminal]:
    """Run a command on a pseudo-terminal, and end it."""
    opened = Terminal(command, {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"})
    try:
        yield opened
    finally:
        opened.close()


def measure(report: Report, starts: int, keys: int) -> None:
    """Start-up against Textual's hello world, then keys, memory and idling of one running app."""
    chat, hello = [], []
    app = [sys.executable, "-m", "chatterm"]
    for _ in range(starts):
        hello.append(_first_paint([sys.executable, "-c", HELLO], b"Hello, World!"))
        chat.append(_first_paint(app, b"live "))
    report.add("Textual's hello world, exec to first frame", percentile(hello, 0.5) * 1_000, "ms")
    report.add("conversation on screen, server unreachable", percentile(chat, 0.5) * 1_000, "ms")
    report.add("  the ratio of both", percentile(chat, 0.5) / percentile(hello, 0.5), "x", 1.5)
    with terminal(app) as opened:
        opened.read_until(b"live ")
        opened.drain(2)
        report.percentiles("key to paint", key_times(opened, keys), 5, 10)
        for _ in range(20):
            opened.write(b"\x1b[5~")
            opened.drain(0.05)
        opened.drain(1)
        report.add("resident memory", opened.memory(), "MB", 80)
        before = opened.cpu()
        opened.drain(IDLE_S)
        report.add("CPU while idle, offline", (opened.cpu() - before) / IDLE_S * 100, "%", 0.5)


def _first_paint(command: Sequence[str], needle: bytes) -> float:
    with terminal(command) as opened:
        return opened.read_until(needle)


def key_times(opened: Terminal, count: int) -> list[float]:
    """Milliseconds from each key to its first paint; the text is wiped out in between."""
    times = []
    for number in range(count):
        key = "ßøŧđ"[number % 4].encode()
        begin = time.perf_counter()
        opened.write(key)
        opened.read_until(key)
        times.append((time.perf_counter() - begin) * 1_000)
        opened.drain(0.03)
        if number % 20 == 19:
            opened.write(b"\x15")
            opened.drain(0.1)
    return times
