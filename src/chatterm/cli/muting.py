"""`chatterm mute|unmute`: a chat kept quiet, or not any more."""

import argparse
import asyncio
import time

from chatproto import limits
from chatterm.cli import outcome
from chatterm.cli.asking import asking_server, chat_of
from chatterm.cli.naming import seconds_of
from chatterm.client.errors import ClientError


def run(arguments: argparse.Namespace) -> int:
    """Set it on the server, for all devices."""
    until = 0
    if arguments.muting:
        until = limits.TIME_MAX
        if arguments.span is not None:
            span = seconds_of(arguments.span)
            if span is None:
                raise ClientError("usage", f"{arguments.span!r} is no length of time.", "Write 90m, 8h or 3d.")
            until = time.time_ns() // 1_000 + span * 1_000_000
    return asyncio.run(_run(arguments, until))


async def _run(arguments: argparse.Namespace, until: int) -> int:
    async with asking_server(arguments) as asked:
        chat_id = await chat_of(asked, arguments.target)
        asked.keep(await asked.server.set_chat(chat_id, muted_until=until))
    if not until:
        outcome.say("Not muted any more.")
    else:
        outcome.say("Muted." if until == limits.TIME_MAX else f"Muted until {outcome.clock_time(until)}.")
    return outcome.OK
