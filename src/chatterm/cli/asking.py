"""The chosen account's server for commands, and who is meant by a name."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass

from chatproto.errors import ChatError
from chatproto.models import Chat
from chatproto.text import normalize_email
from chatterm.cli.looking import bring_up_to_date, looking
from chatterm.cli.setup import chosen_account
from chatterm.client.asking import asking
from chatterm.client.cache import Cache
from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.client.paths import account_files
from chatterm.client.server import Server
from chatterm.client.targets import parse_target


@dataclass(frozen=True, slots=True)
class Asked:
    """One account's server, and the cache beside it."""

    account: Account
    arguments: argparse.Namespace
    server: Server
    cache: Cache

    def keep(self, chat: Chat) -> None:
        """Have the cache know what the server just said of a chat, without waiting for the next connection."""
        self.cache.store_chats([chat], known_useq=self.cache.useq())


@asynccontextmanager
async def asking_server(arguments: argparse.Namespace) -> AsyncIterator[Asked]:
    """The server of the chosen account. Its methods raise `ClientError` where it cannot be reached."""
    account = chosen_account(arguments)
    with closing(Cache.open(account_files(account.key).cache)) as cache:
        async with asking(account) as pair:
            yield Asked(account, arguments, Server(lambda: pair), cache)


async def chat_of(asked: Asked, name: str) -> int:
    """The chat that a TARGET names; with a person it is begun if there is none. Raises `ClientError`."""
    try:
        target = parse_target(asked.cache, name)
    except ClientError as error:
        if error.code != "targetUnknown":
            raise
        target = None
    if target is None or target.chat_id is None:
        await update(asked)
        target = parse_target(asked.cache, name)
    if target.chat_id is not None:
        return target.chat_id
    if target.user_id is None:
        raise ClientError("targetUnknown", f"Nobody has the email {target.email}.", "Look at 'chatterm users'.")
    chat = await asked.server.open_direct(target.user_id)
    asked.keep(chat)
    return chat.id


async def person_of(asked: Asked, name: str) -> int | None:
    """The user with this email, or this name if only one has it; None if there is none. Raises `targetAmbiguous`."""
    try:
        email = normalize_email(name)
    except ChatError:
        people = asked.cache.users_by_name(name.removeprefix("@"))
        if len(people) > 1:
            raise ClientError(
                "targetAmbiguous", f"More than one person is called {name!r}.", "Use the email."
            ) from None
        return people[0].id if people else None
    user = asked.cache.user_by_email(email)
    if user is None:
        user = next((user for user in await asked.server.search_users(email) if user.email == email), None)
    return None if user is None else user.id


async def update(asked: Asked) -> None:
    """Bring names and chats in the cache up to date."""
    arguments = argparse.Namespace(**{"offline": False, "timeout": 10.0, **vars(asked.arguments)})
    async with looking(arguments) as session:
        await bring_up_to_date(session, arguments)
