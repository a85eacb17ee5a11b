"""`chatserver user`: accounts, on the database itself, also while a server serves it."""

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

from chatproto import codec, limits
from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.text import terminal_safe
from chatserver.cli.exits import Exit, refuse, say
from chatserver.cli.passwords import new_password
from chatserver.cli.storing import with_store
from chatserver.clock import now_us
from chatserver.services.accounts import Accounts
from chatserver.services.passwords import PasswordPool
from chatserver.services.recovery import Recovery
from chatserver.settings import Settings
from chatserver.store.base import Store


def add(arguments: argparse.Namespace) -> int:
    """Add a user."""

    async def use(accounts: Accounts, password: str) -> None:
        user = await accounts.create(arguments.email, arguments.name, password)
        say(f"Added {user.display_name} <{user.email}>.")

    return _with_password(arguments, use, create=True)


def passwd(arguments: argparse.Namespace) -> int:
    """Replace a user's password, which ends all of their sessions."""

    async def use(accounts: Accounts, password: str) -> None:
        user = await accounts.set_password(arguments.email, password)
        say(f"The password of {user.email} is replaced, and every session has ended.")

    return _with_password(arguments, use, create=False)


def reset_code(arguments: argparse.Namespace) -> int:
    """Make a code with which a user can set a new password."""

    async def work(store: Store, settings: Settings) -> None:
        with contextlib.closing(PasswordPool()) as pool:
            user = await Accounts(store, pool).find(arguments.email)
            code = await Recovery(store, pool, code_ttl_s=settings.reset_code_s).issue(user.id)
        say(f"A code for {user.email}, for {settings.reset_code_s // 3600} hours; it is shown only this once:")
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()

    return with_store(arguments, work)


def disable(arguments: argparse.Namespace) -> int:
    """Keep a user out; their sessions end."""
    return _set_disabled(arguments, disabled=True)


def enable(arguments: argparse.Namespace) -> int:
    """Let a user in again."""
    return _set_disabled(arguments, disabled=False)


def delete(arguments: argparse.Namespace) -> int:
    """Delete an account for good."""
    if not arguments.yes:
        if not sys.stdin.isatty():
            say("chatserver: This cannot be undone. Give --yes if you are sure.")
            return Exit.REFUSED
        say(f"This cannot be undone. Messages stay, without a name. Type {arguments.email} to delete the account:")
        if sys.stdin.readline().strip() != arguments.email:
            say("chatserver: Nothing was deleted.")
            return Exit.REFUSED

    async def work(store: Store, _settings: Settings) -> None:
        with contextlib.closing(PasswordPool()) as pool:
            accounts = Accounts(store, pool)
            user = await accounts.find(arguments.email)
            await accounts.delete(user.id)
        say(f"Deleted {user.display_name} <{user.email}>.")

    return with_store(arguments, work)


def show(arguments: argparse.Namespace) -> int:
    """Show one user and their sessions."""

    async def work(store: Store, settings: Settings) -> None:
        with contextlib.closing(PasswordPool()) as pool:
            user = await Accounts(store, pool).find(arguments.email)
        if arguments.json:
            sys.stdout.write(codec.encode_text(user) + "\n")
            return
        for name, value in (
            ("id", user.id),
            ("email", user.email),
            ("name", user.display_name),
            ("status", user.status),
            ("state", "disabled" if user.disabled else "enabled"),
        ):
            sys.stdout.write(f"{name}\t{terminal_safe(str(value))}\n")
        for session in await store.live_sessions(user.id, now_us() - settings.refresh_token_s * 1_000_000):
            used = datetime.fromtimestamp(session.rotated_at // 1_000_000, UTC).isoformat()
            sys.stdout.write(f"session\t{used}\t{terminal_safe(session.device)}\n")

    return with_store(arguments, work)


def list_users(arguments: argparse.Namespace) -> int:
    """List users."""

    async def work(store: Store, _settings: Settings) -> None:
        async for user in _users(store):
            if arguments.json:
                sys.stdout.write(codec.encode_text(user) + "\n")
            else:
                state = "\tdisabled" if user.disabled else ""
                sys.stdout.write(f"{terminal_safe(user.email)}\t{terminal_safe(user.display_name)}{state}\n")
        sys.stdout.flush()

    return with_store(arguments, work)


def _set_disabled(arguments: argparse.Namespace, *, disabled: bool) -> int:
    async def work(store: Store, _settings: Settings) -> None:
        with contextlib.closing(PasswordPool()) as pool:
            user = await Accounts(store, pool).set_disabled(arguments.email, disabled)
        say(f"{user.email} is disabled, and every session has ended." if disabled else f"{user.email} is enabled.")

    return with_store(arguments, work)


def _with_password(
    arguments: argparse.Namespace, use: Callable[[Accounts, str], Awaitable[None]], *, create: bool
) -> int:
    """Get a password, use it, and print it if it was made here."""
    try:
        password, generated = new_password(arguments)
    except ChatError as error:
        return refuse(error)

    async def work(store: Store, _settings: Settings) -> None:
        with contextlib.closing(PasswordPool()) as pool:
            await use(Accounts(store, pool), password)

    code = with_store(arguments, work, create=create)
    if code == Exit.OK and generated:
        say("The password, shown only this once:")
        sys.stdout.write(password + "\n")
        sys.stdout.flush()
    return code


async def _users(store: Store) -> AsyncIterator[User]:
    """Everybody who is not deleted."""
    rev = 0
    while users := await store.users_since(rev, limits.USERS_PAGE_MAX):
        for user in users:
            if not user.deleted:
                yield user
        rev = users[-1].rev
