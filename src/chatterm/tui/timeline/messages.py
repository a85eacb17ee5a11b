"""What the timeline is told to show, and what it says to the screen around it."""

from dataclasses import dataclass
from typing import NamedTuple

from textual.message import Message

from chatterm.client.model import Target


@dataclass(frozen=True, slots=True)
class ChatView:
    """One conversation on screen: its chat if there is one yet, and whose outbox rows belong to it.

    `title` names the conversation in the hint of an empty one; it may be text that somebody else set.
    """

    chat_id: int | None
    targets: tuple[Target, ...]
    title: str = ""


@dataclass
class HolesWanted(Message):
    """Events `first_seq`..`last_seq` are near what the reader sees and not cached. Posted once for a range."""

    chat_id: int
    first_seq: int
    last_seq: int


@dataclass
class SeenReached(Message):
    """The message at `seq`, and with it all before, was really on screen while the terminal had the focus."""

    chat_id: int
    seq: int


@dataclass
class NewBelow(Message):
    """So many events lie below everything that has been on screen; 0 when the newest was."""

    count: int


class Selected(NamedTuple):
    """A selected message: a stored one has a `seq` above 0, an unsent one only its `client_id`.

    `chat_id` is None in a conversation that has no chat yet.
    """

    chat_id: int | None
    seq: int
    client_id: bytes


@dataclass
class MessagesLeft(Message):
    """The reader is done with the messages: back to writing, or to the client list."""

    to_list: bool = False
