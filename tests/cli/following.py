"""A command that keeps printing, read line by line while it runs."""

import queue
import signal
import threading
import time
from pathlib import Path
from typing import IO, Self

from tests.cli.conftest import Home

WAIT_S = 20.0


class Running:
    """A started command; its two streams arrive in queues of lines."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self.process = home.start(*arguments)
        assert self.process.stdin is not None
        self.process.stdin.close()
        self._out: queue.Queue[str | None] = queue.Queue()
        self._err: queue.Queue[str | None] = queue.Queue()
        for stream, lines in ((self.process.stdout, self._out), (self.process.stderr, self._err)):
            assert stream is not None
            threading.Thread(target=_read, args=(stream, lines), daemon=True).start()

    def line(self) -> str:
        """The next line of standard output."""
        line = self._out.get(timeout=WAIT_S)
        assert line is not None, f"it ended with {self.process.wait(WAIT_S)}: {self.rest(self._err)}"
        return line

    def lines(self, count: int) -> list[str]:
        return [self.line() for _ in range(count)]

    def said(self, words: str) -> str:
        """The next line of standard error that has these words."""
        while True:
            line = self._err.get(timeout=WAIT_S)
            assert line is not None, f"it ended without saying {words!r}"
            if words in line:
                return line

    def until_written(self, path: Path) -> None:
        """Wait until the command has made a file."""
        deadline = time.monotonic() + WAIT_S
        while not path.exists():
            assert time.monotonic() < deadline and self.process.poll() is None, self.process.poll()
            time.sleep(0.01)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)

    def left(self) -> list[str]:
        """What was printed and not taken, after the end."""
        return self.rest(self._out)

    def rest(self, lines: "queue.Queue[str | None]") -> list[str]:
        found = []
        while (line := lines.get(timeout=WAIT_S)) is not None:
            found.append(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _read(stream: IO[bytes], lines: "queue.Queue[str | None]") -> None:
    with stream:
        for line in stream:
            lines.put(line.decode().rstrip("\n"))
    lines.put(None)
