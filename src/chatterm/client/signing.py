"""Signing in, registering, replacing a forgotten password, and signing out: what makes and ends an account here."""

import asyncio
import platform
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from chatproto import PROTOCOL_VERSION, limits
from chatproto.errors import CODES, ChatError
from chatproto.rest import RegisterRequest, ResetMailRequest, ResetRequest, Tokens
from chatproto.text import normalize_email, normalize_name, strip_terminal_codes
from chatterm.client.accounts import Accounts, account_key
from chatterm.client.api import Api, tls_context
from chatterm.client.asking import asking
from chatterm.client.closing import ConnectionEndedError, Next
from chatterm.client.credentials import CredentialStore
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.client.tokens import credentials_of


def this_device() -> str:
    """What this machine calls itself towards servers."""
    return strip_terminal_codes(platform.node())[: limits.DEVICE_MAX_CHARS]


@asynccontextmanager
async def checked_server(origin: str) -> AsyncIterator[Api]:
    """The API of a server that is certainly one, so that no other is given a password.

    Raises `ClientError`: `notChatServer`, `protocolVersion`, `tlsFailed`, `unreachable` and the like.
    """
    tls = await asyncio.to_thread(tls_context) if origin.startswith("https:") else None
    async with Api(origin, tls=tls) as api:
        health = await api.health()
        if health.protocol != PROTOCOL_VERSION:
            spec = CODES["protocolVersion"]
            raise ClientError("protocolVersion", spec.message, spec.hint)
        yield api


def keep(origin: str, tokens: Tokens, *, make_default: bool = True) -> Account:
    """Put the tokens of a new session on disk, and its account into the registry."""
    account = Account(
        key=account_key(tokens.user.email, origin),
        server_url=origin,
        email=tokens.user.email,
        user_id=tokens.user.id,
        display_name=tokens.user.display_name,
    )
    CredentialStore(account_files(account.key).credentials).save(credentials_of(tokens))
    Accounts().add(account, make_default=make_default)
    return account


def checked_password(password: str, least: int = 1) -> str:
    """A password that a server may take. Raises `ChatError` with `passwordInvalid`."""
    if not least <= len(password) <= limits.PASSWORD_MAX_CHARS:
        raise ChatError("passwordInvalid")
    return password


async def sign_in(origin: str, email: str, password: str, *, make_default: bool = False) -> Account:
    """Begin a session on this machine. Raises `ClientError` or `ChatError`, and then nothing was kept."""
    email, password = normalize_email(email), checked_password(password)
    async with checked_server(origin) as api:
        tokens = await api.login(email, password, this_device())
    return await asyncio.to_thread(keep, origin, tokens, make_default=make_default)


async def register(origin: str, email: str, name: str, password: str, invite: str = "") -> Account:
    """Make an account and begin a session. Raises `ClientError` or `ChatError`, and then nothing was kept."""
    body = RegisterRequest(
        email=normalize_email(email),
        display_name=normalize_name(name),
        password=checked_password(password, limits.PASSWORD_MIN_CHARS),
        device=this_device(),
        invite=invite.strip()[: limits.CODE_MAX_CHARS],
    )
    async with checked_server(origin) as api:
        tokens = await api.call("POST", "/auth/register", Tokens, body=body)
    return await asyncio.to_thread(keep, origin, tokens, make_default=False)


async def request_reset(origin: str, email: str) -> None:
    """Have a code mailed that replaces a forgotten password, if the server knows the address."""
    body = ResetMailRequest(email=normalize_email(email))
    async with checked_server(origin) as api:
        await api.request("POST", "/auth/reset/request", body=body)


async def reset_password(origin: str, email: str, code: str, password: str) -> None:
    """Replace a forgotten password with a code; every session of the user ends."""
    body = ResetRequest(
        email=normalize_email(email),
        code=code.strip()[: limits.CODE_MAX_CHARS],
        new_password=checked_password(password, limits.PASSWORD_MIN_CHARS),
    )
    async with checked_server(origin) as api:
        await api.request("POST", "/auth/reset", body=body)


async def end_session(account: Account) -> None:
    """End this machine's session on the server; one that is over already is no error. Raises `ClientError`."""
    async with asking(account) as (api, tokens):
        try:
            await tokens.call(api.logout)
        except ConnectionEndedError as error:
            if error.next is not Next.SIGN_IN:
                raise


def forget(account: Account, *, remove_data: bool = False) -> None:
    """Forget the tokens of an account and take it out of the registry; with `remove_data`, everything cached, too.

    The account must not be open. Raises `ClientError`.
    """
    files = account_files(account.key)
    CredentialStore(files.credentials).clear()
    Accounts().remove(account.key)
    if remove_data:
        try:
            shutil.rmtree(files.folder)
        except OSError as error:
            raise from_os_error(error, files.folder) from error


def unsent_messages(account: Account) -> int:
    """How many messages of an account have not left this machine. Raises `ClientError`."""
    files = account_files(account.key)
    if not files.outbox.exists():
        return 0
    with closing(Outbox.open(files.outbox)) as outbox:
        return sum(outbox.counts())
