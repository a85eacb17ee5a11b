"""The rules of the users' list: everybody on the server may look it up."""

from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.rest import UsersPage
from chatserver.store.base import Store


class Users:
    """The list of everybody with an account on this server; every user may read it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, user_id: int) -> User:
        """One user. Raises `userNotFound`."""
        account = await self._store.account(user_id)
        if account is None:
            raise ChatError("userNotFound")
        return account.user

    async def since(self, rev: int, limit: int) -> UsersPage:
        """Users changed after `rev`, in ascending rev."""
        users = await self._store.users_since(rev, limit + 1)
        return UsersPage(users=users[:limit], has_more=len(users) > limit)
