"""Writes the items of a source into the store, chat by chat, in commits that leave others their turn."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import FileInfo
from chatserver.files.base import CHUNK_BYTES
from chatserver.importing.convert import Converter
from chatserver.importing.model import Attachment, Conversation, ImportFailedError, Item
from chatserver.importing.people import People, digest
from chatserver.importing.report import Report
from chatserver.importing.sorting import SortedItems, numbered
from chatserver.importing.texts import title_of, topic_of
from chatserver.importing.tree import Tree
from chatserver.importing.turns import in_turn
from chatserver.store import rows
from chatserver.store.base import Store
from chatserver.store.interfaces.imports import Appended, ChatPlace, ImportedEvent, ImportedMember, NewChat

BATCH: Final = 500
"""Events in one commit: some 20 milliseconds, during which no other process can write."""
_KINDS: Final = frozenset({"message", "deleted"})


class UploadService(Protocol):
    """Takes the content of files; `services.files.Uploads` is one."""

    async def put(self, user_id: int, name: str, length: int, body: AsyncIterator[bytes]) -> FileInfo: ...


@dataclass(slots=True)
class Applier:
    """Applies one import. `tree` holds the content of files, `uploads` takes it; `readers` are added to every group."""

    store: Store
    people: People
    report: Report
    tree: Tree
    uploads: UploadService | None
    readers: Sequence[int] = ()

    async def apply(self, chats: Collection[Conversation], items: SortedItems) -> None:
        """All items of these conversations, then those conversations that have none."""
        wanted = {chat.key: chat for chat in chats}
        self.report.totals.chats_read = len(wanted)
        for key, group in groupby(numbered(items.merged()), key=lambda item: item.chat):
            if key in wanted:
                await self._chat(wanted.pop(key), group, items.oldest[key], items.people.get(key, set()))
        for chat in wanted.values():
            if chat.members:
                await self._chat(chat, iter(()), chat.created_at, set())

    async def _chat(self, chat: Conversation, items: Iterator[Item], oldest: int, people: set[str]) -> None:
        members = self._members(chat, people)
        new = NewChat(
            key=digest(self.people.source, "chat", chat.key),
            title=title_of(chat.title, chat.key),
            created_at=max(1, min(chat.created_at or oldest, oldest - 1)),
            oldest_at=oldest,
            topic=topic_of(chat.topic),
            owner_id=self._owner(chat, members),
            direct=self._direct(chat),
        )
        place = await self._place(new)
        if place is None:
            return
        self.report.totals.chats_made += place.made
        if place.instead:
            self.report.warn(f"{chat.title}: both have a direct chat that is newer, so this history is a group.")
        await self._append(chat, new, place, items, [member.user_id for member in members])
        if not self.report.dry_run:
            await in_turn(self.store.finish_chat(place.chat_id, members))

    async def _place(self, new: NewChat) -> ChatPlace | None:
        if not self.report.dry_run:
            return await in_turn(self.store.import_chat(self.people.source, new))
        found = await self.store.find_chat(self.people.source, new.key)
        return ChatPlace(found or 0, made=found is None)

    def _direct(self, chat: Conversation) -> tuple[int, int] | None:
        if chat.direct is None or not all(key in self.people.ids for key in chat.direct):
            return None
        return self.people.ids[chat.direct[0]], self.people.ids[chat.direct[1]]

    def _members(self, chat: Conversation, people: set[str]) -> list[ImportedMember]:
        """Who will be in the chat: its members, or those who wrote in it if the source names none."""
        found: dict[int, ImportedMember] = {}
        for member in chat.members:
            if member.person in self.people.ids and self.people.persons[member.person].is_member:
                found.setdefault(
                    self.people.ids[member.person],
                    ImportedMember(
                        self.people.ids[member.person],
                        joined_seq=member.joined_seq,
                        seen=member.seen,
                        pinned=member.pinned,
                        muted_until=member.muted_until,
                        archived=member.archived,
                    ),
                )
        if not chat.members:
            writers = sorted(key for key in people if self.people.persons[key].is_member)
            found = {user_id: ImportedMember(user_id) for user_id in self.people.known(writers)}
        if chat.direct is None:
            for user_id in self.readers:
                found.setdefault(user_id, ImportedMember(user_id))
        members = list(found.values())
        if len(members) > limits.GROUP_MEMBERS_MAX:
            self.report.warn(f"{chat.title}: only {limits.GROUP_MEMBERS_MAX} of {len(members)} members can be in it.")
        return members[: limits.GROUP_MEMBERS_MAX]

    def _owner(self, chat: Conversation, members: Sequence[ImportedMember]) -> int | None:
        owner = self.people.ids.get(chat.owner)
        ids = [member.user_id for member in members]
        if owner in ids or chat.has_start:
            return owner
        return ids[0] if ids else next(iter(self.people.ids.values()), None)

    async def _append(
        self, chat: Conversation, new: NewChat, place: ChatPlace, items: Iterator[Item], members: list[int]
    ) -> None:
        direct = new.direct is not None and not place.instead
        converter = Converter(self.people, chat.key, direct, self.report)
        batch: list[tuple[ImportedEvent, str]] = []
        if not direct and not chat.has_start and new.owner_id is not None:
            body = rows.created_body(new.title, members)
            start = ImportedEvent(converter.key("created"), new.created_at, new.owner_id, "created", body=body)
            batch.append((start, chat.title))
        changed: dict[str, str] = {}
        last = new.created_at
        for item in items:
            self.report.totals.events_read += 1
            if item.author in self.people.gone:
                self.report.skip("events of people whose accounts were deleted here", item.place)
                continue
            last = max(last, item.at)
            if item.kind == "chatChanged":
                changed.update({name: value for name, value in (("title", item.title), ("topic", item.topic)) if value})
            batch += [(event, item.place) for event in await self._events(place, converter, item)]
            if len(batch) >= BATCH or item.files:  # files are removed if nothing shows them for long
                await self._write(place, batch)
                batch = []
        if not chat.has_start and (final := _final(converter, new, changed, last)):
            batch.append((final, chat.title))
        await self._write(place, batch)

    async def _events(self, place: ChatPlace, converter: Converter, item: Item) -> list[ImportedEvent]:
        if not item.files:
            return converter.events(item, (), ())
        known = await self.store.find_events(place.chat_id, [converter.key(item.key)])
        if known:  # its files are there, too
            self.report.totals.there += 1
            return []
        files, lines = [], []
        for attachment in item.files:
            file = await self._upload(item, attachment)
            if isinstance(file, FileInfo):
                files.append(file)
            elif file:
                lines.append(file)
        return converter.events(item, files, lines)

    async def _upload(self, item: Item, attachment: Attachment) -> FileInfo | str:
        """The file here, or a line that stands for it."""
        missing = f"📎 {attachment.name}" + (f" ({attachment.url})" if attachment.url else "")
        if not attachment.path:
            self.report.skip("files whose content is not in the export, kept as text", item.place)
            return missing
        if self.report.dry_run or self.uploads is None:
            self.report.totals.files_imported += 1
            return ""
        size = self.tree.size(attachment.path)
        try:
            async with aclosing(_content(self.tree, attachment.path)) as body:
                info = await self.uploads.put(self.people.ids[item.author], attachment.name, size, body)
        except ImportFailedError:
            self.report.skip("files that are damaged in the export, kept as text", item.place)
            return missing
        except ChatError as error:
            if error.code not in {"fileTooLarge", "quotaExceeded", "invalidFrame", "tooLarge"}:
                raise
            self.report.skip(f"files that were refused ({error.code}), kept as text", item.place)
            return missing
        self.report.totals.files_imported += 1
        return info

    async def _write(self, place: ChatPlace, batch: list[tuple[ImportedEvent, str]]) -> None:
        if not batch:
            return
        events = [event for event, _ in batch]
        if self.report.dry_run:
            keys = [event.key for event in events]
            known = await self.store.find_events(place.chat_id, keys) if place.chat_id else set()
            outcome = Appended(new=[number for number, key in enumerate(keys) if key not in known])
            outcome.there = [number for number, key in enumerate(keys) if key in known]
        else:
            outcome = await in_turn(self.store.import_events(place.chat_id, events))
        self._count(batch, outcome)

    def _count(self, batch: list[tuple[ImportedEvent, str]], outcome: Appended) -> None:
        totals = self.report.totals
        totals.there += len(outcome.there)
        for number in outcome.new:
            totals.messages_imported += batch[number][0].kind in _KINDS
            totals.events_imported += batch[number][0].kind not in _KINDS
        for reason, numbers in (
            (
                "messages that were edited or reacted to in the source since their import, left as they are",
                outcome.changed,
            ),
            ("messages older than what their chat holds, put at its end with their time in the text", outcome.late),
            ("replies to something that is not there, kept as messages", outcome.lost_replies),
            ("changes of something that is not there", outcome.lost_targets),
            (f"pins beyond the {limits.PINS_MAX} of a chat, not pinned", outcome.unpinned),
        ):
            for number in numbers:
                self.report.skip(reason, batch[number][1])


def _final(converter: Converter, new: NewChat, changed: dict[str, str], last: int) -> ImportedEvent | None:
    """The event that makes the log end with the title and topic that the chat has now, if it does not."""
    title = new.title if changed.get("title", new.title) != new.title else None
    topic = new.topic if changed.get("topic", new.topic) != new.topic else None
    if (title is None and topic is None) or new.owner_id is None:
        return None
    body = rows.to_json(rows.ChatBody(title=title, topic=topic))
    return ImportedEvent(converter.key(f"final {title} {topic}"), last + 1, new.owner_id, "chatChanged", body=body)


async def _content(tree: Tree, path: str) -> AsyncGenerator[bytes, None]:
    with tree.open(path) as stream:
        while part := stream.read(CHUNK_BYTES):
            yield part
