"""`chatserver import`: the history of another chat system, or of another server of this one."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import tzinfo
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from chatserver import config
from chatserver.cli.amounts import amount
from chatserver.cli.exits import Exit, fail, say
from chatserver.cli.storing import with_store
from chatserver.files.room import open_files
from chatserver.importing.irc import Encoding
from chatserver.importing.irssi import IrssiSource
from chatserver.importing.mattermost import MattermostSource
from chatserver.importing.model import ImportFailedError, Source
from chatserver.importing.own import OwnSource
from chatserver.importing.people import read_map
from chatserver.importing.report import Report
from chatserver.importing.run import Choice, Plan, run
from chatserver.importing.slack import SlackSource
from chatserver.importing.tree import Tree, open_tree
from chatserver.importing.weechat import WeechatSource
from chatserver.importing.zulip import ZulipSource
from chatserver.settings import Settings
from chatserver.store.base import Store

_PROGRESS_S = 5.0
"""Seconds between two lines that say how far it is."""


def import_history(arguments: argparse.Namespace) -> int:
    """Import, and say what came of it; the report is given also if the import could not be finished."""
    report = Report(keep_going=arguments.keep_going, dry_run=arguments.dry_run)
    try:
        with _place(arguments):
            code = with_store(arguments, partial(_import, arguments, report), create=True)
    except ImportFailedError as error:
        return fail(Exit.REFUSED, error)
    except OSError as error:
        return fail(Exit.STORAGE, f"The import stopped: {error}. Run it again when that is mended; it goes on.")
    if code != Exit.OK and report.totals.events_imported + report.totals.messages_imported:
        say("What was imported stays. Run the same command again when that is mended; it goes on.")
    if code == Exit.OK or report.totals.events_read:
        sys.stdout.write(report.as_json() + "\n" if arguments.json else report.as_text())
        sys.stdout.flush()
    return code


@contextmanager
def _place(arguments: argparse.Namespace) -> Iterator[None]:
    """Where a dry run looks: in a database of its own that goes with it, if there is none yet."""
    try:
        data = config.load({"data": arguments.data}, file=arguments.config).data
        is_new = not data.exists() or not any(data.iterdir())
    except (config.ConfigError, OSError):
        is_new = False  # told by who opens it
    if not (arguments.dry_run and is_new):
        yield
        return
    with TemporaryDirectory() as folder:
        arguments.data = Path(folder)
        yield


async def _import(arguments: argparse.Namespace, report: Report, store: Store, settings: Settings) -> None:
    plan = Plan(
        choice=Choice(only=arguments.only, exclude=arguments.exclude, since=arguments.since, until=arguments.until),
        mapped=read_map(arguments.map) if arguments.map is not None else {},
        readers=arguments.member,
        origin=arguments.origin,
        scratch=settings.data,
    )
    progress = asyncio.create_task(_tell_progress(report)) if sys.stderr.isatty() else None
    try:
        with _source(arguments, settings) as (source, files):
            if arguments.dry_run:
                await run(store, source, files, None, plan, report)
                return
            async with open_files(store, settings, tidy_interval=None) as services:
                await run(store, source, files, services.uploads, plan, report)
    finally:
        if progress is not None:
            progress.cancel()
    if report.totals.accounts_made:
        say("Accounts that were made have no password: 'chatserver user reset-code EMAIL' makes a code for one.")


async def _tell_progress(report: Report) -> None:
    """Say to a terminal how far it is; while the export is read there is nothing to say."""
    while True:
        await asyncio.sleep(_PROGRESS_S)
        totals = report.totals
        imported, there = amount(totals.messages_imported, "message"), amount(totals.there, "event")
        say(f"{imported} imported, {there} of an earlier import ...")


@contextmanager
def _source(arguments: argparse.Namespace, settings: Settings) -> Iterator[tuple[Source, Tree]]:
    """The source that the arguments name, and where the content of its files is."""
    with ExitStack() as opened:
        tree = opened.enter_context(closing(open_tree(arguments.path, settings.data)))
        if arguments.source == "chatserver":
            files = None
            if arguments.files is not None:
                files = opened.enter_context(closing(open_tree(arguments.files)))
            yield OwnSource(tree, files), files or tree
        elif arguments.source in {"weechat", "irssi"}:
            kind = WeechatSource if arguments.source == "weechat" else IrssiSource
            yield kind(tree, _zone(arguments.timezone), _encoding(arguments.encoding)), tree
        elif arguments.source == "zulip":
            yield ZulipSource(tree, arguments.topics), tree
        else:
            yield (SlackSource if arguments.source == "slack" else MattermostSource)(tree), tree


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ImportFailedError(f"There is no time zone {name!r}. Give one such as Europe/Berlin.") from error


def _encoding(name: str) -> Encoding:
    try:
        return Encoding(name)
    except LookupError as error:
        raise ImportFailedError(f"There is no encoding {name!r}. Give one such as latin-1 or cp1252.") from error
