"""Slack's export: users.json, the lists of conversations, and one JSON file for each of their days."""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit, urlunsplit

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
from chatserver.importing.slack_text import SlackText
from chatserver.importing.texts import emoji_of
from chatserver.importing.tree import Tree

_LISTS: Final = ("channels.json", "groups.json", "mpims.json", "dms.json")
_DAY: Final = re.compile(r"(?P<folder>[^/]+)/\d{4}-\d\d-\d\d\.json")
_UPLOADS: Final = ("__uploads", "attachments", "files")
"""Folders in which tools that fetch files of an export put them, by the file's id."""
_JOINED: Final = frozenset({"channel_join", "group_join"})
_LEFT: Final = frozenset({"channel_leave", "group_leave"})
_TOPIC: Final = frozenset({"channel_topic", "group_topic"})
_RENAMED: Final = frozenset({"channel_name", "group_name"})
_SLACKBOT: Final = "USLACKBOT"
"""Never among the users."""


class SlackSource:
    """See `Source`."""

    def __init__(self, tree: Tree) -> None:
        if not any(tree.enter(marker) for marker in ("users.json", "org_users.json")):
            raise ImportFailedError(
                "This is no Slack export: there is no users.json. Give the ZIP file as Slack made it, or its folder."
            )
        self._tree = tree
        self._names: dict[str, str] = {}
        self._titles: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._pins: set[tuple[str, str]] = set()
        self._text = SlackText(self._names, self._titles)
        self._team = ""

    @property
    def name(self) -> str:
        return f"slack {self._team}".strip()

    def read(self, notes: Notes) -> Iterator[Read]:
        for file in ("users.json", "org_users.json"):
            if self._tree.has(file):
                for user, place in objects(self._tree, file, "item", notes):
                    yield from self._person(user, place, notes)
        for file in _LISTS:
            if self._tree.has(file):
                for chat, place in objects(self._tree, file, "item", notes):
                    yield from self._conversation(file, chat, place, notes)
        yield from self._days(notes)

    def _person(self, user: Fields, place: str, notes: Notes) -> Iterator[Person]:
        key, profile = user.text("id"), user.inner("profile")
        if not key:
            notes.wrong("a user without an id", place)
            return
        self._team = self._team or user.text("team_id")
        names = (profile.text("display_name"), profile.text("real_name"), user.text("real_name"), user.text("name"))
        self._names[key] = name = next((name for name in names if name.strip()), key)
        is_bot = user.flag("is_bot") or key == _SLACKBOT
        yield Person(
            key=key,
            name=name,
            email="" if is_bot else profile.text("email"),
            disabled=user.flag("deleted") or is_bot or not profile.text("email"),
            is_member=not is_bot,
        )

    def _conversation(self, file: str, chat: Fields, place: str, notes: Notes) -> Iterator[Conversation]:
        key, members = chat.text("id"), chat.texts("members")
        if not key:
            notes.wrong("a conversation without an id", place)
            return
        self._folders[key] = key
        if chat.text("name"):
            self._folders[chat.text("name")] = key
        self._pins.update((key, pin.text("id")) for pin in chat.objects("pins"))
        direct = None
        if file == "dms.json" and 1 <= len(members) <= 2:
            direct = (members[0], members[-1])
        named = file in {"dms.json", "mpims.json"}
        title = ", ".join(self._names.get(member, member) for member in members) if named else chat.text("name")
        self._titles[key] = title
        yield Conversation(
            key=key,
            title=title or key,
            topic=self._text.convert(chat.inner("topic").text("value") or chat.inner("purpose").text("value")).text,
            direct=direct,
            members=tuple(Membership(member, archived=chat.flag("is_archived")) for member in members),
            owner=chat.text("creator"),
            created_at=microseconds(chat.number("created")),
        )

    def _days(self, notes: Notes) -> Iterator[Read]:
        unknown: set[str] = set()
        for name in self._tree.names():
            found = _DAY.fullmatch(name)
            if found is None:
                continue
            chat = self._folders.get(found["folder"])
            if chat is None:
                chat = self._folders[found["folder"]] = "folder " + found["folder"]
                unknown.add(found["folder"])
                yield Conversation(key=chat, title=found["folder"])
            for message, place in objects(self._tree, name, "item", notes):
                yield from self._message(chat, message, place, notes)
        for folder in sorted(unknown):
            notes.warn(f"The folder {folder} is in no list of conversations; its members are those who wrote in it.")

    def _message(self, chat: str, message: Fields, place: str, notes: Notes) -> Iterator[Read]:
        at = _time(message.text("ts"))
        if not at:
            notes.wrong("a message without a time (ts)", place)
            return
        author = message.text("user") or message.inner("user_profile").text("id")
        if not author:
            author = "bot " + (message.text("bot_id") or message.text("username") or "unknown")
        if author not in self._names:
            yield self._unknown(author, message)
        yield from self._events(chat, message, Item(chat, message.text("ts"), at, author, place), notes)

    def _unknown(self, author: str, message: Fields) -> Person:
        """Somebody who is not in users.json: an integration, or a guest of another workspace."""
        profile = message.inner("user_profile")
        names = (
            "Slackbot" if author == _SLACKBOT else "",
            message.text("username"),
            message.inner("bot_profile").text("name"),
            profile.text("real_name"),
        )
        self._names[author] = name = next((name for name in names if name.strip()), author)
        return Person(author, name, disabled=True, is_member=False)

    def _events(self, chat: str, message: Fields, base: Item, notes: Notes) -> Iterator[Item]:
        subtype = message.text("subtype")
        who = (base.author,)
        if subtype in _JOINED | _LEFT:
            joined = subtype in _JOINED
            yield replace(base, kind="members", added=who if joined else (), removed=() if joined else who)
        elif subtype in _TOPIC and "topic" in message:
            yield replace(base, kind="chatChanged", topic=self._text.convert(message.text("topic")).text)
        elif subtype in _RENAMED and message.text("name"):
            yield replace(base, kind="chatChanged", title=message.text("name"))
        elif subtype == "tombstone":
            yield replace(base, kind="deleted")
        else:
            yield self._written(chat, message, base, notes)

    def _written(self, chat: str, message: Fields, base: Item, notes: Notes) -> Item:
        text = self._text.convert(message.text("text"))
        shown = [text.text, *(self._attached(part) for part in message.objects("attachments"))]
        if message.text("subtype") == "me_message":
            shown[0] = "/me " + shown[0]
        thread = message.text("thread_ts")
        return replace(
            base,
            text="\n".join(part for part in shown if part.strip()),
            reply_to=thread if thread != message.text("ts") else "",
            mentions=text.mentions,
            mention_all=text.mention_all,
            files=tuple(self._file(file) for file in message.objects("files")),
            reactions=self._reactions(message, base.place, notes),
            edited_at=_time(message.inner("edited").text("ts")),
            pinned=(chat, message.text("ts")) in self._pins or bool(message.texts("pinned_to")),
        )

    def _attached(self, part: Fields) -> str:
        """What an integration has attached; unfurled links say nothing that the link does not."""
        if part.text("from_url") or part.text("original_url"):
            return ""
        title = part.text("title")
        link = part.text("title_link")
        lines = [part.text("pretext"), f"<{link}|{title}>" if title and link else title, part.text("text")]
        lines += [f"{field.text('title')}: {field.text('value')}" for field in part.objects("fields")]
        converted = [self._text.convert(line).text for line in lines if line]
        return "\n".join(converted) or self._text.convert(part.text("fallback")).text

    def _file(self, file: Fields) -> Attachment:
        name = file.text("name") or file.text("title") or file.text("id") or "file"
        for folder in _UPLOADS:
            for path in (f"{folder}/{file.text('id')}/{name}", f"{folder}/{file.text('id')}-{name}"):
                if self._tree.has(path):
                    return Attachment(name, path)
        return Attachment(name, url=_public(file.text("url_private") or file.text("permalink")))

    def _reactions(self, message: Fields, place: str, notes: Notes) -> tuple[tuple[str, tuple[str, ...]], ...]:
        found: list[tuple[str, tuple[str, ...]]] = []
        for reaction in message.objects("reactions"):
            emoji = emoji_of(reaction.text("name"))
            if emoji:
                found.append((emoji, tuple(reaction.texts("users"))))
            else:
                notes.skip("reactions with a workspace's own emoji", place)
        return tuple(found)


def _time(ts: str) -> int:
    """`1355517523.000005`, exactly."""
    whole, _, part = ts.partition(".")
    if not (
        whole.isascii() and whole.isdigit() and len(whole) < 12 and (part or "0").isascii() and (part or "0").isdigit()
    ):
        return 0
    return int(whole) * 1_000_000 + int((part + "000000")[:6])


def _public(url: str) -> str:
    """A link without what lets anybody in who has it: exports carry tokens in the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")) if parts.scheme in {"http", "https"} else ""
