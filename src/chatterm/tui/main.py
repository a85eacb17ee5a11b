"""Start the terminal interface for one account: the composition root of the TUI."""

import asyncio
import gc
import logging
import os
import sys
from typing import Final

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
    """Run the app for an account (None: the default one) until the user quits; returns the exit code.

    0 quit; 1 crashed, or the terminal went away; 2 no terminal; 3 not signed in; 74 the account's files
    cannot be used; 128 + n ended by signal n. What goes wrong is told on stderr.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return _fail(
            "chatterm needs a terminal.",
            "In scripts, use 'chatterm send', 'chatterm history' and the others: see 'chatterm --help'.",
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
    from chatterm.client.errors import ClientError  # noqa: PLC0415 - see `run`
    from chatterm.client.paths import account_files  # noqa: PLC0415 - see `run`
    from chatterm.client.session import Session  # noqa: PLC0415 - see `run`
    from chatterm.client.settings import load_settings  # noqa: PLC0415 - see `run`
    from chatterm.client.uistate import UiState  # noqa: PLC0415 - see `run`

    accounts = Accounts()
    account = accounts.default() if account_key is None else accounts.get(account_key)
    if account is None:
        raise ClientError("notSignedIn", "You are not signed in.", "Run 'chatterm login URL'.")
    settings = load_settings()
    folder = account_files(account.key).folder
    _log_to(folder / "chatterm.log")
    state = UiState.open(folder / "interface.db")
    engine = Session(account)

    from chatterm.tui.app import ChatApp  # noqa: PLC0415 - Textual reads the environment at import
    from chatterm.tui.idle import IdleCollector  # noqa: PLC0415 - as above

    async def live() -> int:
        app = ChatApp(engine, state, folder, settings=settings, collector=IdleCollector())
        try:
            await app.run_async()
        finally:
            await engine.stop()
            state.close()
        return app.return_code or 0

    return asyncio.run(live())


def _log_to(path: "os.PathLike[str]") -> None:
    """Warnings and errors go to a private file, begun anew once it has a mebibyte."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    if os.fstat(descriptor).st_size > LOG_MAX_BYTES:
        os.ftruncate(descriptor, 0)
    handler = logging.StreamHandler(os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def _fail(message: str, hint: str, code: int) -> int:
    print(f"chatterm: {message} {hint}".rstrip(), file=sys.stderr)  # noqa: T201 - stderr is where problems are told
    return code
