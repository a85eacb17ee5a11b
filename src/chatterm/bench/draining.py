"""Thousands of messages queued without a network, and how long a real server takes to get them all."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chatterm.bench.figures import Report
from chatterm.client.accounts import Accounts
from chatterm.client.model import Notice, OutboxChanged, Target
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.client.session import Session

EMAILS: Final = ("anna@example.org", "bela@example.org")
PASSWORD: Final = "only for this measurement"  # noqa: S105 - of accounts that live for seconds
LIMIT_S: Final = 120.0


def measure(report: Report, count: int) -> None:
    """Queue, start the session, and wait until the outbox is empty; every message is durable on both sides."""
    with tempfile.TemporaryDirectory(prefix="chatterm-drain-") as folder, _server(Path(folder)) as url:
        before = os.environ["CHATTERM_HOME"]
        os.environ["CHATTERM_HOME"] = str(Path(folder) / "home")
        try:
            _run("chatterm", "login", url, "--email", EMAILS[0], "--password-stdin", stdin=PASSWORD)
            seconds = asyncio.run(_drain(count))
        finally:
            os.environ["CHATTERM_HOME"] = before
    report.add(f"{count:,} messages queued offline, drained", seconds, "s", 10)


async def _drain(count: int) -> float:
    account = Accounts().default()
    assert account is not None
    outbox = Outbox.open(account_files(account.key).outbox)
    for number in range(count):
        outbox.append(Target(email=EMAILS[1]), f"message {number}")
    outbox.close()
    session = Session(account)
    empty = asyncio.Event()

    def hear(notice: Notice) -> None:
        if isinstance(notice, OutboxChanged) and not notice.queued:
            empty.set()

    session.subscribe(hear)
    began = time.perf_counter()
    await session.start()
    try:
        async with asyncio.timeout(LIMIT_S):
            await empty.wait()
        return time.perf_counter() - began
    finally:
        await session.stop()


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[str]:
    """A server process of its own on the loopback interface, with two accounts; yields its address."""
    data = str(folder / "server")
    for email in EMAILS:
        person = ("user", "add", email, "--name", email[:4], "--password-stdin", "--data", data)
        _run("chatserver", *person, stdin=PASSWORD)
    command = (sys.executable, "-m", "chatserver", "serve", "--host", "127.0.0.1", "--port", "0", "--data", data)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)  # noqa: S603 - the product's own server
    try:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _run(*arguments: str, stdin: str) -> None:
    subprocess.run(  # noqa: S603 - the product's own commands
        [sys.executable, "-m", *arguments], input=stdin.encode() + b"\n", check=True, capture_output=True
    )
