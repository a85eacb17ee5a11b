"""`chatserver user export` and `chatserver user erase`: what people may ask of whoever keeps their data."""

import argparse
import json
import sys
from contextlib import closing

from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.text import normalize_email
from chatserver import backends
from chatserver.cli.amounts import amount
from chatserver.cli.exits import Exit, fail, say
from chatserver.cli.storing import with_store
from chatserver.clock import now_us
from chatserver.exporting.output import whole_file
from chatserver.exporting.personal import PersonalExport
from chatserver.files.threads import DiskThreads
from chatserver.services.erasure import Eraser
from chatserver.settings import Settings
from chatserver.store.base import Store


def export(arguments: argparse.Namespace) -> int:
    """Write everything about a user to a ZIP."""
    if arguments.output is None and sys.stdout.isatty():
        return fail(Exit.USAGE, "A ZIP is nothing for a terminal. Give -o FILE.")

    async def work(store: Store, settings: Settings) -> None:
        user = await _find(store, arguments.email)
        with closing(DiskThreads()) as threads:
            blobs = backends.open_blobs(settings, settings.data / "files" / "content", threads)
            async with store.snapshot() as snapshot:
                personal = PersonalExport(snapshot, blobs, user.id, now_us())
                with whole_file(arguments.output) as stream:
                    await personal.write(stream)
        messages, files = amount(personal.messages, "message"), amount(personal.files, "file")
        say(f"Wrote what is kept about {_name(user)}: {messages} and {files}.")
        if personal.missing:
            say(f"Not in the storage of files: {amount(len(personal.missing), 'file')}, such as {personal.missing[0]}.")

    try:
        return with_store(arguments, work)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = error.filename or arguments.output or "standard output"
        return fail(Exit.REFUSED, f"The export stopped: {place}: {error.strerror}. No export was written.")


def erase(arguments: argparse.Namespace) -> int:
    """Delete an account with what the user wrote."""
    if not arguments.dry_run and not _is_sure(arguments):
        return Exit.REFUSED

    async def work(store: Store, settings: Settings) -> None:
        user = await _find(store, arguments.email)
        held = await store.holdings(user.id)
        told: dict[str, object] = {"userId": user.id, "dryRun": arguments.dry_run, "keptMessages": 0}
        if arguments.messages == "keep":
            told["keptMessages"] = held.messages
        if arguments.dry_run:
            erased = held.messages if arguments.messages == "delete" else 0
            told |= {"messages": erased, "files": held.files, "fileBytes": held.file_bytes, "groups": held.groups}
        elif arguments.messages == "keep":
            if not user.deleted:
                await store.delete_user(user.id)
            await Eraser(store, settings.data).forget(user.id)
            told |= {"messages": 0}
        else:
            eraser = Eraser(store, settings.data)
            await eraser.begin(user.id)
            done = await eraser.finish(user.id)
            if done is not None:
                told |= {"messages": done.messages, "copies": done.copies, "reactions": done.reactions}
        if arguments.json:
            sys.stdout.write(json.dumps(told) + "\n")
        say(_report(user, told))

    return with_store(arguments, work)


async def _find(store: Store, name: str) -> User:
    """A user by address, or by id, also of a deleted account. Raises `emailInvalid` or `userNotFound`."""
    if name.isascii() and name.isdecimal() and len(name) < 16:
        account = await store.account(int(name))
    else:
        account = await store.account_by_email(normalize_email(name))
    if account is None:
        raise ChatError("userNotFound")
    return account.user


def _is_sure(arguments: argparse.Namespace) -> bool:
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        say("chatserver: This cannot be undone. Give --yes if you are sure.")
        return False
    what = "All that the user wrote goes with it" if arguments.messages == "delete" else "Messages stay, without a name"
    say(f"This cannot be undone. {what}. Type {arguments.email} to delete the account:")
    if sys.stdin.readline().strip() == arguments.email:
        return True
    say("chatserver: Nothing was erased.")
    return False


def _report(user: User, told: dict[str, object]) -> str:
    if told["dryRun"]:
        return (
            f"{_name(user)} would be erased: {told['messages']:,} messages, {told['files']:,} files of "
            f"{told['fileBytes']:,} bytes, membership of {told['groups']:,} groups, and what is kept about the account."
        )
    kept = f" {told['keptMessages']:,} messages stay, by a deleted account." if told["keptMessages"] else ""
    more = ""
    if "copies" in told:
        more = f" with {told['messages']:,} messages, {told['copies']:,} copies that others forwarded and "
        more += f"{told['reactions']:,} reactions"
    return f"{_name(user)} is erased{more}.{kept} Files that nobody shows any more go within minutes."


def _name(user: User) -> str:
    return f"the user {user.id}" if user.deleted else f"{user.display_name} <{user.email}>"
