"""`chatserver backup`, `verify`, `restore`, `backups`, `rollback` and `new-epoch`."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from chatproto.text import terminal_safe
from chatserver import backends, config
from chatserver.backup import adopting, catalog, making, restoring
from chatserver.backup.errors import BackupError, BackupUnusableError, NoRoomError, PlaceError
from chatserver.backup.folder import open_file, replacing
from chatserver.backup.making import Made
from chatserver.backup.names import new_name
from chatserver.backup.places import Sink, places
from chatserver.backup.priority import give_way
from chatserver.backup.scratch import mib, scratch_in
from chatserver.backup.unpacking import Unpacked
from chatserver.cli.amounts import amount
from chatserver.cli.exits import Exit, fail, say
from chatserver.cli.passphrases import to_encrypt_with, to_open_with
from chatserver.cli.progress import Progress
from chatserver.settings import Settings
from chatserver.store.errors import StoreUnusableError
from chatserver.store.offline import Counts

_STREAM: Final = "-"
_ENDINGS: Final = (signal.SIGTERM, signal.SIGHUP)


def backup(arguments: argparse.Namespace) -> int:
    """Make a backup."""

    def work(settings: Settings) -> int:
        give_way()
        if arguments.file == _STREAM:
            return _backup_to_stdout(arguments, settings)
        made_at = int(time.time())
        passphrase = to_encrypt_with(arguments, settings)
        path = Path(arguments.file)
        if path.is_dir():
            path /= new_name(made_at, encrypted=passphrase is not None)
        scratch_parent = arguments.scratch or settings.backup_scratch_dir or path.absolute().parent
        with scratch_in(scratch_parent) as scratch, Progress() as report:
            room = making.room_in(settings, path.absolute().parent)
            with replacing(path) as sink:
                file = config.file_of(arguments.config)
                made = making.make(
                    settings, file, sink, scratch, made_at=made_at, passphrase=passphrase, room=room, report=report
                )
        if arguments.verify:
            with scratch_in(scratch_parent) as scratch, Progress() as report, open_file(path) as written:
                restoring.verify(written, lambda: passphrase, scratch, report)
        _out(arguments, str(path), made, path=str(path), verified=arguments.verify)
        return _told(made, "Verified." if arguments.verify else f"Check it with: chatserver verify {path}")

    return _run(arguments, work)


def _backup_to_stdout(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.json or arguments.verify or sys.stdout.isatty():
        return fail(Exit.USAGE, "A backup on stdout is for a pipe or a file, without --json and --verify.")
    passphrase = to_encrypt_with(arguments, settings)
    sink: Sink = sys.stdout.buffer
    with scratch_in(arguments.scratch or settings.backup_scratch_dir or settings.data) as scratch:
        try:
            made = making.make(
                settings,
                config.file_of(arguments.config),
                sink,
                scratch,
                made_at=int(time.time()),
                passphrase=passphrase,
                room=lambda _: None,
                report=Progress() if not sys.stderr.isatty() else _silent,
            )
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise PlaceError(
                f"stdout takes no more: {error.strerror}. What it took is no backup; remove it."
            ) from error
    return _told(made, "Check what you have made of it with: chatserver verify FILE")


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Whoever reads stdout may use the terminal."""


def _told(made: Made, then: str) -> int:
    counts = made.header.counts
    say(f"Backed up {_listed(counts)}; {mib(made.bytes)}. {then}")
    return _problems(made.problems, made.first_problem)


def _listed(counts: Counts) -> str:
    users, chats = amount(counts.users, "user"), amount(counts.chats, "chat")
    return f"{users}, {chats}, {amount(counts.messages, 'message')} and {amount(counts.files, 'file')}"


def _problems(problems: int, first: str) -> int:
    if not problems:
        return Exit.OK
    return fail(
        Exit.INCOMPLETE,
        f"Missing or damaged on the server already: {amount(problems, 'stored file')}; the first: {first}. All else is "
        "there.",
    )


def verify(arguments: argparse.Namespace) -> int:
    """Check a backup."""

    def work(settings: Settings) -> int:
        give_way()
        with _opened(arguments.file, settings) as (file, beside):
            scratch_parent = arguments.scratch or settings.backup_scratch_dir or beside
            with scratch_in(scratch_parent) as scratch, Progress() as report:
                found = restoring.verify(file, lambda: to_open_with(arguments, settings), scratch, report)
        if arguments.json:
            sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        else:
            _print_report(found)
        sys.stdout.flush()
        if not found.problems:
            say("The backup is whole.")
        return _problems(found.problems, found.first_problem)

    return _run(arguments, work)


def _print_report(found: Unpacked) -> None:
    header = found.header
    for name, value in (
        ("made", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(header.created_at))),
        ("by", f"chatserver {header.version}"),
        ("schema", header.schema),
        ("users", found.counts.users),
        ("chats", found.counts.chats),
        ("messages", found.counts.messages),
        ("files", found.counts.files),
        ("stored files", found.contents),
        ("stored bytes", found.content_bytes),
        ("database bytes", header.database_bytes),
        ("missing or damaged", found.problems),
    ):
        sys.stdout.write(f"{name}\t{terminal_safe(str(value))}\n")


