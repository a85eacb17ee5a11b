"""Completion: what the token at the cursor may become, best first."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from chatproto.text import terminal_safe
from chatterm.client.model import EntryRef
from chatterm.client.ports import Engine
from chatterm.tui import fuzzy
from chatterm.tui.actions import ACTIONS, Action, of_command
from chatterm.tui.writing.emojis import Emojis
from chatterm.tui.writing.marks import EVERYBODY
from chatterm.tui.writing.mentions import ALL
from chatterm.tui.writing.people import People
from chatterm.tui.writing.tokens import CHAT, COMMAND, MEMBER, OR, PERSON, Token, first_argument

CHOICES_MAX: Final = 50
"""More choices are not offered: another letter finds them sooner than the arrow keys."""
OTHERS_BELOW: Final = 8
"""Others are offered only if fewer members than this fit."""
_SCANNED_MAX: Final = 2_000
"""Entries of a folder that are looked at."""


class Choice(NamedTuple):
    """What a token may become. `label`, `detail` and `sign` are safe for a terminal; `insert` is as it is put in.

    `user_id` is set for mentions. `goes_on`: there is more to complete after it, so no blank follows.
    """

    insert: str
    label: str
    detail: str = ""
    sign: str = ""
    user_id: int | None = None
    goes_on: bool = False


class Completion:
    """Finds choices for a token in one conversation."""

    def __init__(self, engine: Engine, people: People, emojis: Emojis) -> None:
        self._engine = engine
        self._people = people
        self._emojis = emojis

    def choices(self, token: Token, ref: EntryRef | None) -> list[Choice]:
        """What the token may become, the best first, at most `CHOICES_MAX`."""
        match token.kind:
            case "command":
                found: Iterator[Choice] = iter(commands(token.needle))
            case "emoji":
                found = (
                    Choice(each.char, f":{each.name}:", sign=each.char) for each in self._emojis.search(token.needle)
                )
            case "person":
                found = self._mentions(token.needle, ref)
            case _:
                found = self._arguments(token, ref)
        return list(itertools.islice(found, CHOICES_MAX))

    # --- mentions

    def _mentions(self, needle: str, ref: EntryRef | None) -> Iterator[Choice]:
        """Members, everybody, then others, who can be named but are not told of it."""
        if ref is None or needle.startswith(" "):
            return
        members = self._people.members(ref)
        everybody = self._everybody(needle, ref)
        if needle.casefold() == ALL:
            yield from everybody
        shown: set[int] = set()
        for user in self._people.members_like(ref, needle):
            shown.add(user.id)
            yield self._mention(user.id, user.display_name, user.email)
        if needle.casefold() != ALL:
            yield from everybody
        if not needle or len(shown) >= OTHERS_BELOW:
            return
        for entry in self._people.entries_like(needle, groups=False, least=fuzzy.AT_WORD):
            if entry.peer_id is not None and entry.peer_id not in shown:
                if members.complete:
                    yield Choice(f"@{entry.name}", terminal_safe(entry.name), "not in this chat", "·")
                else:
                    yield self._mention(entry.peer_id, entry.name, entry.email)

    def _everybody(self, needle: str, ref: EntryRef) -> list[Choice]:
        chat = self._engine.cache.chat(ref.id) if ref.kind == "chat" else None
        if chat is None or chat.kind != "group" or not ALL.startswith(needle.casefold()):
            return []
        return [Choice(f"@{ALL}", ALL, f"everybody here, {chat.member_count:,} members", "@", EVERYBODY)]

    def _mention(self, user_id: int, name: str, email: str) -> Choice:
        return Choice(f"@{name}", terminal_safe(name), terminal_safe(email), "@", user_id)

    # --- arguments of commands

    def _arguments(self, token: Token, ref: EntryRef | None) -> Iterator[Choice]:
        action = of_command(token.command)
        kind = first_argument(action) if action is not None else ""
        if kind == MEMBER and ref is not None:
            for user in self._people.members_like(ref, token.needle):
                yield self._named(user.display_name, user.email)
        elif kind in (PERSON, CHAT):
            for entry in self._people.entries_like(token.needle, groups=kind == CHAT):
                yield self._named(entry.name, entry.email)

        elif kind == COMMAND:
            for choice in commands(token.needle.removeprefix("/")):
                yield choice._replace(insert=choice.insert.removeprefix("/"), goes_on=True)
        elif OR in kind:
            words = [word for word in kind.split(OR) if not word.isupper()]
            yield from (Choice(word, word, goes_on=True) for word in words if word.startswith(token.needle.casefold()))

    def _named(self, name: str, email: str) -> Choice:
        """A person by name, or by address where a name would not say who is meant."""
        unique = len(self._engine.cache.users_by_name(name)) <= 1 and "," not in name
        return Choice(name if unique or not email else email, terminal_safe(name), terminal_safe(email))


def commands(needle: str) -> list[Choice]:
    """Commands that begin with the needle, then those that hold it; each by its first fitting name."""
    needle = needle.casefold()
    found: list[tuple[int, str, Action]] = []
    for action in ACTIONS:
        ranks = [(0 if name.startswith(needle) else 1, name) for name in action.commands if needle in name]
        if ranks:
            found.append((*min(ranks), action))
    found.sort(key=lambda item: item[:2])
    return [
        Choice(f"/{name}", f"/{name} {action.argument}".rstrip(), action.title, goes_on=not action.argument)
        for _, name, action in found
    ]


def paths(needle: str) -> Iterator[Choice]:
    """Files and folders whose path begins with the needle; hidden ones only if it asks for them. Reads the disk."""
    folder_text, slash, beginning = needle.rpartition("/")
    try:
        folder = Path(folder_text + slash or ".").expanduser()
        names = sorted(itertools.islice(folder.iterdir(), _SCANNED_MAX), key=lambda path: path.name.casefold())
    except (OSError, RuntimeError, ValueError):  # no such folder, not readable, no such home, a zero byte
        return
    for path in names:
        if fuzzy.fold(path.name).startswith(fuzzy.fold(beginning)) and (beginning or not path.name.startswith(".")):
            is_folder = path.is_dir()
            shown = path.name + ("/" if is_folder else "")
            yield Choice(folder_text + slash + shown, terminal_safe(shown), goes_on=True)
