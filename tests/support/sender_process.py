"""One sending client in a process of its own, so that it can be killed: queues numbered messages and reports each.

Standard output: `queued TEXT` after each message is durable in the outbox, `drained` when none is left unsent.
Standard input: the line `finish` ends the sending; the process then drains its outbox and exits.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from chatterm.client.accounts import Accounts
from chatterm.client.model import Link, Notice, OutboxChanged, Target
from chatterm.client.session import Session

OUTSTANDING_MAX = 24
"""Unsent messages at which the sender waits for acks."""


class Sender:
    """Sends while the outbox is short, and wakes whenever it changes."""

    def __init__(self, session: Session, target: Target, prefix: str) -> None:
        self.session = session
        self.target = target
        self.prefix = prefix
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
            text = f"{self.prefix} {number}"
            await self.session.send(self.target, text)
            print(f"queued {text}", flush=True)
        while self.session.outbox.counts()[0]:
            await self.wait_for_change()
        print("drained", flush=True)

    async def wait_for_change(self) -> None:
        self.changed.clear()
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
    sender = Sender(session, Target(chat_id=args.chat), args.prefix)
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
    asyncio.run(run(parser.parse_args(argv)))
    return 0
