"""Runs commands of chatterm as processes that are forked from one that has loaded everything: real, but quick.

What a command loads at its start, and how long that takes, is tested elsewhere, with processes that start from nothing.
"""

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from typing import Any, NamedTuple

_PRELOADED = (
    "chatterm.cli.main",
    "chatterm.cli.outcome",
    "chatterm.cli.delivery",
    "chatterm.cli.looking",
    "chatterm.cli.asking",
    "chatterm.client.link",
    "chatterm.client.session",
    "chatterm.client.signing",
)
_REQUEST_MAX = 1 << 20
_FILES = 4


class Ended(NamedTuple):
    """How a command ended; `code` is -1 if it was killed."""

    code: int
    out: bytes
    err: bytes


class Forker:
    """The process that forks."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        code = f"from tests.support.forking import serve; serve({theirs.fileno()})"
        self._process = subprocess.Popen([sys.executable, "-c", code], pass_fds=(theirs.fileno(),))
        theirs.close()

    def run(self, arguments: list[str], environment: dict[str, str], given: bytes, timeout: float) -> Ended:
        """Run a command to its end. Raises `TimeoutError`."""
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            stdin.write(given)
            stdin.seek(0)
            reading, writing = os.pipe()
            try:
                request = json.dumps({"arguments": arguments, "environment": environment}).encode()
                files = [stdin.fileno(), out.fileno(), err.fileno(), writing]
                socket.send_fds(self._socket, [request], files)
                os.close(writing)
                code = _code(reading, timeout)
            finally:
                os.close(reading)
            for file in (out, err):
                file.seek(0)
            return Ended(code, out.read(), err.read())

    def close(self) -> None:
        """End it; a command that still runs goes on."""
        self._socket.close()
        self._process.wait(20)


def _code(reading: int, timeout: float) -> int:
    """The exit code, or -1, once nobody holds the other end of the pipe."""
    deadline, said = time.monotonic() + timeout, b""
    while True:
        if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError("the command did not end")
        part = os.read(reading, 64)
        if not part:
            return int(said) if said else -1
        said += part


def serve(descriptor: int) -> None:
    """Fork for each request, until the other end is closed."""
    for name in _PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children here
    with socket.socket(fileno=descriptor) as requests:
        while True:
            data, files, _, _ = socket.recv_fds(requests, _REQUEST_MAX, _FILES)
            if not data:
                return
            if os.fork() == 0:
                requests.close()
                _become(json.loads(data), files)
            for file in files:
                os.close(file)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Be the command, and end as it does."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - they live as long as the process
        for number, mode in enumerate(("r", "w", "w"))
    )
    sys.argv = ["chatterm", *request["arguments"]]
    code: object = 1
    try:
        from chatterm.cli.main import main  # noqa: PLC0415 - loaded before the fork

        code = main(request["arguments"])
    except SystemExit as end:
        code = end.code
    except BaseException:  # as the interpreter would say it
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(files[3], str(code if isinstance(code, int) else 0 if code is None else 1).encode())
    os._exit(0)
