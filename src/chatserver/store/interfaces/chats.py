"""What every backend guarantees about chats, their members, and what is a member's own in them."""

from collections.abc import Collection, Sequence
from typing import Protocol

from chatproto.models import Chat, ChatHead
from chatproto.rest import Member, SettingsPatch


class ChatStore(Protocol):
    """Direct chats, groups and memberships.

    Every change of a group's members, title or topic is an event of its log, which takes its seq in the same
    transaction; a change that would change nothing makes no event. A user's joining and leaving, and what
    they set for themselves, take positions in the user's own log.
    """

    async def open_direct(self, user_id: int, peer_id: int) -> Chat:
        """The direct chat of two users, as `user_id` sees it; made if missing. Raises `userNotFound`.

        With `peer_id` the user themselves: their notes, a direct chat with one member.
        """
        ...

    async def create_group(self, creator_id: int, title: str, member_ids: Sequence[int]) -> Chat:
        """A group of creator, who owns it, and members; its log begins with `created`. Raises `membersInvalid`."""
        ...

    async def add_members(self, actor_id: int, chat_id: int, user_ids: Collection[int]) -> list[int]:
        """Add users to a group of the actor's, all or none; returns those who were not members before. Idempotent.

        A new member has seen everything up to the event that added them. Raises `notMember`, `notGroup`,
        `membersInvalid` (some do not exist) or `groupFull`.
        """
        ...

    async def remove_member(self, actor_id: int, chat_id: int, user_id: int) -> None:
        """End a membership: the owner's choice, or one's own. Nothing happens if the user is no member.

        A member who owned the group is succeeded by the one of longest standing (then of the lowest id). The
        group stays when its last member leaves. Raises `notMember`, `notGroup` or `notOwner`.
        """
        ...

    async def hand_over(self, actor_id: int, chat_id: int, user_id: int) -> None:
        """Make another member the group's owner. Raises `notMember`, `notGroup`, `notOwner`, `memberNotFound`."""
        ...

    async def describe_group(
        self, actor_id: int, chat_id: int, *, title: str | None = None, topic: str | None = None
    ) -> None:
        """Replace what is given (normalised). Raises `notMember`, `notGroup` or `notOwner`. Idempotent."""
        ...

    async def set_chat_settings(self, user_id: int, chat_id: int, wanted: SettingsPatch) -> None:
        """Replace what is given of the user's own settings. Raises `notMember`. Idempotent."""
        ...

    async def chat(self, user_id: int, chat_id: int) -> Chat | None:
        """A chat as a member sees it; None also if the user is no member."""
        ...

    async def chats(self, user_id: int, after: int, limit: int) -> list[Chat]:
        """The user's chats with a higher id, ascending, at most `limit`."""
        ...

    async def chat_ids(self, user_id: int) -> list[int]:
        """Ids of all chats the user is a member of."""
        ...

    async def is_member(self, user_id: int, chat_id: int) -> bool: ...

    async def members(self, viewer_id: int, chat_id: int, after: int, limit: int) -> list[Member]:
        """Members with a higher user id, ascending, at most `limit`. Raises `notMember` unless the viewer is one."""
        ...

    async def heads(self, user_id: int, useq: int, cursors: Sequence[tuple[int, int]]) -> tuple[int, list[ChatHead]]:
        """The user's current useq, and the head of each chat whose head differs from the cursor (absent: 0),
        whose chat is not in `cursors`, or that has an entry in the user log after `useq`.
        """
        ...

    async def left_since(self, user_id: int, useq: int) -> list[int]:
        """Chats that the user left after `useq` and is not a member of now. The useq of an earlier `heads` holds."""
        ...
