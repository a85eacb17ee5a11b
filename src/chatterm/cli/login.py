"""`chatterm login`: ask for email and password once, keep tokens only, and fetch the names for later."""

import argparse
import asyncio
import getpass
import sys

from chatproto import limits
from chatproto.errors import CODES
from chatproto.text import normalize_email, strip_terminal_codes
from chatterm.cli import outcome
from chatterm.cli.looking import bring_up_to_date
from chatterm.client.accounts import Accounts
from chatterm.client.addresses import ServerAddress, parse_server_address
from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.client.session import Session
from chatterm.client.signing import checked_server, keep, this_device

_FIRST_LOOK_S = 10.0


def run(arguments: argparse.Namespace) -> int:
    """Sign in; the account becomes the default one."""
    address = parse_server_address(arguments.url)
    if address.exposed:
        outcome.say(
            f"WARNING: {address.origin} is not encrypted. Everybody on the way can read your password and messages,"
            " and act as you. Use https unless you know every wire in between."
        )
    Accounts().all()  # a registry that cannot be read is found before the password is asked for
    return asyncio.run(_login(arguments, address))


async def _login(arguments: argparse.Namespace, address: ServerAddress) -> int:
    async with checked_server(address.origin) as api:
        email, password = _ask(arguments)
        device = strip_terminal_codes(arguments.device)[: limits.DEVICE_MAX_CHARS] or this_device()
        account = keep(address.origin, await api.login(email, password, device))
    outcome.say(f"Signed in as {account.display_name} <{account.email}> on {account.server_url}.")
    await _first_look(account)
    return outcome.OK


def _ask(arguments: argparse.Namespace) -> tuple[str, str]:
    terminal = sys.stdin.isatty()
    email = arguments.email
    if email is None:
        if not terminal or arguments.password_stdin:
            raise ClientError("usage", "There is no terminal to ask for the email.", "Give it with --email.")
        sys.stderr.write("Email: ")
        sys.stderr.flush()
        email = sys.stdin.readline().strip()
    email = normalize_email(email)
    if arguments.password_stdin:
        return email, _password(sys.stdin.readline(limits.PASSWORD_MAX_CHARS + 2).rstrip("\r\n"))
    if not terminal:
        raise ClientError("usage", "There is no terminal to ask for the password.", "Use --password-stdin.")
    return email, _password(getpass.getpass("Password: "))


def _password(password: str) -> str:
    if not password or len(password) > limits.PASSWORD_MAX_CHARS:
        spec = CODES["passwordInvalid"]
        raise ClientError("passwordInvalid", spec.message, spec.hint)
    return password


async def _first_look(account: Account) -> None:
    """Fill the cache, so that names and conversations are there from the first moment, also offline."""
    session = Session(account, sends=False)
    try:
        await session.start()
        await bring_up_to_date(session, argparse.Namespace(offline=False, timeout=_FIRST_LOOK_S))
    finally:
        await session.stop()
