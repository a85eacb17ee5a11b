"""Accounts: making, changing, disabling and deleting them, by their owners and by the server's owner."""

from typing import Literal

from msgspec import UNSET

from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.rest import ProfileRequest, RegisterRequest, Tokens
from chatproto.text import normalize_email, normalize_name, normalize_status
from chatserver.clock import Clock, now_us
from chatserver.services.auth import Authenticator
from chatserver.services.codes import code_hash
from chatserver.services.erasure import Eraser
from chatserver.services.passwords import PasswordPool, check_length
from chatserver.services.tokens import Identity
from chatserver.store.base import Store
from chatserver.store.interfaces.users import Account, ProfileChange

Registration = Literal["closed", "invite", "open"]


class Accounts:
    """Users and their passwords. All users are equal."""

    def __init__(self, store: Store, passwords: PasswordPool, eraser: Eraser | None = None) -> None:
        """`eraser` is needed only by people who delete their own accounts with all that they wrote."""
        self._store = store
        self._passwords = passwords
        self._eraser = eraser

    async def create(self, email: str, display_name: str, password: str, *, invite: bytes = b"") -> User:
        """Add a user; `invite` is the hash of an invitation's code, one use of which is taken.

        Raises `emailInvalid`, `nameInvalid`, `passwordInvalid`, `emailTaken` or `inviteInvalid`.
        """
        email = normalize_email(email)
        display_name = normalize_name(display_name)
        check_length(password)
        if await self._store.account_by_email(email) is not None:
            # Known before the costly hash; the store decides for good when two do it at once.
            raise ChatError("emailTaken")
        password_hash = await self._passwords.hash(password)
        return await self._store.create_user(email, display_name, password_hash, invite=invite)

    async def set_password(self, email: str, password: str) -> User:
        """Replace a user's password and end all of the user's sessions in the same commit.

        Raises `emailInvalid`, `userNotFound` or `passwordInvalid`.
        """
        user = await self.find(email)
        password_hash = await self._passwords.hash(password)
        await self._store.set_password_hash(user.id, password_hash, revoke_sessions=True)
        return user

    async def change_password(self, identity: Identity, current: str, new: str) -> None:
        """Replace one's own password; every other session ends in the same commit.

        Raises `passwordWrong` or `passwordInvalid`.
        """
        check_length(new)
        account = await self._proved(identity.user_id, current)
        replaced = await self._store.set_password_hash(
            identity.user_id,
            await self._passwords.hash(new),
            revoke_sessions=True,
            expected=account.password_hash,
            keep_session=identity.session_id,
        )
        if not replaced:
            raise ChatError("passwordWrong")

    async def update_profile(self, user_id: int, request: ProfileRequest) -> User:
        """Change one's own name, status or picture. Raises `nameInvalid`, `statusInvalid` or `avatarInvalid`."""
        change = ProfileChange(
            display_name=None if request.display_name is UNSET else normalize_name(request.display_name),
            status=None if request.status is UNSET else normalize_status(request.status),
            avatar=None if request.avatar is UNSET else request.avatar or 0,
        )
        return await self._store.update_profile(user_id, change)

    async def set_disabled(self, email: str, disabled: bool) -> User:
        """Keep a user out, which ends all of their sessions, or let them in again. Idempotent.

        Raises `emailInvalid` or `userNotFound`.
        """
        return await self._store.set_disabled((await self.find(email)).id, disabled)

    async def delete(self, user_id: int) -> None:
        """Delete an account for good; its messages stay, written by a deleted account. Raises `userNotFound`."""
        await self._store.delete_user(user_id)

    async def delete_own(self, user_id: int, password: str, *, messages: bool = False) -> None:
        """Delete one's own account for good; with `messages` what one wrote is erased, too, in the background.

        Raises `passwordWrong`.
        """
        account = await self._proved(user_id, password)
        if messages and self._eraser is not None:
            done = await self._eraser.begin(user_id, expected=account.password_hash)
        else:
            done = await self._store.delete_user(user_id, expected=account.password_hash)
        if not done:
            raise ChatError("passwordWrong")

    async def find(self, email: str) -> User:
        """The user with an address in any spelling. Raises `emailInvalid` or `userNotFound`."""
        account = await self._store.account_by_email(normalize_email(email))
        if account is None:
            raise ChatError("userNotFound")
        return account.user

    async def _proved(self, user_id: int, password: str) -> Account:
        """The account, if this is its password. Raises `passwordWrong`."""
        account = await self._store.account(user_id)
        known = account.password_hash if account else None
        if not await self._passwords.verify(known, password) or account is None:
            raise ChatError("passwordWrong")
        return account


class Registrations:
    """People who make their own account, where the server's owner allows it."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        auth: Authenticator,
        *,
        registration: Registration,
        clock: Clock = now_us,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._auth = auth
        self._registration = registration
        self._clock = clock

    async def register(self, request: RegisterRequest) -> Tokens:
        """Make an account and start its first session; an invitation is used up only if the account is made.

        Raises `registrationClosed`, `inviteInvalid` and, only to somebody who may register, what
        `Accounts.create` does.
        """
        if self._registration == "closed":
            raise ChatError("registrationClosed")
        invite = code_hash(request.invite) if self._registration == "invite" else b""
        if invite and not await self._store.invite_is_usable(invite, self._clock()):
            raise ChatError("inviteInvalid")
        user = await self._accounts.create(request.email, request.display_name, request.password, invite=invite)
        return await self._auth.start_session(user, request.device)
