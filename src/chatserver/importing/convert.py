"""From an item of a source to the events it becomes: clean text, long text in parts, people by id."""

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields

from chatproto import limits
from chatproto.models import FileInfo, Reaction
from chatserver.importing.model import Item, Notes
from chatserver.importing.people import People, digest
from chatserver.importing.texts import checked_emoji, parts_of, title_of, topic_of
from chatserver.store import rows
from chatserver.store.interfaces.imports import ImportedEvent


@dataclass(frozen=True, slots=True)
class Converter:
    """Makes events of the items of one conversation; `direct` chats know no members and titles."""

    people: People
    chat: str
    direct: bool
    notes: Notes

    def key(self, item_key: str) -> bytes:
        """What the store knows an item by."""
        return digest(self.people.source, "event", self.chat, item_key)

    def events(self, item: Item, files: Sequence[FileInfo], more: Sequence[str]) -> list[ImportedEvent]:
        """The events of an item, none if nothing is left of it; `more` are lines to add to its text."""
        base = ImportedEvent(self.key(item.key), item.at, self.people.ids[item.author], item.kind)
        if item.kind == "message":
            return self._messages(base, item, files, more)
        if item.kind == "deleted":
            return [with_fields(base, pinned=False)]
        if item.kind == "changed":
            return [with_fields(base, target=self.key(item.target), change=item.change, emoji=item.emoji)]
        if self.direct:
            self.notes.skip("changes of members or titles of a direct chat", item.place)
            return []
        return [with_fields(base, body=self._body(item))]

    def _body(self, item: Item) -> str:
        """The fields of an event that is no message."""
        known = self.people.known
        if item.kind == "created":
            return rows.created_body(title_of(item.title or "", self.chat), list(known(item.added)))
        if item.kind == "members":
            owner = self.people.ids.get(item.owner)
            body = rows.MembersBody(added=list(known(item.added)), removed=list(known(item.removed)), owner_id=owner)
            return rows.to_json(body)
        title = None if item.title is None else title_of(item.title, self.chat)
        return rows.to_json(rows.ChatBody(title=title, topic=None if item.topic is None else topic_of(item.topic)))

    def _messages(
        self, base: ImportedEvent, item: Item, files: Sequence[FileInfo], more: Sequence[str]
    ) -> list[ImportedEvent]:
        texts, cut = parts_of("\n".join(part for part in (item.text, *more) if part))
        if cut:
            self.notes.skip("the rest of texts of more than a megabyte", item.place)
        if len(texts) > 1:
            self.notes.skip("texts too long for one message, kept as several", item.place)
        shown = [files[at : at + limits.MESSAGE_FILES_MAX] for at in range(0, len(files), limits.MESSAGE_FILES_MAX)]
        if not texts and not shown:
            self.notes.skip("messages with nothing in them", item.place)
            return []
        count = max(len(texts), 1) + max(len(shown) - 1, 0)
        first_files = max(len(texts), 1) - 1
        events = []
        for number in range(count):
            part = with_fields(
                base,
                key=base.key if number == 0 else self.key(f"{item.key} /{number}"),
                at=base.at + number,
                text=texts[number] if number < len(texts) else "",
                files=tuple(shown[number - first_files]) if 0 <= number - first_files < len(shown) else (),
            )
            events.append(self._completed(part, item) if number == 0 else part)
        return events

    def _completed(self, event: ImportedEvent, item: Item) -> ImportedEvent:
        """The first message of an item, with all that belongs to the whole."""
        forwarded = None
        if item.forwarded is not None and item.forwarded[0] in self.people.ids:
            forwarded = (self.people.ids[item.forwarded[0]], item.forwarded[1])
        mentions = self.people.known(item.mentions)
        if len(mentions) > limits.MENTIONS_MAX:
            self.notes.skip(f"mentions beyond {limits.MENTIONS_MAX} in one message", item.place)
        return with_fields(
            event,
            reply_to=self.key(item.reply_to) if item.reply_to else b"",
            mentions=mentions[: limits.MENTIONS_MAX],
            mention_all=item.mention_all,
            forwarded=forwarded,
            edited_at=item.edited_at,
            reactions=self._reactions(item),
            pinned=item.pinned,
        )

    def _reactions(self, item: Item) -> tuple[Reaction, ...]:
        by_emoji: dict[str, dict[int, None]] = {}
        count = 0
        for emoji, users in item.reactions:
            if not checked_emoji(emoji):
                self.notes.skip("reactions that are no emoji", item.place)
                continue
            for user_id in self.people.known(users):
                people = by_emoji.setdefault(emoji, {})
                if count >= limits.REACTIONS_MAX or len(by_emoji) > limits.REACTION_KINDS_MAX:
                    self.notes.skip("reactions beyond what one message may have", item.place)
                elif user_id not in people:
                    people[user_id] = None
                    count += 1
        return tuple(Reaction(emoji=emoji, user_ids=list(people)) for emoji, people in by_emoji.items() if people)
