"""`chatterm history`: messages of one chat, brought up to date from the server if it can be reached."""

import argparse
import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass

from chatproto.models import LogEvent
from chatterm.cli import outcome
from chatterm.cli.logs import IncompleteError, connected, filled, find_chat, read_range, seq_at
from chatterm.cli.looking import looking, wait_until
from chatterm.cli.naming import bounds, seq_of
from chatterm.cli.records import event_record
from chatterm.cli.wording import put_event
from chatterm.client.errors import ClientError
from chatterm.client.session import Session
from chatterm.client.told import has_lines

_BLOCK = 500
_ROUNDS = 50
"""So often more is fetched where changes of messages, which are not printed, take the place of what is."""
_TIME_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class _Span:
    """What is asked for: events with a seq in (after, before) and a time in [since, until)."""

    after: int
    before: int
    since: int = 0
    until: int = _TIME_MAX

    def holds(self, event: LogEvent) -> bool:
        return self.after < event.seq < self.before and self.since <= event.at < self.until and has_lines(event)


def run(arguments: argparse.Namespace) -> int:
    """Print the newest messages, those before or after a place or time, those around one, or all."""
    before, after = bounds(arguments.before), bounds(arguments.after)
    if arguments.around is not None and (arguments.before or arguments.after or arguments.all):
        raise ClientError("usage", "--around stands alone.", "Leave out --before, --after and --all.")
    return asyncio.run(_run(arguments, before, after))


async def _run(
    arguments: argparse.Namespace, before: tuple[int | None, int | None], after: tuple[int | None, int | None]
) -> int:
    async with looking(arguments) as session:
        chat_id = await find_chat(session, arguments, arguments.target)
        if chat_id is None:
            outcome.say("There are no messages with this person yet.")
            return outcome.OK
        online = await connected(session, arguments) and not session.cache.has_left(chat_id)
        history = _History(session, chat_id, arguments, online)
        if arguments.around is not None:
            await history.around(seq_of(arguments.around, chat_id))
        elif arguments.all or arguments.after is not None:
            await history.onward(await history.span(before, after))
        else:
            await history.newest(await history.span(before, after))
        _mention_unsent(session)
    return outcome.OK


class _History:
    """Prints from one chat's log."""

    def __init__(self, session: Session, chat_id: int, arguments: argparse.Namespace, online: bool) -> None:
        self._session = session
        self._chat_id = chat_id
        self._limit: int = arguments.limit
        self._all: bool = arguments.all
        self._json: bool = arguments.json
        self._patience: float = arguments.timeout
        self._online = online

    async def span(self, before: tuple[int | None, int | None], after: tuple[int | None, int | None]) -> _Span:
        """Both bounds, times made to seqs as far as they are known."""
        (before_seq, until), (after_seq, since) = before, after
        if until is not None and self._online:
            before_seq = await seq_at(self._session, self._chat_id, until, online=True) + 1
        if since is not None:
            after_seq = await seq_at(self._session, self._chat_id, since, online=self._online)
        end = self._session.cache.head(self._chat_id) + 1
        return _Span(
            after_seq or 0,
            end if before_seq is None else min(before_seq, end),
            since or 0,
            _TIME_MAX if until is None else until,
        )

    async def newest(self, span: _Span) -> None:
        """The last `--limit` of a span."""
        if self._online:
            await self._fetch(span.before - 1)
        self._put(self._cached(span, self._limit))

    async def onward(self, span: _Span) -> None:
        """The first `--limit` of a span, or with `--all` all of it, printed as they are read."""
        left = _TIME_MAX if self._all else self._limit
        events = read_range(
            self._session,
            self._chat_id,
            span.after + 1,
            span.before - 1,
            online=self._online,
            patience=self._patience,
        )
        try:
            async with aclosing(events):
                async for event in events:
                    if span.holds(event):
                        self._put([event])
                        left -= 1
                        if not left:
                            return
        except IncompleteError:
            outcome.say("Some of these messages are not on this machine, and were left out.")

    async def around(self, seq: int) -> None:
        """Half of `--limit` up to a seq, half after it."""
        half = self._limit // 2 + 1
        if self._online:
            await self._fetch(seq, half)
        self._put(self._cached(_Span(0, seq + 1), half))
        self._limit -= half
        if self._limit > 0:
            await self.onward(_Span(seq, self._session.cache.head(self._chat_id) + 1))

    async def _fetch(self, last: int, limit: int | None = None) -> None:
        """Have enough events cached up to `last`; changes of messages, which are not printed, do not count."""
        session, chat_id = self._session, self._chat_id
        last = min(last, session.cache.head(chat_id))
        first = last + 1
        for _ in range(_ROUNDS):
            missing = (limit or self._limit) - session.cache.count_shown(chat_id, first, last)
            if missing <= 0 or first <= max(1, session.cache.floor(chat_id) + 1):
                return
            first = max(1, first - missing)
            session.fill(chat_id, first, last)
            if not await wait_until(session, filled(session, chat_id, first, last), self._patience):
                return

    def _cached(self, span: _Span, limit: int) -> list[LogEvent]:
        """The last `limit` cached events of a span, ascending."""
        found: list[LogEvent] = []
        last = span.before - 1
        while last > span.after and len(found) < limit:
            first = max(1, last - _BLOCK + 1)
            block = self._session.cache.events(self._chat_id, first, last)
            found = [event for event in block if span.holds(event)] + found
            last = first - 1
        return found[-limit:]

    def _put(self, events: Iterable[LogEvent]) -> None:
        cache = self._session.cache
        for event in events:
            if self._json:
                outcome.put_json(event_record(cache, self._chat_id, event))
            else:
                put_event(cache, self._chat_id, event)


def _mention_unsent(session: Session) -> None:
    queued, failed = session.outbox.counts()
    if queued or failed:
        parts = [f"{count} {state}" for count, state in ((queued, "queued"), (failed, "refused")) if count]
        outcome.say(f"Not sent yet, of this account: {', '.join(parts)}. See 'chatterm outbox'.")
