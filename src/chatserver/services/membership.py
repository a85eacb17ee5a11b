"""Who may read a chat: whoever is a member, before and after the reading."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from chatproto.errors import ChatError
from chatserver.store.base import Store

T = TypeVar("T")


async def check_member(store: Store, user_id: int, chat_id: int) -> None:
    """Raises `notMember`."""
    if not await store.is_member(user_id, chat_id):
        raise ChatError("notMember")


async def read_as_member(store: Store, user_id: int, chat_id: int, read: Callable[[], Awaitable[T]]) -> T:
    """What `read` finds in a chat, if the user is a member of it. Raises `notMember`, and what `read` raises.

    Checked first, so that a stranger's request does the same work whether there is such a chat or not; and
    again at the end, because what was read may be newer than the end of the membership.
    """
    await check_member(store, user_id, chat_id)
    found = await read()
    await check_member(store, user_id, chat_id)
    return found
