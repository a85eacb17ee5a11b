"""`chatterm tail`: what arrives, each event once and in the order of its chat."""

import argparse
import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

from chatterm.cli import outcome
from chatterm.cli.closed_output import ends_with_output
from chatterm.cli.cursor import CursorFile
from chatterm.cli.logs import connected, find_chat, seq_at
from chatterm.cli.looking import bring_up_to_date, looking, seen_told, wait_until
from chatterm.cli.naming import bounds
from chatterm.cli.narrator import Narrator
from chatterm.cli.records import event_record
from chatterm.cli.wording import place_of, put_event
from chatterm.client.errors import ClientError
from chatterm.client.following import News, onward
from chatterm.client.model import CacheReset, ConnectionChanged, Link, Notice
from chatterm.client.session import Session
from chatterm.client.told import has_lines

_LINES = 10


def run(arguments: argparse.Namespace) -> int:
    """Print, and with `--follow` go on."""
    if not (arguments.targets or arguments.follow or arguments.since or arguments.cursor):
        raise ClientError("usage", "Nothing would be printed.", "Name a TARGET, or give --follow, --since or --cursor.")
    return asyncio.run(_run(arguments, *bounds(arguments.since)))


async def _run(arguments: argparse.Namespace, since_seq: int | None, since_at: int | None) -> int:
    if arguments.follow and arguments.offline:
        raise ClientError("usage", "Offline, nothing arrives.", "Leave out --follow or --offline.")
    if since_seq is not None and len(arguments.targets) != 1:
        raise ClientError("usage", "A sequence number belongs to one chat.", "Name one TARGET, or a time.")
    with ExitStack() as held:
        async with looking(arguments) as session:
            file = None
            if arguments.cursor is not None:
                file = CursorFile(Path(arguments.cursor), session.account.key)
                held.enter_context(file.held())
            tail = _Tail(session, arguments, file)
            try:
                await tail.begin(since_seq, since_at)
                return await tail.run()
            finally:
                tail.close()


