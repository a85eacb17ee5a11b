"""Bodies about messages."""

from typing import Annotated

from msgspec import Meta, field

from chatproto import limits
from chatproto.frames import Mentions
from chatproto.models import ClientId, FileId, Message, MessageRef, Seq, UserId, Wire


class MessagesPage(Wire, frozen=True, kw_only=True):
    """Messages of one chat in ascending order, deleted ones among them without their content.

    `has_more` is exact, in the direction asked for. With `around` it speaks of either, and `has_more_before` and
    `has_more_after` of each. Messages up to the seq `floor` were removed, see `Chat`.
    """

    messages: list[Message]
    has_more: bool
    has_more_before: bool | None = None
    has_more_after: bool | None = None
    floor: Seq = 0


class MessageRequest(Wire, frozen=True, kw_only=True):
    """A message to store in the chat that the address names; the fields are those of `Outgoing`.

    With a `client_id` it is stored at most once, however often it is sent. Without one, a request that is repeated
    because its answer was lost stores the message twice.
    """

    text: str = ""
    client_id: ClientId | None = None
    reply_to: Seq = 0
    mentions: Mentions = field(default_factory=list)
    mention_all: bool = False
    file_ids: Annotated[list[FileId], Meta(max_length=limits.MESSAGE_FILES_MAX)] = field(default_factory=list)
    forward: MessageRef | None = None


class EditRequest(Wire, frozen=True, kw_only=True):
    """The text and the mentions that a message has from now on."""

    text: str
    mentions: Mentions = field(default_factory=list)
    mention_all: bool = False


class PinnedMessages(Wire, frozen=True, kw_only=True):
    """The pinned messages of a chat, the one pinned last first."""

    messages: list[Message]


MessageIds = Annotated[
    list[Annotated[str, Meta(max_length=64)]],
    Meta(min_length=1, max_length=limits.SEEN_IDS_MAX, description="Ids of messages."),
]


class SeenRequest(Wire, frozen=True, kw_only=True):
    """Messages that the caller has seen. The marker moves to the last of them, never back."""

    message_ids: MessageIds


class SeenAnswer(Wire, frozen=True, kw_only=True):
    """Where the caller's marker stands, the counts after it, and the ids that are no messages of this chat."""

    seen: Seq
    unread: int
    mentions: int
    unknown: list[str]


class SeenByPage(Wire, frozen=True, kw_only=True):
    """Who has seen a message, ascending id; pass the last one as `after` for the next page."""

    user_ids: list[UserId]
    has_more: bool


class SeenMarker(Wire, frozen=True, kw_only=True):
    """How far one member has read."""

    user_id: UserId
    seen: Seq


class SeenMarkersPage(Wire, frozen=True, kw_only=True):
    """How far each member has read, ascending user id; pass the last one's as `after` for the next page."""

    markers: list[SeenMarker]
    has_more: bool