def restore(arguments: argparse.Namespace) -> int:
    """Put a backup in place."""

    def work(settings: Settings) -> int:
        with _opened(arguments.file, settings) as (file, _), Progress() as report:
            done = restoring.restore(
                file, lambda: to_open_with(arguments, settings), settings, sign_out=arguments.sign_out, report=report
            )
        _out(arguments, str(done.data), done)
        counts = done.content.counts
        say(f"Restored into {done.data}: {_listed(counts)}.")
        if done.config is not None:
            say(f"The files of its configuration are in {done.config}; copy what you need to where it was.")
        say("If people were erased since it was made, put the newest erased.jsonl there before the server starts.")
        if done.content.header.storage != done.storage:
            say(f"The content of files is now in storage '{done.storage}': set file_storage to that.")
        return _problems(done.content.problems, done.content.first_problem)

    return _run(arguments, work)


def list_backups(arguments: argparse.Namespace) -> int:
    """List backups."""

    def work(settings: Settings) -> int:
        if not places(settings):
            raise BackupError("No backups are kept: neither 'backup_dir' nor 'backup_s3_bucket' is set.")
        found = catalog.list_backups(settings)
        if not found:
            say("There is no backup yet.")
        for one in found:
            if arguments.json:
                sys.stdout.write(msgspec.json.encode(one).decode() + "\n")
            else:
                made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.created_at))
                state = "verified" if one.verified_at is not None else "not verified"
                lacking = f", files lacking: {one.problems}" if one.problems else ""
                sys.stdout.write(f"{made}\t{one.bytes}\t{one.place}\t{one.name}\t{state}{lacking}\n")
        sys.stdout.flush()
        return Exit.OK

    return _run(arguments, work)


def rollback(arguments: argparse.Namespace) -> int:
    """Undo an upgrade."""

    def work(settings: Settings) -> int:
        done = backends.roll_back(settings.data, arguments.schema)
        _out(arguments, str(done.schema), done)
        say(
            f"The database has schema {done.schema} again, as it was at {done.made_at}. What was in use until now is "
            f"{done.aside}. Start the chatserver that was used before the upgrade."
        )
        return Exit.OK

    return _run(arguments, work)


def new_epoch(arguments: argparse.Namespace) -> int:
    """Take over a database that was put in place by other means."""

    def work(settings: Settings) -> int:
        done = adopting.adopt(settings, sign_out=arguments.sign_out)
        _out(arguments, done.epoch, done)
        counts = done.counts
        say(f"The database is whole and has a new epoch: {_listed(counts)}.")
        return _problems(done.problems, done.first_problem)

    return _run(arguments, work)


def _run(arguments: argparse.Namespace, work: Callable[[Settings], int]) -> int:
    """Do the work with the settings of the arguments, tidy up when told to end, and say what went wrong."""
    os.umask(0o077)
    for number in _ENDINGS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    try:
        return work(config.load({"data": arguments.data}, file=arguments.config))
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except BackupUnusableError as error:
        return fail(Exit.BACKUP_UNUSABLE, error)
    except (NoRoomError, PlaceError, StoreUnusableError) as error:
        return fail(Exit.STORAGE, error)
    except BackupError as error:
        return fail(Exit.REFUSED, error)
    except BrokenPipeError:
        raise
    except OSError as error:
        return fail(Exit.STORAGE, f"{error.strerror or error}. Nothing was changed.")


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _opened(name: str, settings: Settings) -> Iterator[tuple[BinaryIO, Path]]:
    """A backup, and a folder that may do for a copy of its database."""
    system = Path(tempfile.gettempdir())
    kind, colon, wanted = name.partition(":")
    if name == _STREAM:
        yield sys.stdin.buffer, system
    elif colon and kind in {"s3", "folder"} and not Path(name).exists():
        place = next((place for place in places(settings) if place.kind == kind), None)
        if place is None:
            setting = "backup_s3_bucket" if kind == "s3" else "backup_dir"
            raise BackupError(f"No backups are kept there: the setting '{setting}' is empty.")
        if wanted == "newest":
            wanted = next((one.name for one in catalog.in_place(place)), "")
        if not wanted:
            raise BackupError("There is no backup yet.")
        with place.open(wanted) as file:
            yield file, (settings.backup_dir if kind == "folder" and settings.backup_dir else system)
    else:
        with open_file(Path(name)) as file:
            yield file, Path(name).absolute().parent


def _out(arguments: argparse.Namespace, text: str, result: msgspec.Struct, **more: Any) -> None:
    if arguments.json:
        text = msgspec.json.encode({**more, **msgspec.to_builtins(result, enc_hook=str)}).decode()
    else:
        text = terminal_safe(text)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
