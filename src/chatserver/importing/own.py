"""What `chatserver export` has written: everything comes back but ids and passwords."""

from collections.abc import Iterator
from typing import Final

import msgspec

from chatserver.exporting.records import (
    FORMAT,
    AnyRecord,
    ChangedRecord,
    ChatChangedRecord,
    ChatRecord,
    CreatedRecord,
    EndRecord,
    EventRecord,
    ExportHeader,
    MembersRecord,
    MessageRecord,
    UserRecord,
    microseconds,
)
from chatserver.importing.model import (
    Attachment,
    Conversation,
    ImportFailedError,
    Item,
    Membership,
    Notes,
    Person,
    Read,
)
from chatserver.importing.tree import Tree

LINE_MAX: Final = 16 * 1_048_576


class OwnSource:
    """See `Source`. `files` is the folder that `--files` has written."""

    def __init__(self, tree: Tree, files: Tree | None) -> None:
        names = [name for name in tree.names() if name.endswith((".jsonl", ".json"))] or list(tree.names())
        if len(names) != 1:
            raise ImportFailedError("Give the one file that 'chatserver export' has written.")
        self._tree = tree
        self._file = names[0]
        self._files = files
        self._epoch = ""
        self._chat: ChatRecord | None = None
        """The chat that the next event belongs to, until that event tells where the log begins."""

    @property
    def name(self) -> str:
        return f"chatserver {self._epoch}".strip()

    def read(self, notes: Notes) -> Iterator[Read]:
        decoder = msgspec.json.Decoder(AnyRecord)
        ended = False
        with self._tree.open(self._file) as stream:
            number = 0
            while line := stream.readline(LINE_MAX):
                number += 1
                place = f"{self._file}:{number}"
                try:
                    record = decoder.decode(line)
                except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                    if number == 1:
                        raise ImportFailedError(f"{place}: this is no export of chatserver ({error}).") from error
                    notes.wrong(f"not a record of an export ({str(error)[:80]})", place)
                    continue
                ended = isinstance(record, EndRecord)
                yield from self._record(record, place, notes)
        if self._chat is not None:
            yield _conversation(self._chat, self._chat.head)
        if not ended:
            notes.wrong("the last line is missing: the export was cut", f"{self._file}:{number}")

    def _record(self, record: AnyRecord, place: str, notes: Notes) -> Iterator[Read]:
        if isinstance(record, ExportHeader):
            if record.format > FORMAT:
                raise ImportFailedError(f"{place}: this export has format {record.format}. Upgrade chatserver first.")
            self._epoch = record.epoch
        elif isinstance(record, UserRecord):
            yield Person(
                str(record.id),
                record.display_name,
                record.email,
                status=record.status,
                disabled=record.disabled,
                deleted=record.deleted,
            )
        if self._chat is not None and not isinstance(record, UserRecord):
            first = record.seq if isinstance(record, EventRecord) else self._chat.head + 1
            yield _conversation(self._chat, first - 1)
            self._chat = None
        if isinstance(record, ChatRecord):
            self._chat = record
        elif isinstance(record, EventRecord):
            yield self._item(record, place)

    def _item(self, record: EventRecord, place: str) -> Item:
        base = Item(str(record.chat_id), str(record.seq), microseconds(record.at), str(record.sender_id), place)
        if isinstance(record, MessageRecord):
            return self._message(base, record)
        if isinstance(record, ChangedRecord):
            return msgspec.structs.replace(
                base, kind="changed", target=str(record.target), change=record.change, emoji=record.emoji
            )
        if isinstance(record, CreatedRecord):
            return msgspec.structs.replace(base, kind="created", title=record.title, added=_keys(record.member_ids))
        if isinstance(record, MembersRecord):
            owner = str(record.owner_id) if record.owner_id is not None else ""
            return msgspec.structs.replace(
                base, kind="members", added=_keys(record.added), removed=_keys(record.removed), owner=owner
            )
        assert isinstance(record, ChatChangedRecord)
        return msgspec.structs.replace(base, kind="chatChanged", title=record.title, topic=record.topic)

    def _message(self, base: Item, record: MessageRecord) -> Item:
        forwarded = record.forwarded
        return msgspec.structs.replace(
            base,
            kind="deleted" if record.deleted else "message",
            text=record.text,
            reply_to=str(record.reply_to) if record.reply_to else "",
            mentions=_keys(record.mentions),
            mention_all=record.mention_all,
            files=tuple(self._attachment(file.name, file.sha256) for file in record.files),
            reactions=tuple((reaction.emoji, _keys(reaction.user_ids)) for reaction in record.reactions),
            edited_at=microseconds(record.edited_at) if record.edited_at else 0,
            pinned=record.pinned,
            forwarded=(str(forwarded.sender_id), microseconds(forwarded.at)) if forwarded else None,
        )

    def _attachment(self, name: str, sha256: str) -> Attachment:
        return Attachment(name, sha256 if self._files is not None and self._files.has(sha256) else "")


def _conversation(record: ChatRecord, missing: int) -> Conversation:
    """The chat; positions count from where its log begins in the export, after `missing` events."""
    return Conversation(
        key=str(record.id),
        title=record.title,
        topic=record.topic,
        direct=(str(record.direct[0]), str(record.direct[1])) if record.direct else None,
        members=tuple(
            Membership(
                str(member.user_id),
                joined_seq=max(0, member.joined_seq - missing),
                seen=max(0, member.seen - missing),
                pinned=member.pinned,
                muted_until=microseconds(member.muted_until) if member.muted_until else 0,
                archived=member.archived,
            )
            for member in record.members
        ),
        owner=str(record.owner_id) if record.owner_id is not None else "",
        created_at=microseconds(record.created_at),
        has_start=True,
    )


def _keys(ids: list[int]) -> tuple[str, ...]:
    return tuple(str(each) for each in ids)
