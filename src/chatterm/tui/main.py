"""Start the terminal interface for one account: the composition root of the TUI."""

import asyncio
import gc
import logging
import os
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from chatterm.client.model import Account
    from chatterm.client.ports import Engine
    from chatterm.client.uistate import UiState

EXIT_USAGE: Final = 2
EXIT_NOT_SIGNED_IN: Final = 3
EXIT_STORAGE: Final = 74
"""EX_IOERR of sysexits.h: the account's files cannot be used."""
LOG_MAX_BYTES: Final = 1_048_576


def prepare_environment() -> None:
    """Set what Textual reads once, when it is imported; a value that is already set wins."""
    os.environ.setdefault("TEXTUAL_FPS", "240")
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    os.environ.setdefault("ESCDELAY", "50")


def run(account_key: str | None = None) -> int:
    """Run the app for an account until the user quits; returns the exit code.

    None: the default account, or a login if there is none.
    0 quit; 1 crashed, or the terminal went away; 2 no terminal; 3 not signed in; 74 the account's files
    cannot be used; 128 + n ended by signal n. What goes wrong is told on stderr.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        drawn = "It draws on standard error: start it without '2>'. " if sys.stdin.isatty() else ""
        return _fail(
            "chatterm needs a terminal.",
            f"{drawn}In scripts, use 'chatterm send', 'chatterm history' and the others: see 'chatterm --help'.",
            EXIT_USAGE,
        )
    from chatterm.client.errors import ClientError  # noqa: PLC0415 - after the terminal check, which needs nothing

    prepare_environment()
    gc.disable()  # start-up makes almost nothing but what stays; the app's own collector takes over
    try:
        return _open_and_run(account_key)
    except ClientError as error:
        code = EXIT_NOT_SIGNED_IN if error.code in ("accountUnknown", "notSignedIn") else EXIT_STORAGE
        return _fail(error.message, error.hint, code)


def _open_and_run(account_key: str | None) -> int:
    from chatterm.client.accounts import Accounts  # noqa: PLC0415 - see `run`
    from chatterm.client.paths import data_dir  # noqa: PLC0415 - see `run`
    from chatterm.client.settings import read_settings  # noqa: PLC0415 - see `run`

    accounts = Accounts()
    account = accounts.default() if account_key is None else accounts.get(account_key)
    found = read_settings()

    workplace = None if account is None else open_workplace(account)

    from chatterm.tui.app import ChatApp  # noqa: PLC0415 - Textual reads the environment at import
    from chatterm.tui.idle import IdleCollector  # noqa: PLC0415 - as above

    async def live() -> int:
        engine, state, folder = (None, None, data_dir()) if workplace is None else workplace
        app = ChatApp(
            engine, state, folder, settings=found.settings, problems=found.problems, collector=IdleCollector()
        )
        try:
            await app.run_async()
        finally:
            await app.preferences.flush()
            await app.close_account()
        return app.return_code or 0

    return asyncio.run(live())


class Workplace(NamedTuple):
    """One account, opened."""

    engine: "Engine"
    state: "UiState"
    folder: "Path"


def open_workplace(account: "Account") -> Workplace:
    """Open an account's files, without a connection; the log goes to its folder from now on. Raises `ClientError`."""
    from chatterm.client.paths import account_files  # noqa: PLC0415 - see `run`
    from chatterm.client.session import Session  # noqa: PLC0415 - see `run`
    from chatterm.client.uistate import UiState  # noqa: PLC0415 - see `run`

    folder = account_files(account.key).folder
    state = UiState.open(folder / "interface.db")
    try:
        engine = Session(account)
    except BaseException:  # also when interrupted: nobody else closes it
        state.close()
        raise
    _log_to(folder / "chatterm.log")
    return Workplace(engine, state, folder)


_log_handlers: "list[logging.StreamHandler[Any]]" = []


def _log_to(path: "os.PathLike[str]") -> None:
    """Warnings and errors go to this private file only, begun anew once it has a mebibyte."""
    root = logging.getLogger()
    while _log_handlers:
        earlier = _log_handlers.pop()
        root.removeHandler(earlier)
        earlier.stream.close()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if os.fstat(descriptor).st_size > LOG_MAX_BYTES:
        os.ftruncate(descriptor, 0)
    handler = logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
    _log_handlers.append(handler)


def _fail(message: str, hint: str, code: int) -> int:
    print(f"chatterm: {message} {hint}".rstrip(), file=sys.stderr)  # noqa: T201 - stderr is where problems are told
    return code
