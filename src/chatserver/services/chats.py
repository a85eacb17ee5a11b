"""The rules of chats: what a user may open, make and look up, and who may change a group."""

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import Chat
from chatproto.rest import (
    ChatsPage,
    DirectChatRequest,
    GroupChatRequest,
    GroupPatch,
    MembersAdded,
    MembersPage,
    SettingsPatch,
)
from chatproto.text import normalize_title, normalize_topic
from chatserver.store.base import Store


class Chats:
    """Chats as their members see them. A chat of others looks exactly like one that does not exist.

    Every member of a group may add members; its owner may rename it, remove members and choose another owner.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self, user_id: int, request: DirectChatRequest | GroupChatRequest) -> Chat:
        """Open the direct chat with a user (idempotent), or make a group.

        Raises `userNotFound`, `titleInvalid` or `membersInvalid`.
        """
        if isinstance(request, DirectChatRequest):
            return await self._store.open_direct(user_id, request.user_id)
        title = normalize_title(request.title)
        members = set(request.member_ids) - {user_id}
        if not members or len(members) >= limits.GROUP_MEMBERS_MAX:
            raise ChatError("membersInvalid")
        return await self._store.create_group(user_id, title, sorted(members))

    async def get(self, user_id: int, chat_id: int) -> Chat:
        """A chat of the user. Raises `notMember`."""
        chat = await self._store.chat(user_id, chat_id)
        if chat is None:
            raise ChatError("notMember")
        return chat

    async def page(self, user_id: int, after: int, limit: int) -> ChatsPage:
        """The user's chats in ascending id."""
        chats = await self._store.chats(user_id, after, limit + 1)
        return ChatsPage(chats=chats[:limit], has_more=len(chats) > limit)

    async def describe(self, user_id: int, chat_id: int, wanted: GroupPatch) -> Chat:
        """Give a group another title or topic; what it has already changes nothing.

        Raises `titleInvalid`, `topicInvalid`, `notMember`, `notGroup` or `notOwner`.
        """
        title = None if wanted.title is None else normalize_title(wanted.title)
        topic = None if wanted.topic is None else normalize_topic(wanted.topic)
        await self._store.describe_group(user_id, chat_id, title=title, topic=topic)
        return await self.get(user_id, chat_id)

    async def members(self, user_id: int, chat_id: int, after: int, limit: int) -> MembersPage:
        """Members of a chat of the user, in ascending user id. Raises `notMember`."""
        members = await self._store.members(user_id, chat_id, after, limit + 1)
        return MembersPage(members=members[:limit], has_more=len(members) > limit)

    async def add_members(self, user_id: int, chat_id: int, member_ids: list[int]) -> MembersAdded:
        """Add users to a group, all or none of them. Idempotent.

        Raises `notMember`, `notGroup`, `membersInvalid` or `groupFull`.
        """
        added = await self._store.add_members(user_id, chat_id, member_ids)
        return MembersAdded(added=added, member_count=(await self.get(user_id, chat_id)).member_count)

    async def remove_member(self, user_id: int, chat_id: int, member_id: int) -> None:
        """Remove a member as the owner, or leave. Removing somebody who is no member changes nothing.

        Raises `notMember`, `notGroup` or `notOwner`.
        """
        await self._store.remove_member(user_id, chat_id, member_id)

    async def hand_over(self, user_id: int, chat_id: int, owner_id: int) -> Chat:
        """Make another member the owner. Raises `notMember`, `notGroup`, `notOwner` or `memberNotFound`."""
        await self._store.hand_over(user_id, chat_id, owner_id)
        return await self.get(user_id, chat_id)

    async def set_own(self, user_id: int, chat_id: int, wanted: SettingsPatch) -> Chat:
        """Change what the user has set for a chat, on all of their devices. Raises `notMember`. Idempotent."""
        await self._store.set_chat_settings(user_id, chat_id, wanted)
        return await self.get(user_id, chat_id)
