"""Bodies of the REST API that are not already nouns of the protocol."""

from typing import Annotated

from msgspec import Meta, field

from chatproto import limits
from chatproto.errors import ErrorInfo
from chatproto.models import Chat, Message, SessionId, Time, User, UserId, Wire


class LoginRequest(Wire, frozen=True, kw_only=True):
    """Email and password of an account, and a name for this device."""

    email: Annotated[str, Meta(max_length=limits.EMAIL_MAX_CHARS)]
    password: Annotated[str, Meta(max_length=limits.PASSWORD_MAX_CHARS)]
    device: Annotated[str, Meta(max_length=limits.DEVICE_MAX_CHARS)] = ""


class RefreshRequest(Wire, frozen=True, kw_only=True):
    """The newest refresh token of a session."""

    refresh_token: Annotated[str, Meta(max_length=512)]


class Tokens(Wire, frozen=True, kw_only=True):
    """A session's tokens. The refresh token is replaced by every refresh; keep only the newest."""

    access_token: str
    access_expires_at: Time
    refresh_token: str
    session_id: SessionId
    user: User


class UsersPage(Wire, frozen=True, kw_only=True):
    """Users in ascending `rev`; pass the last one's `rev` as `since` for the next page."""

    users: list[User]
    has_more: bool


class ChatsPage(Wire, frozen=True, kw_only=True):
    """Chats in ascending id; pass the last one's id as `after` for the next page."""

    chats: list[Chat]
    has_more: bool


class MessagesPage(Wire, frozen=True, kw_only=True):
    """Messages of one chat in ascending order; `has_more` is exact, in the direction asked for."""

    messages: list[Message]
    has_more: bool


class DirectChatRequest(Wire, frozen=True, kw_only=True, tag_field="kind", tag="direct"):
    """Open the direct chat with a user; there is at most one, so this is idempotent."""

    user_id: UserId


class GroupChatRequest(Wire, frozen=True, kw_only=True, tag_field="kind", tag="group"):
    """Make a group of the caller and these members."""

    title: Annotated[str, Meta(max_length=limits.TITLE_MAX_CHARS)]
    member_ids: Annotated[list[UserId], Meta(max_length=limits.GROUP_MEMBERS_MAX)] = field(default_factory=list)


ChatRequest = DirectChatRequest | GroupChatRequest


class Health(Wire, frozen=True, kw_only=True):
    """The process is alive and this is what it is."""

    status: str
    version: str
    protocol: int
    epoch: str


class ErrorBody(Wire, frozen=True, kw_only=True):
    """The body of every refused request."""

    error: ErrorInfo
