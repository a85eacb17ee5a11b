"""`chatterm edit|delete|react|pin`: changes of messages, on disk first and then on the server."""

import argparse
import asyncio
from typing import Final

from chatproto.errors import ErrorInfo
from chatproto.frames import Delete, Edit, Pin, React
from chatproto.models import Message
from chatproto.text import check_emoji, normalize_message
from chatterm.cli import outcome
from chatterm.cli.logs import find_chat
from chatterm.cli.naming import seq_of
from chatterm.cli.setup import chosen_account
from chatterm.cli.typed import typed_text
from chatterm.client.errors import ClientError
from chatterm.client.mentioning import mentioned
from chatterm.client.model import ChangeState, Link, MessageChange, Notice, PendingChange, ProblemMet
from chatterm.client.session import Session

_LOOKED_AT: Final = 2_000
_STUCK: Final = frozenset({Link.OFFLINE, Link.SIGNED_OUT, Link.STOPPED})


def run(arguments: argparse.Namespace) -> int:
    """Change one message."""
    if arguments.command == "edit":
        arguments.text = normalize_message(typed_text(arguments.text))
    elif arguments.command == "react":
        check_emoji(arguments.emoji)
    if arguments.message != "last":
        seq_of(arguments.message, None)
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    arguments.offline = False
    async with Session(chosen_account(arguments)) as session:
        chat_id = await find_chat(session, arguments, arguments.target)
        if chat_id is None:
            raise ClientError("messageUnknown", "There are no messages with this person yet.")
        seq = _last(session, chat_id, arguments) if arguments.message == "last" else seq_of(arguments.message, chat_id)
        following = _Following(session)
        change = await _queue(session, chat_id, seq, arguments)
        return await following.watch(change, arguments.timeout, arguments.wait)


async def _queue(session: Session, chat_id: int, seq: int, arguments: argparse.Namespace) -> MessageChange:
    changes = session.changes
    match arguments.command:
        case "edit":
            ids = mentioned(session.cache, chat_id, arguments.text)
            await changes.edit(chat_id, seq, arguments.text, mentions=ids)
        case "delete":
            await changes.delete(chat_id, seq)
        case "react":
            await changes.react(chat_id, seq, arguments.emoji, on=not arguments.remove)
        case _:
            await changes.pin(chat_id, seq, on=not arguments.remove)
    return changes.pending(chat_id)[seq][-1].change


def _last(session: Session, chat_id: int, arguments: argparse.Namespace) -> int:
    """The newest cached message, for edit and delete the newest of one's own."""
    cache = session.cache
    head = cache.head(chat_id)
    own = arguments.command in ("edit", "delete")
    for event in reversed(cache.events(chat_id, max(1, head - _LOOKED_AT + 1), head)):
        mine = event.sender_id == session.account.user_id
        if isinstance(event, Message) and not event.deleted and (mine or not own):
            return event.seq
    raise ClientError(
        "messageUnknown", "There is no such message among the newest on this machine.", "Give its seq; see 'history'."
    )


class _Following:
    """Follows one change until its fate is known."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._news = asyncio.Event()
        self._problem: ErrorInfo | None = None
        session.subscribe(self._noticed)

    async def watch(self, change: MessageChange, patience: float, wait: bool) -> int:
        """The exit code."""
        try:
            async with asyncio.timeout(patience):
                while (end := self._end(change, wait)) is None:
                    self._news.clear()
                    await self._news.wait()
                return end
        except TimeoutError:
            return self._not_yet(wait)

    def _end(self, change: MessageChange, wait: bool) -> int | None:
        row = self._row(change)
        if row is None:
            return self._gone(change)
        if row.state is ChangeState.FAILED:
            outcome.complain(row.error or ErrorInfo(code="refused", message="The server refused it."))
            return outcome.REFUSED
        status = self._session.status
        if status.link in _STUCK and status.problem is not None and not (wait and status.link is Link.OFFLINE):
            self._problem = status.problem
            return self._not_yet(wait)
        return None

    def _gone(self, change: MessageChange) -> int:
        """It was confirmed, or refused and forgotten."""
        if self._problem is not None:
            outcome.complain(self._problem)
            return outcome.REFUSED
        message = self._session.cache.messages(change.chat_id, [change.seq]).get(change.seq)
        if self._session.is_sender or message is None or _shows(message, change, self._session.account.user_id):
            return outcome.OK
        outcome.say("The server refused it; the chatterm that is open says why.")
        return outcome.REFUSED

    def _not_yet(self, wait: bool) -> int:
        why = "" if self._problem is None else f" {self._problem.message} {self._problem.hint}".rstrip()
        outcome.say(f"Kept, not done on the server yet.{why}")
        return outcome.NOT_YET if wait else outcome.OK

    def _row(self, change: MessageChange) -> PendingChange | None:
        rows = self._session.changes.pending(change.chat_id).get(change.seq, ())
        return next((row for row in rows if row.change == change), None)

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, ProblemMet):
            self._problem = notice.error
        self._news.set()


def _shows(message: Message, change: MessageChange, user_id: int) -> bool:
    """Whether a message is as the change wanted it; another change may have come since, which is no refusal."""
    match change:
        case Edit():
            return message.text == change.text or message.deleted
        case Delete():
            return message.deleted
        case React():
            mine = any(each.emoji == change.emoji and user_id in each.user_ids for each in message.reactions)
            return mine is change.on or message.deleted
        case Pin():
            return message.pinned is change.on or message.deleted
