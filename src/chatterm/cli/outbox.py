"""`chatterm outbox`: the messages that are not sent yet, and what to do with those that were refused."""

import argparse
from contextlib import closing

from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.cli.setup import chosen_account
from chatterm.client.cache import Cache
from chatterm.client.errors import ClientError
from chatterm.client.model import OutboxRow, OutboxState
from chatterm.client.outbox import ROWS_MAX, Outbox
from chatterm.client.paths import account_files

_SETTLED = frozenset({OutboxState.FAILED, OutboxState.HELD})


def run(arguments: argparse.Namespace) -> int:
    """Print, retry or discard."""
    files = account_files(chosen_account(arguments).key)
    with closing(Outbox.open(files.outbox)) as outbox, closing(Cache.open(files.cache)) as cache:
        if outbox.problem is not None:
            outcome.complain(outbox.problem)
        if arguments.retry is not None:
            rows = _chosen(outbox, arguments.retry)
            for row in rows:
                outbox.retry(row.client_id)
            outcome.say(f"Queued again: {len(rows)}.")
        if arguments.discard is not None:
            return _discard(outbox, arguments.discard)
        if arguments.retry is None:
            for row in outbox.rows(limit=ROWS_MAX):
                _put(cache, row, arguments.json)
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
                "error": None if row.error is None else {"code": row.error.code, "message": row.error.message},
            }
        )
        return
    why = "" if row.error is None else f"  ({terminal_safe(row.error.message)})"
    first_line = terminal_safe(row.text.split("\n")[0])
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
