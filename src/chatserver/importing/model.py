"""What every source says, in the words of this program: people, conversations, events, and what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from chatproto.models import Change


class ImportFailedError(Exception):
    """The import cannot go on; the text says why, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes or is named. `key` is the source's id; without an `email` an account is made up.

    `is_member` is false for people who are known only by what they wrote, such as nicks in a log.
    """

    key: str
    name: str = ""
    email: str = ""
    status: str = ""
    disabled: bool = False
    deleted: bool = False
    is_member: bool = True


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of a conversation by the person's key; the rest as `store.interfaces.imports.ImportedMember`."""

    person: str
    joined_seq: int = 0
    seen: int | None = None
    pinned: bool = False
    muted_until: int = 0
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat. `direct` are the keys of its two people; times are in microseconds since 1970 UTC, 0 if unknown.

    `has_start`: its items tell of its beginning (`created`) themselves.
    """

    key: str
    title: str = ""
    topic: str = ""
    direct: tuple[str, str] | None = None
    members: tuple[Membership, ...] = ()
    owner: str = ""
    created_at: int = 0
    has_start: bool = False


class Attachment(msgspec.Struct, frozen=True, array_like=True):
    """A file of a message: where the source has its content (`path`, empty if it has none), or where it once was."""

    name: str
    path: str = ""
    url: str = ""


ItemKind = Literal["message", "deleted", "created", "members", "chatChanged", "changed"]


class Item(msgspec.Struct, frozen=True, array_like=True):
    """An event of a conversation. `key` is its own within the conversation, and `place` where it was read.

    People are given by their keys, other items by theirs. Two items with one key at one time are two events.
    """

    chat: str
    key: str
    at: int
    author: str
    place: str
    kind: ItemKind = "message"
    text: str = ""
    reply_to: str = ""
    mentions: tuple[str, ...] = ()
    mention_all: bool = False
    files: tuple[Attachment, ...] = ()
    reactions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    edited_at: int = 0
    pinned: bool = False
    forwarded: tuple[str, int] | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    owner: str = ""
    title: str | None = None
    topic: str | None = None
    target: str = ""
    change: Change = "edited"
    emoji: str = ""


Read = Person | Conversation | Item


class Notes(Protocol):
    """Hears of everything that is not taken over as it is."""

    def skip(self, reason: str, place: str) -> None:
        """Something was understood, and has no counterpart here."""
        ...

    def wrong(self, reason: str, place: str) -> None:
        """Something could not be read. Raises `ImportFailedError` unless the import is to go on."""
        ...

    def warn(self, text: str) -> None:
        """Something that the owner should know of the whole."""
        ...


class Source(Protocol):
    """One export that is read. `name` tells it from others, so that ids of two of them do not meet."""

    @property
    def name(self) -> str: ...

    def read(self, notes: Notes) -> Iterator[Read]:
        """Everything in any order, but items of one time in theirs. Raises `ImportFailedError`."""
        ...
