"""Reads one moment of the database and gives it away record by record; memory use does not grow with the logs."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Final

from chatproto import limits
from chatproto.models import LogEvent, Message
from chatserver.exporting.records import (
    FORMAT,
    EndRecord,
    EventRecord,
    ExportHeader,
    Record,
    chat_record,
    event_record,
    moment,
    user_record,
    users_of,
)
from chatserver.store.interfaces.snapshots import ChatRow, FileRow, MemberRow, Snapshot

_EVENTS_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: these chats, by id or title (all, if empty), and events of this time in microseconds."""

    chats: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    """Exclusive."""


@dataclass(slots=True)
class Counts:
    """How many records of each kind were given."""

    users: int = 0
    chats: int = 0
    events: int = 0


class NoSuchChatError(Exception):
    """A chat that was asked for does not exist, or its title is not its alone; the text says what to give."""


class Exporter:
    """Makes the records of one export. `files` holds what the records given so far show, by SHA-256."""

    def __init__(self, snapshot: Snapshot, wanted: Wanted, *, epoch: str, now: int) -> None:
        self._snapshot = snapshot
        self._wanted = wanted
        self._epoch = epoch
        self._now = now
        self._told: set[int] = set()
        self.counts = Counts()
        self.files: dict[str, FileRow] = {}
        """Content not taken away yet; the caller empties it."""

    async def records(self) -> AsyncIterator[Record]:
        """All records, in order. Raises `NoSuchChatError` before the first one."""
        chosen = await self._chosen() if self._wanted.chats else None
        since, until = self._wanted.since, self._wanted.until
        yield ExportHeader(
            format=FORMAT,
            epoch=self._epoch,
            at=moment(self._now),
            since=moment(since) if since is not None else None,
            until=moment(until) if until is not None else None,
        )
        if chosen is None:
            async for user in self._everybody():
                yield user
        async for chat in self._chats(chosen):
            async for record in self._chat(chat, everybody=chosen is None):
                yield record
        yield EndRecord(users=self.counts.users, chats=self.counts.chats, events=self.counts.events)

    async def _chosen(self) -> set[int]:
        """Ids of the chats that were asked for."""
        by_name: dict[str, list[int]] = {name: [] for name in self._wanted.chats}
        async for chat in self._chats(None):
            for name in (str(chat.id), chat.title):
                if name in by_name and chat.id not in by_name[name]:
                    by_name[name].append(chat.id)
        for name, found in by_name.items():
            if not found:
                raise NoSuchChatError(f"No chat has the id or title '{name}'. Export everything to see what there is.")
            if len(found) > 1:
                ids = ", ".join(map(str, sorted(found)))
                raise NoSuchChatError(f"{len(found)} groups are called '{name}'. Give one of these ids: {ids}.")
        return {chat_id for found in by_name.values() for chat_id in found}

    async def _everybody(self) -> AsyncIterator[Record]:
        after = 0
        while page := await self._snapshot.users(after, limits.USERS_PAGE_MAX):
            for row in page:
                self.counts.users += 1
                yield user_record(row)
            after = page[-1].user.id

    async def _chats(self, chosen: Collection[int] | None) -> AsyncIterator[ChatRow]:
        after = 0
        while page := await self._snapshot.chats(after, limits.CHATS_PAGE_MAX):
            for chat in page:
                if chosen is None or chat.id in chosen:
                    yield chat
            after = page[-1].id

    async def _chat(self, chat: ChatRow, *, everybody: bool) -> AsyncIterator[Record]:
        members = await self._members(chat.id)
        if not everybody:
            named = {member.user_id for member in members}
            named.update(user_id for user_id in (chat.owner_id, *(chat.direct or ())) if user_id is not None)
            async for user in self._users(named):
                yield user
        self.counts.chats += 1
        yield chat_record(chat, members)
        async for event in self._events(chat.id):
            record = await self._record(chat.id, event)
            if not everybody:
                async for user in self._users(users_of(record)):
                    yield user
            self.counts.events += 1
            yield record

    async def _members(self, chat_id: int) -> list[MemberRow]:
        members: list[MemberRow] = []
        while page := await self._snapshot.members(
            chat_id, members[-1].user_id if members else 0, limits.MEMBERS_PAGE_MAX
        ):
            members += page
        return members

    async def _users(self, user_ids: set[int]) -> AsyncIterator[Record]:
        """Those of them who were not told of yet."""
        for user_id in sorted(user_ids - self._told):
            row = await self._snapshot.user(user_id)
            self._told.add(user_id)
            if row is not None:
                self.counts.users += 1
                yield user_record(row)

    async def _events(self, chat_id: int) -> AsyncIterator[LogEvent]:
        since, until = self._wanted.since, self._wanted.until
        after = await self._snapshot.seq_before(chat_id, since) if since is not None else 0
        more = True
        while more:
            page, more = await self._snapshot.events(chat_id, after_seq=after, limit=_EVENTS_PAGE)
            for event in page:
                if until is not None and event.at >= until:
                    return
                yield event
            after = page[-1].seq if page else after

    async def _record(self, chat_id: int, event: LogEvent) -> EventRecord:
        digests: dict[int, str] = {}
        for file in event.files if isinstance(event, Message) else ():
            row = await self._snapshot.file(file.id)
            if row is not None:
                digests[file.id] = row.sha256.hex()
                self.files[digests[file.id]] = row
        return event_record(chat_id, event, lambda file_id: digests.get(file_id, ""))
