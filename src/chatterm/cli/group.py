"""`chatterm group`: make a group of oneself and the people named."""

import argparse
import asyncio
from functools import partial

from chatproto.errors import ChatError
from chatproto.models import Chat, User
from chatproto.text import normalize_email, normalize_title
from chatterm.cli import outcome
from chatterm.cli.asking import asking
from chatterm.cli.setup import chosen_account
from chatterm.client.api import Api
from chatterm.client.model import Account
from chatterm.client.tokens import TokenSource


def run(arguments: argparse.Namespace) -> int:
    """Print the new group's id; nothing is made unless everybody named exists."""
    title = normalize_title(arguments.title.removeprefix("#"))
    emails = {normalize_email(email) for email in arguments.emails}
    chat = asyncio.run(_make(chosen_account(arguments), title, emails))
    outcome.put(str(chat.id))
    outcome.say(f"The group {title} has {chat.member_count} members. Write to it with: chatterm send '#{title}' TEXT")
    return outcome.OK


async def _make(account: Account, title: str, emails: set[str]) -> Chat:
    async with asking(account) as (api, tokens):
        people = await _find(api, tokens, emails)
        missing = sorted(emails - people.keys())
        if missing:
            raise ChatError("userNotFound", f"Unknown: {', '.join(missing)}.")
        members = [user.id for user in people.values()]
        return await tokens.call(lambda token: api.open_group(token, title, members))


async def _find(api: Api, tokens: TokenSource, emails: set[str]) -> dict[str, User]:
    """Those of the server's users who have one of these emails."""
    people: dict[str, User] = {}
    since = 0
    while len(people) < len(emails):
        page = await tokens.call(partial(api.users, since=since))
        people |= {user.email: user for user in page.users if user.email in emails}
        if not page.has_more or not page.users:
            break
        since = page.users[-1].rev
    return people
