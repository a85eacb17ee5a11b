"""Zulip's export: realm.json, the messages in numbered files, and uploaded files; streams, topics, direct messages."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Literal

from msgspec.structs import replace

from chatserver.importing.fields import Fields, microseconds, objects
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
from chatserver.importing.texts import checked_emoji, with_emoji
from chatserver.importing.tree import Tree

Topics = Literal["lines", "groups"]
"""What becomes of topics: a line in front of a message whose topic is another than before, or a group for each."""

_MESSAGES: Final = re.compile(r"messages-\d+\.json")
_MENTION: Final = re.compile(r"@(_?)\*\*([^*|\n]+)(?:\|(\d+))?\*\*")
_STREAM: Final = re.compile(r"#\*\*([^*\n]+)\*\*")
_UPLOAD: Final = re.compile(r"!?\[([^\]\n]*)\]\(/user_uploads/([^)\s]+)\)")
_EVERYBODY: Final = frozenset({"all", "everyone", "channel", "stream", "topic"})
_PERSONAL, _STREAM_TYPE, _HUDDLE = 1, 2, 3


class ZulipSource:
    """See `Source`."""

    def __init__(self, tree: Tree, topics: Topics = "lines") -> None:
        if not tree.enter("realm.json"):
            raise ImportFailedError(
                "This is no export of Zulip: there is no realm.json. Give the .tar.gz that Zulip made, or its folder."
            )
        self._tree = tree
        self._topics = topics
        self._realm = ""
        self._names: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        self._recipients: dict[str, tuple[int, str]] = {}
        self._subscribers: dict[str, list[str]] = defaultdict(list)
        self._streams: dict[str, Fields] = {}
        self._reactions: dict[str, dict[str, list[str]]] = defaultdict(dict)
        self._told: set[str] = set()
        self._topic_of: dict[str, str] = {}

    @property
    def name(self) -> str:
        return f"zulip {self._realm}".strip()

    def read(self, notes: Notes) -> Iterator[Read]:
        for realm, _ in self._table("zerver_realm", notes):
            self._realm = realm.text("uuid") or realm.text("string_id") or realm.text("id")
        for table in ("zerver_userprofile", "zerver_userprofile_mirrordummy", "zerver_userprofile_crossrealm"):
            for user, place in self._table(table, notes):
                yield from self._person(user, place, notes)
        self._read_places(notes)
        for recipient_id, (kind, _) in self._recipients.items():
            if kind == _STREAM_TYPE and self._topics == "lines":
                yield from self._stream(recipient_id, "")
        for name in self._tree.names():
            if _MESSAGES.fullmatch(name):
                for message, place in objects(self._tree, name, "zerver_message.item", notes):
                    yield from self._message(message, place, notes)

    def _read_places(self, notes: Notes) -> None:
        """Where messages go, who gets them, and how they were reacted to."""
        for recipient, _ in self._table("zerver_recipient", notes):
            self._recipients[recipient.text("id")] = (int(recipient.number("type")), recipient.text("type_id"))
        for subscription, _ in self._table("zerver_subscription", notes):
            if subscription.text("user_profile") in self._names and _is_active(subscription):
                self._subscribers[subscription.text("recipient")].append(subscription.text("user_profile"))
        for stream, _ in self._table("zerver_stream", notes):
            self._streams[stream.text("id")] = stream
        for reaction, place in self._table("zerver_reaction", notes):
            self._react(reaction, place, notes)

    def _table(self, table: str, notes: Notes) -> Iterator[tuple[Fields, str]]:
        return objects(self._tree, "realm.json", f"{table}.item", notes)

    def _person(self, user: Fields, place: str, notes: Notes) -> Iterator[Person]:
        key = user.text("id")
        if not key:
            notes.wrong("a user without an id", place)
            return
        name = user.text("full_name") or user.text("email") or key
        is_bot = user.flag("is_bot") or not user.text("full_name")
        self._names[key] = name
        self._by_name.setdefault(name, key)
        yield Person(
            key,
            name,
            email="" if is_bot else user.text("delivery_email") or user.text("email"),
            disabled=is_bot or not user.flag("is_active"),
            is_member=not is_bot,
        )

    def _react(self, reaction: Fields, place: str, notes: Notes) -> None:
        emoji = ""
        if reaction.text("reaction_type") in {"", "unicode_emoji"}:
            try:
                emoji = checked_emoji("".join(chr(int(code, 16)) for code in reaction.text("emoji_code").split("-")))
            except (ValueError, OverflowError):
                emoji = ""
        if not emoji:
            notes.skip("reactions with a realm's own emoji", place)
            return
        self._reactions[reaction.text("message")].setdefault(emoji, []).append(reaction.text("user_profile"))

    def _stream(self, recipient: str, topic: str) -> Iterator[Conversation]:
        key = _stream_key(recipient, topic)
        if key in self._told:
            return
        self._told.add(key)
        stream = self._streams.get(self._recipients[recipient][1], Fields(None))
        title = stream.text("name") or f"stream {recipient}"
        archived = stream.flag("deactivated")
        yield Conversation(
            key=key,
            title=f"{title} › {topic}" if topic else title,
            topic=stream.text("description"),
            members=tuple(Membership(person, archived=archived) for person in self._subscribers[recipient]),
            owner=stream.text("creator"),
            created_at=0 if topic else microseconds(stream.number("date_created")),
        )

    def _direct(self, key: str, people: list[str]) -> Iterator[Conversation]:
        if key in self._told:
            return
        self._told.add(key)
        yield Conversation(
            key=key,
            title=", ".join(self._names.get(person, person) for person in people),
            direct=(people[0], people[-1]) if len(people) <= 2 else None,
            members=tuple(Membership(person) for person in people),
        )

    def _message(self, message: Fields, place: str, notes: Notes) -> Iterator[Read]:
        at, author = microseconds(message.number("date_sent")), message.text("sender")
        recipient = message.text("recipient")
        if not at or not author or recipient not in self._recipients or not message.text("id"):
            notes.wrong("a message without an id, a sender, a time (date_sent) or a known recipient", place)
            return
        if author not in self._names:
            self._names[author] = f"user {author}"
            yield Person(author, self._names[author], disabled=True, is_member=False)
        kind, type_id = self._recipients[recipient]
        topic = message.text("subject").strip()
        if kind == _STREAM_TYPE:
            own_group = topic if self._topics == "groups" else ""
            chat = _stream_key(recipient, own_group)
            yield from self._stream(recipient, own_group)
        else:
            people = sorted(
                {author, type_id} if kind == _PERSONAL else self._subscribers[recipient] or [author], key=_id
            )
            chat = "direct " + " ".join(people)
            yield from self._direct(chat, people)
        item = Item(chat, message.text("id"), at, author, place)
        is_new = kind == _STREAM_TYPE and self._topics == "lines" and self._topic_of.get(chat) != topic
        self._topic_of[chat] = topic
        yield self._filled(item, message, f"**{topic}**" if is_new and topic else "")

    def _filled(self, item: Item, message: Fields, heading: str) -> Item:
        content = message.text("content")
        found = _MENTION.findall(content)
        people = [key or self._by_name.get(name, "") for silent, name, key in found if not silent]
        files = tuple(self._file(label, path) for label, path in _UPLOAD.findall(content))
        text = _UPLOAD.sub(lambda match: "" if match[0] == content.strip() else match[1], content)
        text = _MENTION.sub(lambda match: "@" + (self._names.get(match[3] or "") or match[2]), text)
        text = with_emoji(_STREAM.sub(lambda match: "#" + match[1].replace(">", " › "), text))
        return replace(
            item,
            text=f"{heading}\n{text}".strip() if heading else text,
            mentions=tuple(dict.fromkeys(key for key in people if key in self._names)),
            mention_all=any(not silent and not key and name in _EVERYBODY for silent, name, key in found),
            files=files,
            reactions=tuple((emoji, tuple(users)) for emoji, users in self._reactions.pop(item.key, {}).items()),
            edited_at=microseconds(message.number("last_edit_time")),
        )

    def _file(self, label: str, path: str) -> Attachment:
        name = path.rpartition("/")[2] or label or "file"
        return Attachment(label or name, f"uploads/{path}" if self._tree.has(f"uploads/{path}") else "")


def _is_active(subscription: Fields) -> bool:
    return "active" not in subscription or subscription.flag("active")


def _stream_key(recipient: str, topic: str) -> str:
    return f"stream {recipient} {topic.casefold()}".strip()


def _id(key: str) -> tuple[int, str]:
    return (int(key) if key.isascii() and key.isdigit() else 0), key
