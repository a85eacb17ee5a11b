"""`chatserver user add` and `chatserver user list`: on the database itself, also while a server serves it."""

import argparse
import asyncio
import getpass
import secrets
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from chatproto import codec, limits
from chatproto.errors import ChatError
from chatproto.text import terminal_safe
from chatserver import backends, config
from chatserver.cli.exits import Exit, fail, refuse, say
from chatserver.services.accounts import Accounts
from chatserver.services.passwords import PasswordPool, check_length
from chatserver.store.base import Store
from chatserver.store.errors import StoreUnusableError

_READABLE: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""No letters that look like digits: 32 characters, 5 bits each."""


def add(arguments: argparse.Namespace) -> int:
    """Add a user."""
    try:
        password, generated = _password(arguments)
        check_length(password)
    except ChatError as error:
        return refuse(error)

    async def work(store: Store) -> None:
        pool = PasswordPool()
        try:
            user = await Accounts(store, pool).create(arguments.email, arguments.name, password)
        finally:
            pool.close()
        say(f"Added {user.display_name} <{user.email}>.")

    code = _with_store(arguments, work, create=True)
    if code == Exit.OK and generated:
        say("The password, shown only this once:")
        sys.stdout.write(password + "\n")
        sys.stdout.flush()
    return code


def show(arguments: argparse.Namespace) -> int:
    """List users."""

    async def work(store: Store) -> None:
        rev = 0
        while users := await store.users_since(rev, limits.USERS_PAGE_MAX):
            for user in users:
                if arguments.json:
                    sys.stdout.write(codec.encode_text(user) + "\n")
                else:
                    sys.stdout.write(f"{terminal_safe(user.email)}\t{terminal_safe(user.display_name)}\n")
            rev = users[-1].rev
        sys.stdout.flush()

    return _with_store(arguments, work, create=False)


def _with_store(arguments: argparse.Namespace, work: Callable[[Store], Awaitable[None]], *, create: bool) -> Exit:
    async def run() -> None:
        store = await backends.open_store(settings.data, serving=False, create=create)
        try:
            await work(store)
        finally:
            await store.close()

    try:
        settings = config.load({"data": arguments.data}, file=arguments.config)
        asyncio.run(run())
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
    except ChatError as error:
        return refuse(error)
    return Exit.OK


def _password(arguments: argparse.Namespace) -> tuple[str, bool]:
    """The password, and whether it was made here."""
    if arguments.password_stdin:
        return _from_stdin(), False
    if arguments.generate or not sys.stdin.isatty():
        return _generated(), True
    password = getpass.getpass("Password: ")
    check_length(password)
    if getpass.getpass("Again: ") != password:
        raise ChatError("passwordInvalid", "The two were not the same.")
    return password, False


def _from_stdin() -> str:
    line = sys.stdin.buffer.readline(limits.PASSWORD_MAX_CHARS * 4 + 3)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ChatError("passwordInvalid", "It is not UTF-8.") from None


def _generated() -> str:
    """Twenty random characters, 100 bits, in groups that can be read out."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(5)) for _ in range(4))
