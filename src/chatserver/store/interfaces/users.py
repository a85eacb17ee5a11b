"""Users in the store: accounts, profiles, passwords, the list that clients follow, and search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chatproto.models import User


@dataclass(frozen=True, slots=True)
class Account:
    """A user with what only the server may see. `useq` is the head of the user's own log."""

    user: User
    password_hash: str
    useq: int


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What a user says of themselves; None leaves a field as it is. `avatar` is an image's id, 0 takes it away."""

    display_name: str | None = None
    status: str | None = None
    avatar: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A user who was found, and the word that matched: together a place in the order of what is found."""

    user: User
    word: str


class UserStore(Protocol):
    """Users of one database. What `chatserver.store.base.Store` says of writes and reads holds here too.

    Every change that others can see gives the user the next `rev`. A deleted user stays as an account without
    name, address, password and sessions, so that messages keep an author; it has no words and no address to be
    found by.
    """

    async def create_user(self, email: str, display_name: str, password_hash: str, *, invite: bytes = b"") -> User:
        """Add a user; arguments are normalised.

        With `invite`, the hash of an invitation's code, one use of it is taken in the same commit. Raises
        `inviteInvalid` or `emailTaken`, and then neither happens.
        """
        ...

    async def account_by_email(self, email: str) -> Account | None:
        """The account with a normalised address; never a deleted one."""
        ...

    async def account(self, user_id: int) -> Account | None:
        """The account of an id, a deleted one as well."""
        ...

    async def set_password_hash(
        self,
        user_id: int,
        password_hash: str,
        *,
        revoke_sessions: bool,
        expected: str | None = None,
        keep_session: int = 0,
    ) -> bool:
        """Replace a password; with `expected`, only if that is still the hash. Returns whether it was replaced.

        With `revoke_sessions`, every session of the user but `keep_session` ends in the same commit, and a code
        that would reset the password is void. Raises `userNotFound`, also for a deleted user.
        """
        ...

    async def update_profile(self, user_id: int, change: ProfileChange) -> User:
        """Change those fields that are given. Raises `userNotFound` or `avatarInvalid`.

        An avatar must be an image that this user uploaded. The same values again change nothing, not even `rev`.
        """
        ...

    async def set_disabled(self, user_id: int, disabled: bool) -> User:
        """Keep a user out, or let them in again; being disabled ends every session in the same commit.

        Raises `userNotFound`. Idempotent.
        """
        ...

    async def delete_user(self, user_id: int, *, expected: str | None = None) -> bool:
        """Leave of a user only what the messages need; with `expected`, only if that is still the password's hash.

        In one commit: name, address, status, avatar, password, invitations, reset code, words, push endpoints and
        the time last seen are removed, sessions end, groups are left (and what was owned has a new owner), the
        address is free again. Returns whether it was done.
        Raises `userNotFound`, also for a user deleted before.
        """
        ...

    async def users_since(self, rev: int, limit: int) -> list[User]:
        """Users with a higher rev, ascending, at most `limit`; deleted ones as well."""
        ...

    async def users_rev(self) -> int:
        """The newest user rev."""
        ...

    async def search_users(self, words: Sequence[str], first: int, after: tuple[str, int], limit: int) -> list[Found]:
        """Users of whose name or address every one of `words` begins a word, at most `limit`.

        They come in the order of the word that `words[first]` begins, then of the id, and lie after the place
        `after`: (word, user id), ("", 0) for the beginning. `words` are folded. Each user is found once.
        """
        ...

    async def count_words(self, word: str, most: int) -> int:
        """How many words begin with this, counted up to `most`."""
        ...

    async def add_missing_words(self, most: int) -> int:
        """Make up to `most` users of an earlier schema findable; returns how many were not."""
        ...
