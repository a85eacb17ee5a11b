"""What the user does with accounts: the first login, one more, another one, signing out; all of it outlives screens."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, cast

from textual.app import App

from chatproto.errors import ChatError
from chatproto.text import terminal_safe
from chatterm.client.accounts import Accounts
from chatterm.client.cache import Cache
from chatterm.client.errors import ClientError
from chatterm.client.model import Account, Link
from chatterm.client.paths import account_files
from chatterm.tui.dialog import CANCEL, Answers, Button, Dialog, PickField, Stay, SwitchField, ask
from chatterm.tui.signing import LoginDialog

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp

_log = logging.getLogger("chatterm.tui")

EXIT_NOT_SIGNED_IN: Final = 3
_ADD: Final = "add"


def begin(app: App[Any], work: "Callable[[ChatApp], Awaitable[None]]") -> None:
    """Do something of this module in the background of the whole app; what goes wrong is told."""
    chat_app = cast("ChatApp", app)

    async def guarded() -> None:
        try:
            await work(chat_app)
        except (ChatError, ClientError) as error:
            tell(app, f"{error.info().message} {error.info().hint}", failed=True)
        except Exception as error:  # whatever it is, the rest of the interface lives on
            _log.error("an account could not be changed", exc_info=error)
            tell(app, f"That failed: {type(error).__name__}: {error}. The log has the details.", failed=True)

    app.run_worker(guarded(), group="account")


def tell(app: App[Any], text: str, *, failed: bool = False) -> None:
    """Say something for a moment."""
    app.notify(terminal_safe(text.strip()), severity="error" if failed else "information", markup=False, timeout=8)


async def welcome(app: "ChatApp") -> None:
    """Ask until somebody is signed in and the account can be opened; leaving the form leaves the app."""
    while app.engine is None:
        text = "Sign in to your server. Nothing is sent before you press Sign in."
        account = await ask(app, LoginDialog("Welcome to chatterm", text, leave="Quit"))
        if account is None:
            if app.engine is None:
                app.exit(None, EXIT_NOT_SIGNED_IN)
            return
        try:
            await app.open_account(account)
        except ClientError as error:
            tell(app, f"{error.message} {error.hint}", failed=True)


async def sign_in(app: "ChatApp") -> None:
    """Sign in again where the session of the open account has ended, else to one more account."""
    engine = app.engine
    if engine is not None and engine.status.link is Link.SIGNED_OUT:
        account = engine.account
        text = "The session of this account has ended. Drafts and unsent messages are kept."
        dialog = LoginDialog("Sign in again", text, server=account.server_url, email=account.email)
    else:
        dialog = LoginDialog("Add an account")
    found = await ask(app, dialog)
    if found is None:
        return
    if engine is not None and app.engine is engine and found.key == engine.account.key:
        engine.retry_now()
        tell(app, f"Signed in as {found.email}.")
    else:
        await app.open_account(found)


def unread_of(account: Account) -> int:
    """Unread messages in the cache of an account that is not open; 0 if it cannot be read."""
    path = account_files(account.key).cache
    if not path.exists():
        return 0
    try:
        with closing(Cache.open(path)) as cache:
            return sum(entry.unread for entry in cache.entries(limit=1_000))
    except ClientError:
        return 0


class AccountsDialog(Dialog[str]):
    """All accounts of this machine, to open one of them, or to make it the one that is opened at the start."""

    def __init__(self, accounts: list[tuple[Account, int]], current: str, default: str) -> None:
        def told(account: Account, unread: int) -> str:
            is_open = "open now" if account.key == current else ""
            is_first = "first" if account.key == default else ""
            parts = (account.key, f"{unread:,} unread" if unread else "", is_open, is_first)
            return "  · ".join(part for part in parts if part)

        shown = tuple((account.key, told(account, unread)) for account, unread in accounts)
        super().__init__(
            "Accounts",
            "One is open at a time; unread counts of the others are as of when they were open last. "
            "The one marked first is opened at the start.",
            (PickField(name="key", label="", options=shown, value=current),),
            buttons=(
                Button("open", "Open"),
                Button(_ADD, "Add one…"),
                Button("default", "Open first"),
                Button("out", "Sign out…", danger=True),
                Button(CANCEL, "Close"),
            ),
        )

    async def submit(self, answers: Answers) -> str:
        if answers.button == "default":
            await asyncio.to_thread(Accounts().set_default, answers["key"])
            raise Stay(f"{answers['key']} is opened first from now on.")
        return f"{answers.button} {answers['key']}"


async def switch(app: "ChatApp") -> None:
    """Choose an account to open, add one, or sign one out."""
    registry = Accounts()
    accounts, default = await asyncio.to_thread(lambda: (registry.all(), registry.default()))
    counted = await asyncio.to_thread(lambda: [(account, unread_of(account)) for account in accounts])
    current = app.engine.account.key if app.engine is not None else ""
    choice = await ask(app, AccountsDialog(counted, current, default.key if default is not None else ""))
    if choice is None:
        return
    what, _, key = choice.partition(" ")
    account = await asyncio.to_thread(registry.get, key)
    if what == _ADD:
        await _add(app)
    elif what == "out":
        await sign_out(app, account)
    elif key != current:
        await app.open_account(account)


async def _add(app: "ChatApp") -> None:
    account = await ask(app, LoginDialog("Add an account"))
    if account is not None:
        await app.open_account(account)


async def sign_out(app: "ChatApp", account: Account | None = None) -> None:
    """End the session of an account on this machine, the open one unless told otherwise, after a question."""
    from chatterm.client import signing  # noqa: PLC0415 - loads the network

    if account is None:
        if app.engine is None:
            return
        account = app.engine.account
    unsent = await asyncio.to_thread(signing.unsent_messages, account)
    warning = f"Messages not sent yet: {unsent:,}. They are lost if you remove what is kept here. " if unsent else ""
    answers = await ask(app, _SignOutDialog(account, warning))
    if answers is None:
        return
    await _forget(app, account, remove_data=answers.on("remove"))
    tell(app, f"Signed out {account.key}.")


async def deleted(app: "ChatApp") -> None:
    """The open account is no more: forget everything of it."""
    if app.engine is not None:
        account = app.engine.account
        await _forget(app, account, remove_data=True)
        tell(app, f"{account.email} was deleted.")


async def _forget(app: "ChatApp", account: Account, *, remove_data: bool) -> None:
    """Close an account if it is open, forget it, and go on with the next one, or ask for one."""
    from chatterm.client import signing  # noqa: PLC0415 - loads the network

    if app.engine is not None and app.engine.account.key == account.key:
        others = [other for other in await asyncio.to_thread(Accounts().all) if other.key != account.key]
        await (app.open_account(others[0]) if others else app.close_account())
    await asyncio.to_thread(signing.forget, account, remove_data=remove_data)


class _SignOutDialog(Dialog[Answers]):
    """Ends the session on the server first: if that cannot be done, nothing else is."""

    def __init__(self, account: Account, warning: str) -> None:
        super().__init__(
            f"Sign out {account.key}?",
            f"{warning}Without the server, sign out only here: its session then stays until you end it elsewhere.",
            (
                SwitchField(name="remove", label="Also remove messages, drafts and unsent messages kept here"),
                SwitchField(name="local", label="Only here, without asking the server"),
            ),
            buttons=(Button("out", "Sign out", danger=True), Button(CANCEL, "Cancel")),
            busy="Ending the session",
        )
        self._account = account

    async def submit(self, answers: Answers) -> Answers:
        from chatterm.client import signing  # noqa: PLC0415 - loads the network

        if not answers.on("local"):
            await signing.end_session(self._account)
        return answers
