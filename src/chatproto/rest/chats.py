"""Bodies about chats."""

from typing import Annotated

from msgspec import Meta, field

from chatproto import limits
from chatproto.models import Chat, Seq, Time, UserId, Wire


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


class GroupPatch(Wire, frozen=True, kw_only=True):
    """A group's new title or topic; what is not given stays. A topic may be empty."""

    title: Annotated[str, Meta(max_length=limits.TITLE_MAX_CHARS)] | None = None
    topic: Annotated[str, Meta(max_length=limits.TOPIC_MAX_CHARS)] | None = None


class Member(Wire, frozen=True, kw_only=True):
    """A member of a chat. `joined_seq` is the seq of the event that added them, 0 for those who were there first."""

    user_id: UserId
    joined_seq: Seq = 0


class MembersPage(Wire, frozen=True, kw_only=True):
    """Members in ascending user id; pass the last one's id as `after` for the next page."""

    members: list[Member]
    has_more: bool


class AddMembersRequest(Wire, frozen=True, kw_only=True):
    """Users who shall be members of a group; those who are already are no error."""

    member_ids: Annotated[list[UserId], Meta(min_length=1, max_length=limits.GROUP_MEMBERS_MAX)]


class MembersAdded(Wire, frozen=True, kw_only=True):
    """Who of the users named was not a member before, and how many members there are now."""

    added: list[UserId]
    member_count: int


class OwnerRequest(Wire, frozen=True, kw_only=True):
    """The member who shall own the group."""

    user_id: UserId


class SettingsPatch(Wire, frozen=True, kw_only=True):
    """What the caller sets for a chat, for themselves alone; what is not given stays.

    `muted_until` 0 ends a muting.
    """

    pinned: bool | None = None
    muted_until: Time | None = None
    archived: bool | None = None
