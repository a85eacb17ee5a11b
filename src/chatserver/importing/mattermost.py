"""Mattermost's bulk export: a JSONL file, and the content of files in `data/` beside it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace as with_fields
from typing import Any, Final

from msgspec.structs import replace

from chatserver.importing.fields import Fields, milliseconds
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
from chatserver.importing.texts import emoji_of, with_emoji
from chatserver.importing.tree import Tree

LINE_MAX: Final = 16 * 1_048_576
"""Bytes of one line: a post with all of its replies."""
_MENTION: Final = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*)", re.IGNORECASE)
_EVERYBODY: Final = frozenset({"all", "channel", "here"})
_JOINED: Final = frozenset({"system_join_channel", "system_add_to_channel", "system_join_team"})
_LEFT: Final = frozenset({"system_leave_channel", "system_remove_from_channel", "system_leave_team"})
_WITHOUT: Final = frozenset({"version", "role", "scheme", "emoji"})
"""Lines that describe what has no counterpart here."""


class MattermostSource:
    """See `Source`."""

    name = "mattermost"

    def __init__(self, tree: Tree) -> None:
        found = sorted((name.count("/"), name) for name in tree.names() if name.endswith(".jsonl"))
        if not found:
            raise ImportFailedError(
                "This is no bulk export of Mattermost: there is no .jsonl file. Give the ZIP file that "
                "'mmctl export download' saved, its folder, or the .jsonl file itself."
            )
        self._tree = tree
        self._lines_file = found[0][1]
        self._folder = self._lines_file.rpartition("/")[0]
        self._names: dict[str, str] = {}
        self._channels: dict[str, dict[str, Membership]] = {}
        self._described: dict[str, Fields] = {}
        self._directs: set[str] = set()
        self._teams: dict[str, str] = {}

    def read(self, notes: Notes) -> Iterator[Read]:
        for value, place in self._lines(notes):
            kind = value.text("type")
            if kind == "team":
                team = value.inner("team")
                self._teams[team.text("name")] = team.text("display_name") or team.text("name")
            elif kind == "channel":
                channel = value.inner("channel")
                self._described[_channel(channel.text("team"), channel.text("name"))] = channel
            elif kind == "user":
                yield from self._person(value.inner("user"), place, notes)
            elif kind == "bot":
                yield from self._bot(value.inner("bot"))
            elif kind in {"post", "direct_post"}:
                yield from self._post(value.inner(kind), place, notes, direct=kind == "direct_post")
            elif kind == "direct_channel":
                channel = value.inner(kind)
                people = channel.objects("participants")
                yield from self._direct(channel.texts("members") or [person.text("username") for person in people])
            elif kind in _WITHOUT:
                notes.skip(f"lines of type {kind}", place)
            else:
                notes.wrong(f"a line of unknown type {kind!r}", place)
        for key in {**self._described, **self._channels}:
            yield self._conversation(key)

    def _lines(self, notes: Notes) -> Iterator[tuple[Fields, str]]:
        with self._tree.open(self._lines_file) as stream:
            number = 0
            while line := stream.readline(LINE_MAX):
                number += 1
                place = f"{self._lines_file}:{number}"
                if len(line) == LINE_MAX and not line.endswith(b"\n"):
                    notes.wrong(f"a line of more than {LINE_MAX} bytes", place)
                    while (rest := stream.readline(LINE_MAX)) and not rest.endswith(b"\n"):
                        pass
                elif line.strip():
                    yield from _decoded(line, place, notes)

    def _person(self, user: Fields, place: str, notes: Notes) -> Iterator[Person]:
        key = user.text("username").lower()
        if not key:
            notes.wrong("a user without a username", place)
            return
        full = f"{user.text('first_name')} {user.text('last_name')}".strip()
        self._names[key] = name = user.text("nickname").strip() or full or key
        for team in user.objects("teams"):
            for channel in team.objects("channels"):
                place_of = _channel(team.text("name"), channel.text("name"))
                member = Membership(key, pinned=channel.flag("favorite"))
                self._channels.setdefault(place_of, {})[key] = member
        yield Person(key, name, user.text("email"), disabled=user.number("delete_at") > 0)

    def _bot(self, bot: Fields) -> Iterator[Person]:
        key = bot.text("username").lower()
        if key and key not in self._names:
            self._names[key] = bot.text("display_name").strip() or key
            yield Person(key, self._names[key], disabled=True, is_member=False)

    def _conversation(self, key: str) -> Conversation:
        channel = self._described.get(key, Fields(None))
        team, _, name = key.partition("/")
        title = channel.text("display_name") or name
        if len(self._teams) > 1:
            title = f"{title} ({self._teams.get(team, team)})"
        return Conversation(
            key=key,
            title=title,
            topic=channel.text("header") or channel.text("purpose"),
            members=tuple(
                with_fields(member, archived=channel.number("deleted_at") > 0)
                for member in self._channels.get(key, {}).values()
            ),
            created_at=0,
        )

    def _direct(self, members: list[str]) -> Iterator[Conversation]:
        people = sorted({member.lower() for member in members})
        key = _direct_key(people)
        if not people or key in self._directs:
            return
        self._directs.add(key)
        yield Conversation(
            key=key,
            title=", ".join(self._names.get(person, person) for person in people),
            direct=(people[0], people[-1]) if len(people) <= 2 else None,
            members=tuple(Membership(person) for person in people),
        )

    def _post(self, post: Fields, place: str, notes: Notes, *, direct: bool) -> Iterator[Read]:
        if direct:
            yield from self._direct(post.texts("channel_members"))
            chat = _direct_key(sorted({member.lower() for member in post.texts("channel_members")}))
        else:
            chat = _channel(post.text("team"), post.text("channel"))
            self._channels.setdefault(chat, {})
        yield from self._written(chat, post, "", place, notes)

    def _written(self, chat: str, post: Fields, reply_to: str, place: str, notes: Notes) -> Iterator[Read]:
        """A post and its replies."""
        at, author = milliseconds(post.number("create_at")), post.text("user").lower()
        if not at or not author or not chat.strip("/"):
            notes.wrong("a post without a channel, a user or a time (create_at)", place)
            return
        if author not in self._names:
            self._names[author] = author
            yield Person(author, author, disabled=True, is_member=False)
        item = Item(chat, f"{at} {author}", at, author, place, reply_to=reply_to)
        yield self._filled(item, post, notes)
        for reply in post.objects("replies"):
            yield from self._written(chat, reply, item.key, place, notes)

    def _filled(self, item: Item, post: Fields, notes: Notes) -> Item:
        kind = post.text("type")
        if post.number("delete_at") > 0:
            return replace(item, kind="deleted")
        if kind in _JOINED or kind in _LEFT:
            return self._moved(item, post.inner("props"), joined=kind in _JOINED)
        edited = milliseconds(post.number("edit_at"))
        text, mentions, everybody = self._text(post)
        return replace(
            item,
            text="/me " + text.strip("*") if kind == "me" else text,
            mentions=mentions,
            mention_all=everybody,
            files=tuple(self._file(file) for file in post.objects("attachments")),
            reactions=self._reactions(post, item.place, notes),
            edited_at=edited if edited > item.at else 0,
            pinned=post.flag("is_pinned"),
        )

    def _moved(self, item: Item, props: Fields, *, joined: bool) -> Item:
        """Somebody came or went, by themselves or by another's doing."""
        named = [props.text(field).lower() for field in ("addedUsername", "removedUsername", "username")]
        who = tuple(name for name in named if name in self._names)[:1] or (item.author,)
        return replace(item, kind="members", added=who if joined else (), removed=() if joined else who)

    def _text(self, post: Fields) -> tuple[str, tuple[str, ...], bool]:
        lines = [post.text("message")]
        for part in post.inner("props").objects("attachments"):  # of webhooks, as Slack has them
            title = part.text("title")
            lines += [part.text("pretext"), title, part.text("text") or ("" if title else part.text("fallback"))]
            lines += [f"{field.text('title')}: {field.text('value')}" for field in part.objects("fields")]
        text = "\n".join(line for line in lines if line.strip())
        named = [name.lower().rstrip("._-") for name in _MENTION.findall(text)]
        mentions = tuple(dict.fromkeys(name for name in named if name in self._names))
        return with_emoji(_MENTION.sub(self._mention, text)), mentions, any(name in _EVERYBODY for name in named)

    def _mention(self, found: re.Match[str]) -> str:
        name = found[1].lower().rstrip("._-")
        return f"@{self._names[name]}{found[1][len(name) :]}" if name in self._names else found[0]

    def _file(self, file: Fields) -> Attachment:
        path = file.text("path")
        name = path.rpartition("/")[2] or "file"
        for folder in dict.fromkeys((f"{self._folder}/data/", f"{self._folder}/", "data/", "")):
            if self._tree.has((folder + path).lstrip("/")):
                return Attachment(name, (folder + path).lstrip("/"))
        return Attachment(name)

    def _reactions(self, post: Fields, place: str, notes: Notes) -> tuple[tuple[str, tuple[str, ...]], ...]:
        found: dict[str, list[str]] = {}
        for reaction in post.objects("reactions"):
            emoji = emoji_of(reaction.text("emoji_name"))
            if emoji:
                found.setdefault(emoji, []).append(reaction.text("user").lower())
            else:
                notes.skip("reactions with a server's own emoji", place)
        return tuple((emoji, tuple(users)) for emoji, users in found.items())


def _decoded(line: bytes, place: str, notes: Notes) -> Iterator[tuple[Fields, str]]:
    try:
        value: Any = json.loads(line)  # it takes halves of surrogate pairs, which stricter readers refuse
    except (ValueError, RecursionError) as error:
        notes.wrong(f"broken JSON ({str(error)[:80]})", place)
        return
    if not isinstance(value, dict):
        notes.wrong("not an object", place)
        return
    yield Fields(value), place


def _channel(team: str, name: str) -> str:
    return f"{team}/{name}"


def _direct_key(people: list[str]) -> str:
    return "direct " + " ".join(people)
