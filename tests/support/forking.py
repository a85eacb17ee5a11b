"""Runs the commands as processes that are forked from one that has loaded everything: real, but quick.

What a command loads at its start, and how long that takes, is tested elsewhere, with processes that start from nothing.
"""

import asyncio
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import uvloop

_PROGRAMS = {
    "chatserver": "chatserver.cli",
    "chatterm": "chatterm.cli.main",
    "sender": "tests.support.sender_process",
}
"""Modules whose `main` takes the arguments and returns an exit code."""
_PRELOADED = (
    *_PROGRAMS.values(),
    "chatserver.cli.export",
    "chatserver.cli.backups",
    "chatserver.cli.importing",
    "chatserver.cli.invite",
    "chatserver.cli.serve",
    "chatserver.cli.user",
    "chatserver.store.sqlite.store",
    "chatterm.cli.outcome",
    "chatterm.cli.delivery",
    "chatterm.cli.looking",
    "chatterm.cli.asking",
    "chatterm.client.link",
    "chatterm.client.session",
    "chatterm.client.signing",
    "uvloop",
)
_REQUEST_MAX = 1 << 20
_FILES = 4
_KILLED = -1


class Ended(NamedTuple):
    """How a command ended; `code` is -1 if it was killed."""

    code: int
    out: bytes
    err: bytes


class Child:
    """A command that was started and may be killed; somebody must wait for its end."""

    def __init__(self, pid: int, ending: int) -> None:
        """`ending` is the pipe that tells the exit code; it closes with the process."""
        self.pid = pid
        self._ending = ending
        self._code: int | None = None

    def send_signal(self, number: int) -> None:
        """Does nothing once its end was waited for."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        """Wait for its exit code, -1 if it was killed. Raises `TimeoutError`."""
        if self._code is None:
            self._code = _code(self._ending, timeout)
            os.close(self._ending)
        return self._code

    async def ended(self) -> int:
        """`wait` without holding up the loop."""
        if self._code is None:
            loop = asyncio.get_running_loop()
            told = asyncio.Event()
            loop.add_reader(self._ending, told.set)
            try:
                await told.wait()
            finally:
                loop.remove_reader(self._ending)
        return self.wait(20)


class Forker:
    """The process that forks."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"from tests.support.forking import serve; serve({theirs.fileno()})"
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen([sys.executable, "-c", code], pass_fds=(theirs.fileno(),), cwd=root)
        self._turn = threading.Lock()
        theirs.close()

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        files: tuple[int | IO[Any], int | IO[Any], int | IO[Any]],
    ) -> Child:
        """Start a program with these as its standard input, output and error."""
        reading, writing = os.pipe()
        request = {"program": program, "arguments": list(arguments), "environment": dict(environment)}
        numbers = [file if isinstance(file, int) else file.fileno() for file in files]
        try:
            with self._turn:
                socket.send_fds(self._socket, [json.dumps(request).encode()], [*numbers, writing])
                pid = int(self._socket.recv(64))
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return Child(pid, reading)

    def run(
        self, program: str, arguments: Sequence[str], environment: Mapping[str, str], given: bytes, timeout: float
    ) -> Ended:
        """Run a program to its end. Raises `TimeoutError`."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            stdin.write(given)
            stdin.seek(0)
            code = self.start(program, arguments, environment, (stdin, out, err)).wait(timeout)
            for file in (out, err):
                file.seek(0)
            return Ended(code, out.read(), err.read())

    def close(self) -> None:
        """End it; a command that still runs goes on."""
        self._socket.close()
        self._process.wait(20)


async def read_pipe(descriptor: int) -> asyncio.StreamReader:
    """What is written to the other end of a pipe; it must be read to its end, which closes this one."""
    lines, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    # uvloop closes the number, and then the file too: by then it may be that of a file which a thread has just opened.
    file = os.fdopen(descriptor, "rb", 0, closefd=not isinstance(loop, uvloop.Loop))
    await loop.connect_read_pipe(lambda: _ToTheEnd(lines), file)
    return lines


class _ToTheEnd(asyncio.StreamReaderProtocol):
    def eof_received(self) -> bool:
        """Nothing is written to it, so that its end is the end of both directions."""
        super().eof_received()
        return False


@functools.cache
def forker() -> Forker:
    """One for all tests of this process."""
    made = Forker()
    atexit.register(made.close)
    return made


def _code(reading: int, timeout: float) -> int:
    """The exit code, or -1, once nobody holds the other end of the pipe."""
    deadline, said = time.monotonic() + timeout, b""
    while True:
        if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError("the command did not end")
        part = os.read(reading, 64)
        if not part:
            return int(said) if said else _KILLED
        said += part


def serve(descriptor: int) -> None:
    """Fork for each request, until the other end is closed."""
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # so that the children need not copy what they only read
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children here
    with socket.socket(fileno=descriptor) as requests:
        while True:
            data, files, _, _ = socket.recv_fds(requests, _REQUEST_MAX, _FILES)
            if not data:
                return
            pid = os.fork()
            if pid == 0:
                requests.close()
                _become(json.loads(data), files)
            for file in files:
                os.close(file)
            requests.send(str(pid).encode())


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Be the command, and end as it does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.stdin, sys.stdout = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - they live as long as the process
        for number, mode in enumerate(("r", "w"))
    )
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = [request["program"], *request["arguments"]]
    code: object = 1
    try:
        code = importlib.import_module(_PROGRAMS[request["program"]]).main(request["arguments"])
    except SystemExit as end:
        code = end.code
    except BaseException:  # as the interpreter would say it
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(files[3], str(code if isinstance(code, int) else 0 if code is None else 1).encode())
    os._exit(0)
