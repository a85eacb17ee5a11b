"""A real terminal for tests: a process on a pty, its screen kept by pyte, its raw output kept whole."""

import asyncio
import contextlib
import errno
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pyte

WAIT_S: Final = 20.0
"""Far longer than anything takes; a test that reaches it has failed."""
_DEVICE_CONTROL: Final = re.compile(rb"\x1bP[^\x1b]*\x1b\\")


class Terminal:
    """One process in a terminal of its own."""

    def __init__(self, process: asyncio.subprocess.Process, master: int, columns: int, rows: int) -> None:
        self.process = process
        self.raw = bytearray()
        self._master = master
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._graphic = b""
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return "\n".join(self._screen.display)

    def cell(self, row: int, column: int) -> str:
        """What stands in one cell, counted from 0; empty for the second half of a wide character."""
        return self._screen.buffer[row][column].data

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65_536)
        except OSError as error:
            if error.errno != errno.EIO:  # the other side is closed
                raise
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self.raw += data
        self._stream.feed(self._without_graphics(data))
        self._news.set()

    def _without_graphics(self, data: bytes) -> bytes:
        """What pyte understands: device control strings, of which it knows nothing, are taken out."""
        data, self._graphic = self._graphic + data, b""
        data = _DEVICE_CONTROL.sub(b"", data)
        begun = data.find(b"\x1bP")
        if begun < 0 and data.endswith(b"\x1b"):
            begun = len(data) - 1
        if begun >= 0:
            data, self._graphic = data[:begun], data[begun:]
        return data

    def type(self, text: str) -> None:
        """Send keys."""
        os.write(self._master, text.encode())

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; it is looked at after each output."""
        try:
            async with asyncio.timeout(WAIT_S):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"it did not happen; the terminal shows:\n{self.text}") from None

    async def sees(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(text in self.text for text in texts))

    def scribble(self, text: str) -> None:
        """Put something on the screen that the process knows nothing of."""
        pyte.Stream(self._screen).feed(text)

    def resize(self, columns: int, rows: int, *, cell: tuple[int, int] = (0, 0)) -> None:
        """Give the window another size, as its user would with the mouse, or another font."""
        self._screen.resize(rows, columns)
        _set_size(self._master, columns, rows, cell)

    def hang_up(self) -> None:
        """Close the window."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        self._master = -1

    async def exit_code(self) -> int:
        """Wait for the end of the process."""
        try:
            async with asyncio.timeout(WAIT_S):
                return await self.process.wait()
        except TimeoutError:
            raise AssertionError(f"it did not end; the terminal shows:\n{self.text}") from None

    async def close(self) -> None:
        """Kill the process if it still runs, and close the terminal."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.exit_code()
        if self._master >= 0:
            self.hang_up()


def _set_size(descriptor: int, columns: int, rows: int, cell: tuple[int, int] = (0, 0)) -> None:
    size = struct.pack("HHHH", rows, columns, columns * cell[0], rows * cell[1])
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, size)


def _session() -> None:
    os.setsid()


def _own_terminal() -> None:
    """In the child: the pty becomes its controlling terminal, so that a hang-up reaches it as a signal."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.asynccontextmanager
async def terminal(
    *arguments: str,
    environment: Mapping[str, str],
    columns: int = 100,
    rows: int = 30,
    cell: tuple[int, int] = (0, 0),
    controlling: bool = True,
) -> AsyncIterator[Terminal]:
    """Run `python ARGUMENTS` in a terminal; unless it is `controlling`, its end is no signal but an end of input.

    `cell` are the pixels of a cell, as far as the system knows them.
    """
    master, slave = pty.openpty()
    _set_size(slave, columns, rows, cell)
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            preexec_fn=_own_terminal if controlling else _session,
            env={"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **environment},
        )
    finally:
        os.close(slave)
    running = Terminal(process, master, columns, rows)
    try:
        yield running
    finally:
        await running.close()


def chatterm(home: Path, **options: Any) -> "contextlib.AbstractAsyncContextManager[Terminal]":
    """The terminal interface of the account in `home`, as its user starts it."""
    environment = {"CHATTERM_HOME": str(home), "PATH": os.environ["PATH"]}
    return terminal("-m", "chatterm", environment=environment, **options)


def kill(process: asyncio.subprocess.Process) -> None:
    """No time to tidy up."""
    process.send_signal(signal.SIGKILL)
