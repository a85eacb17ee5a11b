"""One sending client in a process of its own, so that it can be killed: queues numbered messages and reports each.

Standard output: `queued TEXT` after each message is durable in the outbox, `drained` when none is left unsent; with
`--acks` also `acked TEXT` once the server has acknowledged one.
Standard input: the line `finish` ends the sending; the process then drains its outbox and exits.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chatterm.client.accounts import Accounts
from chatterm.client.model import Link, Notice, OutboxChanged, Target
from chatterm.client.session import Session
from tests.support.files import noise

OUTSTANDING_MAX = 24
"""Unsent messages at which the sender waits for acks."""
_DIFFERENT_FILES = 40
_FILE_BYTES = 1_000
"""The first file has so many, each further one as many more."""


class Sender:
    """Sends while the outbox is short, and wakes whenever it changes."""

    def __init__(self, session: Session, target: Target, prefix: str, *, acks: bool, file_every: int) -> None:
        """Reports `acks` if told so; each `file_every`th message has a file, and none if that is 0."""
        self.session = session
        self.target = target
        self.prefix = prefix
        self.acks = acks
        self.file_every = file_every
        self.unsent = {row.text for row in session.outbox.rows()} if acks else set()
        self.changed = asyncio.Event()
        self.finishing = asyncio.Event()

    def hear(self, notice: Notice) -> None:
        if isinstance(notice, OutboxChanged):
            self.changed.set()

    def told(self) -> None:
        if sys.stdin.readline():
            self.finishing.set()

    async def send_until_told(self) -> None:
        number = 0
        while not self.finishing.is_set():
            if self.session.outbox.counts()[0] >= OUTSTANDING_MAX:
                await self.wait_for_change()
                continue
            number += 1
            await self.send(number)
            self.report_acks()
        while self.session.outbox.counts()[0]:
            await self.wait_for_change()
        self.report_acks()
        print("drained", flush=True)

    async def send(self, number: int) -> None:
        text = f"{self.prefix} {number}"
        if self.file_every and number % self.file_every == 0:
            which = number // self.file_every % _DIFFERENT_FILES
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{which}.bin"
                path.write_bytes(noise(_FILE_BYTES * (which + 1), which))
                await self.session.send(self.target, text, files=[path])
        else:
            await self.session.send(self.target, text)
        print(f"queued {text}", flush=True)
        self.unsent.add(text)

    def report_acks(self) -> None:
        """Only a message that the server has acknowledged leaves the outbox, as nobody discards any here."""
        if self.acks:
            left = {row.text for row in self.session.outbox.rows()}
            for text in self.unsent - left:
                print(f"acked {text}", flush=True)
            self.unsent = left

    async def wait_for_change(self) -> None:
        self.changed.clear()
        self.report_acks()
        if self.session.status.link is Link.SIGNED_OUT:
            raise SystemExit("signed out")
        waits = {asyncio.ensure_future(self.changed.wait()), asyncio.ensure_future(self.finishing.wait())}
        if self.finishing.is_set():
            waits = {asyncio.ensure_future(self.changed.wait())}
        # The bound is a safety net for a missed notice, not the way to wait.
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=1.0)
        for task in pending:
            task.cancel()


async def run(args: argparse.Namespace) -> None:
    account = Accounts().default()
    assert account is not None
    session = Session(account)
    sender = Sender(session, Target(chat_id=args.chat), args.prefix, acks=args.acks, file_every=args.file_every)
    session.subscribe(sender.hear)
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), sender.told)
    await session.start()
    try:
        await sender.send_until_told()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        await session.stop()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chat", type=int, required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--acks", action="store_true")
    parser.add_argument("--file-every", type=int, default=0)
    asyncio.run(run(parser.parse_args(argv)))
    return 0
