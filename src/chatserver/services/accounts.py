"""Accounts: making users and setting their passwords."""

from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.text import normalize_email, normalize_name
from chatserver.services.passwords import PasswordPool, check_length
from chatserver.store.base import Store


class Accounts:
    """Users as the server's owner manages them. All users are equal: there are no roles."""

    def __init__(self, store: Store, passwords: PasswordPool) -> None:
        self._store = store
        self._passwords = passwords

    async def create(self, email: str, display_name: str, password: str) -> User:
        """Add a user. Raises `emailInvalid`, `nameInvalid`, `passwordInvalid` or `emailTaken`."""
        email = normalize_email(email)
        display_name = normalize_name(display_name)
        check_length(password)
        if await self._store.account_by_email(email) is not None:
            # Known before the costly hash; the store decides for good when two do it at once.
            raise ChatError("emailTaken")
        return await self._store.create_user(email, display_name, await self._passwords.hash(password))

    async def set_password(self, email: str, password: str) -> User:
        """Replace a user's password and end all of the user's sessions in the same commit.

        Raises `emailInvalid`, `userNotFound` or `passwordInvalid`.
        """
        user = await self.find(email)
        password_hash = await self._passwords.hash(password)
        await self._store.set_password_hash(user.id, password_hash, revoke_sessions=True)
        return user

    async def find(self, email: str) -> User:
        """The user with an address in any spelling. Raises `emailInvalid` or `userNotFound`."""
        account = await self._store.account_by_email(normalize_email(email))
        if account is None:
            raise ChatError("userNotFound")
        return account.user
