"""Bodies about chats."""

from typing import Annotated

from msgspec import Meta, field

from chatproto import limits
from chatproto.models import Chat, UserId, Wire


class ChatsPage(Wire, frozen=True, kw_only=True):
    """Chats in ascending id; pass the last one's id as `after` for the next page."""

    chats: list[Chat]
    has_more: bool


class DirectChatRequest(Wire, frozen=True, kw_only=True, tag_field="kind", tag="direct"):
    """Open the direct chat with a user; there is at most one, so this is idempotent."""

    user_id: UserId


class GroupChatRequest(Wire, frozen=True, kw_only=True, tag_field="kind", tag="group"):
    """Make a group of the caller and these members."""

    title: Annotated[str, Meta(max_length=limits.TITLE_MAX_CHARS)]
    member_ids: Annotated[list[UserId], Meta(max_length=limits.GROUP_MEMBERS_MAX)] = field(default_factory=list)


ChatRequest = DirectChatRequest | GroupChatRequest
