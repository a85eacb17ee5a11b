"""`chatterm seen`: chats marked as read."""

import argparse
import asyncio

from chatterm.cli import outcome
from chatterm.cli.logs import find_chat
from chatterm.cli.looking import seen_told
from chatterm.cli.naming import seq_of
from chatterm.cli.setup import chosen_account
from chatterm.client.errors import ClientError
from chatterm.client.session import Session


def run(arguments: argparse.Namespace) -> int:
    """Move the seen markers; exit 0 also if the server is told later, which is said."""
    if bool(arguments.targets) == arguments.all:
        raise ClientError("usage", "Name chats, or all of them.", "Give TARGET or --all.")
    if arguments.up_to is not None and len(arguments.targets) != 1:
        raise ClientError("usage", "--up-to belongs to one chat.", "Name one TARGET.")
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    arguments.offline = False
    async with Session(chosen_account(arguments), sends=False) as session:
        marked = 0
        for chat_id in await _chats(session, arguments):
            seq = session.cache.head(chat_id)
            if arguments.up_to is not None:
                seq = min(seq, seq_of(arguments.up_to, chat_id))
            if seq > session.cache.seen(chat_id):
                await session.mark_seen(chat_id, seq)
                marked += 1
        outcome.say(f"Marked as read: {marked}.")
        if not await seen_told(session, arguments.timeout):
            outcome.say("The server cannot be told now; it is at the next connection.")
    return outcome.OK


async def _chats(session: Session, arguments: argparse.Namespace) -> list[int]:
    if arguments.all:
        return session.cache.chat_ids(unread=True)
    found = [await find_chat(session, arguments, name) for name in arguments.targets]
    return [chat_id for chat_id in found if chat_id is not None]
