"""After a message is queued: see it delivered, or say who will deliver it and why it is not."""

import asyncio
from collections.abc import Sequence

from chatproto.errors import ErrorInfo
from chatterm.cli import outcome
from chatterm.cli.progress import Progress
from chatterm.client.model import (
    Account,
    Link,
    Notice,
    OutboxRow,
    OutboxState,
    ProblemMet,
    TransferChanged,
    TransferState,
)
from chatterm.client.session import Session


def deliver(account: Account, rows: Sequence[OutboxRow], patience: float, wait: bool) -> int:
    """Send them from here, unless another process is the account's sender; the exit code, the worst one of all."""
    return asyncio.run(_deliver(account, rows, patience, wait))


async def _deliver(account: Account, rows: Sequence[OutboxRow], patience: float, wait: bool) -> int:
    async with Session(account, fetches=False) as session:
        if not wait and not session.is_sender:
            outcome.say(f"Queued; {_sender(session)} will send it.")
            return outcome.OK
        return await _Delivery(session, rows).watch(patience, wait)


class _Delivery:
    """Follows rows until the fate of all is known."""

    def __init__(self, session: Session, rows: Sequence[OutboxRow]) -> None:
        self._session = session
        self._rows = rows
        self._news = asyncio.Event()
        self._problem: ErrorInfo | None = None
        self._deadline: asyncio.Timeout | None = None
        self._patience = 0.0
        self._progress = Progress()

    async def watch(self, patience: float, wait: bool) -> int:
        """The exit code. Gives up after `patience` seconds or, without `wait`, when the server is out of reach.

        While files go out, the time counts anew with each part of them.
        """
        self._patience = patience
        unsubscribe = self._session.subscribe(self._noticed)
        try:
            async with asyncio.timeout(patience) as self._deadline:
                while (end := self._end(wait)) is None:
                    self._news.clear()
                    await self._news.wait()
                return end
        except TimeoutError:
            # Looked at once more: the answer may have come with the last tick.
            end = self._end(wait)
            return end if end is not None else self._not_yet(f"it was not confirmed within {patience:g} s.", wait)
        finally:
            unsubscribe()
            self._progress.end()

    def _end(self, wait: bool) -> int | None:
        session = self._session
        unsent = [row for sent in self._rows if (row := session.outbox.row(sent.client_id)) is not None]
        settled = [row for row in unsent if row.state in (OutboxState.FAILED, OutboxState.HELD)]
        if len(settled) == len(unsent):
            return max((_refused(row) for row in settled), default=outcome.OK)
        link = session.status.link
        over = link in (Link.SIGNED_OUT, Link.STOPPED) or (link is Link.OFFLINE and not wait)
        problem = session.status.problem
        if session.is_sender and over and problem is not None:
            return self._not_yet(f"{problem.message} {problem.hint}".strip(), wait)
        return None

    def _not_yet(self, why: str, wait: bool) -> int:
        if self._problem is not None:
            why = f"{self._problem.message} {self._problem.hint}".strip()
        elif not self._session.is_sender:
            why = f"{_sender(self._session)} has not sent it in time."
        outcome.say(f"Queued, not delivered yet: {why}")
        return outcome.NOT_YET if wait else outcome.OK

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, ProblemMet):
            self._problem = notice.error
        elif isinstance(notice, TransferChanged):
            self._progress.show(notice.transfer)
            if self._deadline is not None and notice.transfer.state is TransferState.RUNNING:
                self._deadline.reschedule(asyncio.get_running_loop().time() + self._patience)
        self._news.set()


def _sender(session: Session) -> str:
    pid = session.sender_pid()
    return f"the chatterm that is open (process {pid})" if pid else "the chatterm that is open"


def _refused(row: OutboxRow) -> int:
    name = row.client_id.hex()[:8]
    if row.error is None:
        why = "An earlier message to the same target was refused. Look at 'chatterm outbox'."
    else:
        why = f"{row.error.message} {row.error.hint}".strip()
    outcome.say(f"Not sent: {why} The text is kept: 'chatterm outbox --retry {name}' or '--discard {name}'.")
    return outcome.REFUSED
