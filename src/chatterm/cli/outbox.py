"""`chatterm outbox`: the messages that are not sent yet, and what to do with those that were refused."""

import argparse
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from chatproto.text import normalize_message, terminal_safe
from chatterm.cli import outcome
from chatterm.cli.setup import chosen_account
from chatterm.cli.typed import typed_text
from chatterm.client.cache import Cache
from chatterm.client.change_queue import ChangeQueue
from chatterm.client.errors import ClientError
from chatterm.client.model import OutboxRow, OutboxState
from chatterm.client.outbox import ROWS_MAX, Outbox
from chatterm.client.outbox_edits import rewrite
from chatterm.client.paths import account_files

_POLL_S: Final = 0.3
_SETTLED = frozenset({OutboxState.FAILED, OutboxState.HELD})


def run(arguments: argparse.Namespace) -> int:
    """Print, retry, discard or edit."""
    if arguments.text and arguments.edit is None:
        raise ClientError("usage", "TEXT belongs to --edit.", "See 'chatterm outbox --help'.")
    files = account_files(chosen_account(arguments).key)
    with closing(Outbox.open(files.outbox)) as outbox, closing(Cache.open(files.cache)) as cache:
        if outbox.problem is not None:
            outcome.complain(outbox.problem)
        if arguments.retry is not None:
            rows = _chosen(outbox, arguments.retry)
            for row in rows:
                outbox.retry(row.client_id)
            outcome.say(f"Queued again: {len(rows)}.")
        elif arguments.discard is not None:
            return _discard(outbox, arguments.discard)
        elif arguments.edit is not None:
            return _edit(outbox, arguments)
        elif arguments.watch:
            _watch(outbox, cache, as_json=arguments.json)
        else:
            _put_all(outbox, cache, as_json=arguments.json)
            _mention_changes(files.changes)
    return outcome.OK


def _put_all(outbox: Outbox, cache: Cache, *, as_json: bool) -> None:
    for row in outbox.rows(limit=ROWS_MAX):
        _put(cache, row, as_json)


def _watch(outbox: Outbox, cache: Cache, *, as_json: bool) -> None:
    """All rows again after each change, after an empty line (text only)."""
    version = None
    while True:
        current = outbox.data_version()
        if current != version:
            if version is not None and not as_json:
                outcome.put("")
            version = current
            _put_all(outbox, cache, as_json=as_json)
            sys.stdout.flush()
        time.sleep(_POLL_S)


def _mention_changes(path: Path) -> None:
    if path.exists():
        with closing(ChangeQueue.open(path)) as queue:
            count = len(queue.rows())
        if count:
            outcome.say(f"{count} edits, deletions, reactions or pins wait for the server.")


def _edit(outbox: Outbox, arguments: argparse.Namespace) -> int:
    if arguments.edit == "all":
        raise ClientError("usage", "One message is edited at a time.", "Name its ID.")
    (row,) = _chosen(outbox, arguments.edit)
    text = normalize_message(typed_text(arguments.text))
    made = outbox.change(lambda connection: rewrite(connection, row.client_id, text, row.enclosed))
    if made is None:
        outcome.say("Not changed: it may already be on the server.")
        return outcome.REFUSED
    outcome.say(f"Queued again as {made.client_id.hex()[:8]}.")
    return outcome.OK


def _discard(outbox: Outbox, name: str) -> int:
    rows = _chosen(outbox, name)
    dropped = sum(outbox.discard(row.client_id) for row in rows)
    outcome.say(f"Discarded: {dropped}.")
    if dropped < len(rows):
        outcome.say(f"Kept: {len(rows) - dropped}; they may already be on the server.")
        return outcome.REFUSED
    return outcome.OK


def _chosen(outbox: Outbox, name: str) -> list[OutboxRow]:
    """`all` means every row that was refused or is held; else one row by the beginning of its id."""
    rows = outbox.rows(limit=ROWS_MAX)
    if name == "all":
        return [row for row in rows if row.state in _SETTLED]
    found = [row for row in rows if name and row.client_id.hex().startswith(name.lower())]
    if len(found) != 1:
        problem = "More than one unsent message has" if found else "No unsent message has"
        raise ClientError("rowUnknown", f"{problem} an id that begins with {name!r}.", "Look at 'chatterm outbox'.")
    return found


def _put(cache: Cache, row: OutboxRow, as_json: bool) -> None:
    if as_json:
        outcome.put_json(
            {
                "id": row.client_id.hex(),
                "state": row.state.value,
                "createdAt": outcome.utc_time(row.created_at),
                "chatId": row.target.chat_id,
                "userId": row.target.user_id,
                "email": row.target.email,
                "attempts": row.attempts,
                "text": row.text,
                "replyTo": row.enclosed.reply_to or None,
                "files": [
                    {"name": file.name, "size": file.size, "uploaded": bool(file.file_id)} for file in row.attached
                ],
                "error": None if row.error is None else {"code": row.error.code, "message": row.error.message},
            }
        )
        return
    why = "" if row.error is None else f"  ({terminal_safe(row.error.message)})"
    files = "".join(f" [file: {terminal_safe(file.name)}]" for file in row.attached)
    first_line = terminal_safe(row.text.split("\n")[0]) + files
    outcome.put(
        f"{row.client_id.hex()[:8]}  {outcome.clock_time(row.created_at)}  {row.state.value:<7}"
        f"  {_place(cache, row)}: {first_line}{why}"
    )


def _place(cache: Cache, row: OutboxRow) -> str:
    target = row.target
    if target.email is not None:
        return terminal_safe(target.email)
    chat = None if target.chat_id is None else cache.chat(target.chat_id)
    if chat is not None and chat.kind == "group":
        return "#" + terminal_safe(chat.title)
    user_id = target.user_id if chat is None else chat.peer_id
    user = None if user_id is None else cache.user(user_id)
    return terminal_safe(user.display_name) if user is not None else f"{target.chat_id or target.user_id}"
