"""Looks at this machine without changing anything: versions, terminal, folders, files, databases and disk space."""

import os
import platform
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from chatproto.findings import Finding, bad, good, notice
from chatterm.client.cache_schema import FORMAT as CACHE
from chatterm.client.change_queue import FORMAT as CHANGES
from chatterm.client.credentials import CredentialStore
from chatterm.client.database import Format, log_is_damaged
from chatterm.client.drawing import draws_placeholders, draws_sixel
from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.client.outbox_file import FORMAT as OUTBOX
from chatterm.client.paths import AccountFiles, config_dir, data_dir
from chatterm.client.settings import read_settings, settings_path
from chatterm.client.theme_files import check_theme

_ROOM_BYTES: Final = 100_000_000
_ASKED: Final = (
    "They are drawn in pixels if the terminal, when the window asks it, says that it draws Sixel, else in cells."
)
_PARTS: Final = ("textual", "msgspec", "httpx", "websockets")


def check_versions() -> Iterator[Finding]:
    """The program, Python and what it stands on."""
    parts = []
    for name in ("chatterm", *_PARTS):
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            yield bad("versions", f"{name} is not installed.", "Install chatterm again.")
    told = f"{', '.join(parts)}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    yield good("versions", f"{told}, {platform.system()} {platform.release()}.")


def check_terminal(environment: Mapping[str, str], *, is_terminal: bool, encoding: str) -> Iterator[Finding]:
    """What the terminal says of itself; `encoding` is that of standard output."""
    term = environment.get("TERM", "")
    if not is_terminal:
        yield notice("terminal", "Standard output is no terminal, so it was not looked at.")
    elif term in ("", "dumb"):
        yield bad("terminal", f"TERM is {term!r}: the window cannot be drawn.", "Use a terminal, or set TERM.")
    else:
        width, height = shutil.get_terminal_size()
        yield good("terminal", f"{environment.get('TERM_PROGRAM') or term}, {width}x{height}.")
        if width < 40 or height < 12:
            yield notice("size", f"{width}x{height} is very small.", "40x12 is the least that is comfortable.")
    if "utf" not in encoding.lower():
        yield bad(
            "characters", f"The locale's encoding is {encoding}, not UTF-8.", "Set LANG to a UTF-8 locale, as C.UTF-8."
        )
    else:
        yield good("characters", f"The locale's encoding is {encoding}.")
    yield _colours(environment, term)
    yield _pictures(environment, term)
    if "TMUX" in environment:
        yield notice(
            "tmux",
            "Inside tmux, copying needs its leave, and pictures are drawn in cells unless it was built with Sixel.",
            "In ~/.tmux.conf: set -g set-clipboard on; set -g allow-passthrough on",
        )


def _colours(environment: Mapping[str, str], term: str) -> Finding:
    if "NO_COLOR" in environment:
        return notice("colours", "NO_COLOR is set: there are none.")
    if environment.get("COLORTERM") in ("truecolor", "24bit") or "direct" in term:
        return good("colours", "16 million.")
    few = "256" if "256" in term else "16"
    return notice("colours", f"{few}, as far as the terminal says.", "If it has more, set COLORTERM=truecolor.")


def _pictures(environment: Mapping[str, str], term: str) -> Finding:
    """How the window draws pictures here, and what is known of terminals that take text for the clipboard (OSC 52)."""
    program = environment.get("TERM_PROGRAM", "").lower()
    if draws_placeholders(environment) or draws_sixel(environment):
        return good("pictures", "They are drawn in pixels, and this terminal takes text for the clipboard (OSC 52).")
    takes_text = "KITTY_WINDOW_ID" in environment or any(name in term for name in ("kitty", "ghostty", "foot"))
    if takes_text or program in ("ghostty", "wezterm", "iterm.app", "mintty", "contour"):
        return good("pictures", f"{_ASKED} It takes text for the clipboard (OSC 52).")
    return notice(
        "pictures",
        f"{_ASKED} Whether it takes text for the clipboard (OSC 52) is not known.",
        "If copying does nothing, allow OSC 52 in the terminal's settings.",
    )


def check_folders() -> Iterator[Finding]:
    """Whether the folders are there, private and writable, and have room."""
    for check, folder in (("configuration folder", config_dir()), ("data folder", data_dir())):
        if not folder.exists():
            yield good(check, f"{folder} is made when it is needed.")
            continue
        if not os.access(folder, os.W_OK | os.X_OK):
            yield bad(check, f"{folder} cannot be written to.", "Mend its owner and rights.")
        else:
            yield good(check, str(folder))
    place = next(folder for folder in (data_dir(), *data_dir().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < _ROOM_BYTES:
        yield bad("disk space", f"Only {free / 1e6:,.0f} MB are free.", "Free some space: messages may not be kept.")
    else:
        yield good("disk space", f"{free / 1e9:,.1f} GB are free.")


def check_settings() -> Iterator[Finding]:
    """Whether all of the settings file can be used."""
    found = read_settings()
    problems = [*found.problems, *check_theme(found.settings.look.theme)]
    for problem in problems:
        yield bad("settings", problem.message, problem.hint)
    if not problems:
        path = settings_path()
        yield good("settings", str(path) if path.exists() else f"{path} is not there: all have their defaults.")


def check_account_files(account: Account) -> Iterator[Finding]:
    """An account's folder, tokens and databases; nothing is repaired by looking."""
    key = account.key
    folder = data_dir() / "accounts" / key
    if not folder.exists():
        yield bad("files", f"{folder} is missing.", "Run 'chatterm login URL' again.", key)
        return
    if folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield bad("files", f"Others may look into {folder}.", f"Run: chmod 700 {folder}", key)
    files = AccountFiles(folder)
    yield _tokens(files.credentials, key)
    for check, path, kind in (
        ("cache", files.cache, CACHE),
        ("outbox", files.outbox, OUTBOX),
        ("changes", files.changes, CHANGES),
    ):
        yield _database(check, path, kind, key)


def _tokens(path: Path, key: str) -> Finding:
    try:
        credentials = CredentialStore(path).load()
    except ClientError as error:
        return bad("tokens", error.message, error.hint, key)
    if credentials is None:
        return bad("tokens", "This account is signed out.", "Run 'chatterm login URL'.", key)
    return good("tokens", "They are private and can be read.", key)


def _database(check: str, path: Path, kind: Format, key: str) -> Finding:
    """Read-only: a broken file is set aside by the next command that uses it, which says so."""
    if not path.exists():
        return good(check, "It is made when it is needed.", key)
    try:
        wrong = _damage(path, kind)
    except (OSError, sqlite3.Error, UnicodeDecodeError) as error:
        wrong = f"it cannot be read ({error})"
    if wrong:
        hint = "The next command that uses it sets it aside and rescues what it can; keep a copy if you want one."
        return bad(check, f"{path}: {wrong}.", hint, key)
    return good(check, f"{path.stat().st_size / 1e6:,.1f} MB, whole.", key)


def _damage(path: Path, kind: Format) -> str:
    """What is wrong with a database, empty if nothing."""
    if log_is_damaged(path):
        return "its log is damaged"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        application, found = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        if application != kind.application_id:
            return "it is no file of chatterm's"
        if found > kind.version:
            return "it was made by a newer chatterm"
        result = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if result == "ok" else f"it is damaged ({result})"


def check_process() -> Iterator[Finding]:
    """All that is looked at on this machine but the accounts."""
    yield from check_versions()
    yield from check_terminal(
        os.environ, is_terminal=sys.stdout.isatty(), encoding=sys.stdout.encoding or sys.getdefaultencoding()
    )
    yield from check_folders()
    yield from check_settings()
