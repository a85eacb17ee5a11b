"""Looks at the database: whole, of a known schema, its times, its log and its search index."""

import time
from collections.abc import Iterator
from typing import Final

from chatproto.findings import Finding, bad, good, notice
from chatserver.backends import inspect_store
from chatserver.doctor.wording import duration, megabytes
from chatserver.settings import Settings
from chatserver.store.interfaces.inspection import InspectionError, Inspector

_RESTORE: Final = "Stop the server, keep a copy of the folder, and restore the newest backup: chatserver restore --help"
_LOG_BYTES: Final = 256 * 1_048_576
_AHEAD_S: Final = 60
_UNINDEXED: Final = 10_000


def check_database(settings: Settings, *, deep: bool) -> Iterator[Finding]:
    """Everything about the database; nothing if there is no folder for it."""
    if not settings.data.is_dir():
        return
    try:
        with inspect_store(settings.data) as inspector:
            yield from _schema(inspector)
            damage = inspector.damage(deep=deep)
        if damage:
            # A server that was started meanwhile has changed the file while it was read as one at rest.
            with inspect_store(settings.data) as inspector:
                damage = inspector.damage(deep=deep)
        if damage:
            yield bad("database", f"It is damaged: {'; '.join(damage)}.", _RESTORE)
            return
        yield good("database", "It is whole, every page and reference." if deep else "It is whole.")
        with inspect_store(settings.data) as inspector:
            yield from _content(inspector)
    except InspectionError as error:
        yield _unusable(settings, str(error))


def _unusable(settings: Settings, reason: str) -> Finding:
    if not any(settings.data.iterdir()):
        return notice("database", "There is none yet.", "'chatserver serve' makes it.")
    if reason == "No such file or directory":
        return bad("database", f"{settings.data} has no chat.db.", f"Check the setting 'data'. {_RESTORE}")
    return bad("database", f"It cannot be read: {reason}.", _RESTORE)


def _schema(inspector: Inspector) -> Iterator[Finding]:
    known, found = inspector.newest_schema, inspector.schema
    if found > known:
        hint = (
            "Use the version that last ran here, or a newer one: ls -l /opt/chatserver; or undo the upgrade: "
            "chatserver rollback. See docs/deployment.md."
        )
        yield bad("schema", f"The database has schema {found}; this version knows {known} at most.", hint)
    elif found < known:
        hint = "Make a backup before: chatserver backup FILE"
        yield notice("schema", f"The next start brings the database from schema {found} to {known}.", hint)
    else:
        yield good("schema", f"It is {found}, which this version knows.")


def _content(inspector: Inspector) -> Iterator[Finding]:
    newest = inspector.newest_event_at() if inspector.schema == inspector.newest_schema else None
    ahead = newest / 1e6 - time.time() if newest is not None else 0
    if ahead > _AHEAD_S:
        hint = "Set the clock: timedatectl set-ntp true. If it was wrong before and is right now, wait."
        yield bad("times", f"The newest message is {duration(ahead)} ahead of this machine's clock.", hint)
    log = inspector.log_bytes()
    if log > _LOG_BYTES:
        hint = "Something reads without an end, such as a backup that hangs; restarting the server ends it."
        yield notice("wal", f"{megabytes(log)} wait to become part of the database.", hint)
    else:
        yield good("wal", f"{megabytes(log)} wait to become part of the database.")
    yield _search(inspector)


def _search(inspector: Inspector) -> Finding:
    try:
        behind = inspector.unindexed()
    except InspectionError as error:
        hint = "Stop the server and remove search.db*; it is made anew from the messages."
        return bad("search", f"The index cannot be read: {error}.", hint)
    if behind is None:
        return notice("search", "There is no index; the server makes it.", "Start the server.")
    if behind > _UNINDEXED:
        return notice("search", f"{behind:,} events are not indexed yet.", "The running server does it by itself.")
    return good("search", f"All but {behind:,} events are indexed." if behind else "Everything is indexed.")
