"""The rules of chats: what a user may open, make and look up."""

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import Chat
from chatproto.rest import ChatsPage, DirectChatRequest, GroupChatRequest
from chatproto.text import normalize_title
from chatserver.store.base import Store


class Chats:
    """Chats as their members see them. A chat of others looks exactly like one that does not exist."""

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
