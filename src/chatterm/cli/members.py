"""`chatterm members`: who is in a chat."""

import argparse
import asyncio

from chatproto.rest import Member
from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.cli.asking import Asked, asking_server, chat_of, update


def run(arguments: argparse.Namespace) -> int:
    """Ask the server, and print one per line."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with asking_server(arguments) as asked:
        chat_id = await chat_of(asked, arguments.target)
        members = await asked.server.members(chat_id)
        if any(asked.cache.user(member.user_id) is None for member in members):
            await update(asked)
        chat = asked.cache.chat(chat_id)
        owner_id = None if chat is None else chat.owner_id
        for member in members:
            _put(asked, member, owner=member.user_id == owner_id, as_json=arguments.json)
    return outcome.OK


def _put(asked: Asked, member: Member, *, owner: bool, as_json: bool) -> None:
    user = asked.cache.user(member.user_id)
    if as_json:
        outcome.put_json(
            {
                "id": member.user_id,
                "email": user.email if user is not None else None,
                "name": user.display_name if user is not None else None,
                "owner": owner,
                "joinedSeq": member.joined_seq,
                "disabled": user is not None and user.disabled,
                "deleted": user is not None and user.deleted,
            }
        )
        return
    email = terminal_safe(user.email) if user is not None else ""
    name = terminal_safe(user.display_name) if user is not None else f"user {member.user_id}"
    outcome.put(f"{'*' if owner else ' '} {email:<32} {name}")