class _Tail:
    """Positions in all chats that are read, and what is printed of them."""

    def __init__(self, session: Session, arguments: argparse.Namespace, file: CursorFile | None) -> None:
        self._session = session
        self._arguments = arguments
        self._file = file
        self._targets: list[int] | None = None
        self._positions: dict[int, int] = {}
        self._saved: dict[int, int] | None = None
        self._reset = False
        self._narrator = Narrator(session) if arguments.follow else None
        self._news = News(session, self._known)
        self._unsubscribe = session.subscribe(self._noticed)

    def close(self) -> None:
        """Notice nothing any more."""
        self._news.close()
        self._unsubscribe()
        if self._narrator is not None:
            self._narrator.close()

    async def begin(self, since_seq: int | None, since_at: int | None) -> None:
        """Find where to begin in each chat."""
        session, arguments = self._session, self._arguments
        online = await connected(session, arguments)
        if session.status.link in (Link.SIGNED_OUT, Link.STOPPED) and session.status.problem is not None:
            raise ClientError.of(session.status.problem)
        stored = self._file.load() if self._file is not None else None
        if arguments.targets:
            self._targets = await self._find_targets()
        elif online and not arguments.follow:
            await bring_up_to_date(session, arguments)
        if stored is not None:
            self._positions = dict(stored.positions)
            if session.cache.epoch() not in ("", stored.epoch):
                self._restored()
        for chat_id in self._known():
            if chat_id not in self._positions and (stored is None or self._targets is not None):
                self._positions[chat_id] = await self._start(chat_id, since_seq, since_at, online=online)
        self._save()
        self._news.look_everywhere()

    async def run(self) -> int:
        """Print until interrupted or, without `--follow`, until all that is there was printed."""
        if not self._arguments.follow:
            return await self._print_all()
        with ends_with_output():
            while True:
                while (chat_id := self._news.take()) is not None:
                    if await self._print(chat_id):
                        self._news.look_at(chat_id)  # there may be more, but others come in between
                self._save()
                if self._session.status.link is Link.STOPPED and self._session.status.problem is not None:
                    raise ClientError.of(self._session.status.problem)
                await self._news.wait()

    async def _print_all(self) -> int:
        """What is there now; 75 if some of it could not be had."""
        complete = True
        for chat_id in self._known():
            head = self._session.cache.head(chat_id)
            while max(self._positions.get(chat_id, 0), self._session.cache.floor(chat_id)) < head:
                if await self._print(chat_id):
                    continue
                left = self._session.cache.has_left(chat_id)
                if self._arguments.offline or left or not await self._more_of(chat_id):
                    complete = False
                    break
        self._save()
        if self._arguments.seen and not self._arguments.offline:
            await seen_told(self._session, self._arguments.timeout)
        return outcome.OK if complete else outcome.NOT_YET

    async def _more_of(self, chat_id: int) -> bool:
        """Wait for the next event of a chat, which is missing here; False if the server cannot help."""
        after = self._positions.get(chat_id)
        if after is None:
            return False
        return await wait_until(
            self._session, lambda: bool(onward(self._session, chat_id, after)), self._arguments.timeout
        )

    def _known(self) -> list[int]:
        return self._targets if self._targets is not None else self._session.cache.chat_ids()

    async def _find_targets(self) -> list[int]:
        found: dict[int, None] = {}
        for name in self._arguments.targets:
            chat_id = await find_chat(self._session, self._arguments, name)
            if chat_id is None and self._arguments.follow:
                chat_id = (await self._session.server.open_direct(await self._peer(name))).id
            if chat_id is not None:
                found[chat_id] = None
        return list(found)

    async def _peer(self, name: str) -> int:
        from chatterm.client.targets import parse_target  # noqa: PLC0415 - only for people never written to

        return parse_target(self._session.cache, name).user_id or 0

    async def _start(self, chat_id: int, since_seq: int | None, since_at: int | None, *, online: bool) -> int:
        if since_seq is not None:
            return max(0, since_seq - 1)
        if since_at is not None:
            return await seq_at(self._session, chat_id, since_at, online=online)
        lines: int | None = self._arguments.lines
        if lines is None:
            lines = _LINES if self._arguments.targets else 0
        return max(0, self._session.cache.head(chat_id) - lines)

    async def _print(self, chat_id: int) -> bool:
        """Print the next events of a chat; False if none can be printed now."""
        session = self._session
        if self._targets is not None and chat_id not in self._targets:
            return False
        after = self._positions.get(chat_id)
        if after is None:
            after = await self._position_of_new(chat_id)
            if after is None:
                return False
            self._positions[chat_id] = after
        events = onward(session, chat_id, after)
        for event in events:
            if has_lines(event) or self._arguments.changes:
                if self._arguments.json:
                    outcome.put_json(event_record(session.cache, chat_id, event))
                else:
                    place = (
                        ""
                        if self._targets is not None and len(self._targets) == 1
                        else place_of(session.cache, chat_id)
                    )
                    put_event(session.cache, chat_id, event, place)
                sys.stdout.flush()
            self._positions[chat_id] = event.seq
        if events:
            self._save()
            if self._arguments.seen:
                await session.mark_seen(chat_id, events[-1].seq)
        return bool(events)

    async def _position_of_new(self, chat_id: int) -> int | None:
        """Where a chat begins that was not there before: for a group, where one was added. None: not known now."""
        chat = self._session.cache.chat(chat_id)
        if chat is None or self._session.cache.has_left(chat_id):
            return None
        if chat.kind == "direct":
            return 0
        try:
            members = await self._session.server.members(chat_id)
        except ClientError as error:
            if error.temporary:
                return None  # asked again with the next news, at the latest when the connection is back
            return chat.head
        joined = [member.joined_seq for member in members if member.user_id == self._session.account.user_id]
        return max(0, joined[0] - 1) if joined else chat.head

    def _save(self) -> None:
        if self._file is not None and self._positions != self._saved:
            self._file.save(self._session.cache.epoch(), self._positions)
            self._saved = dict(self._positions)

    def _noticed(self, notice: Notice) -> None:
        match notice:
            case CacheReset():
                self._reset = True
            case ConnectionChanged(status) if status.link is Link.ONLINE and self._reset:
                self._reset = False  # only now the new heads are known
                self._restored()
            case ConnectionChanged():
                self._news.stop_waiting()
            case _:
                pass

    def _restored(self) -> None:
        """The server's database is another, or an older one: nothing beyond the new heads can be asked for."""
        outcome.say(
            "The server's database was replaced or restored. What came before this moment may be missing here or"
            " come again; see 'chatterm history'."
        )
        head = self._session.cache.head
        self._positions = {chat_id: min(seq, head(chat_id)) for chat_id, seq in self._positions.items()}
