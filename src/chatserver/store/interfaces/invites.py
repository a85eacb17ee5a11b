"""Invitations and reset codes in the store: secrets given to people, kept as hashes, used up atomically."""

from dataclasses import dataclass
from typing import Final, Protocol

OWNER: Final = 0
"""Made on the server's command line, by no user."""


@dataclass(frozen=True, slots=True)
class InviteRecord:
    """An invitation. `code_hash` is SHA-256 of its code; times are microseconds since 1970 UTC.

    `created_by` is a user's id, or `OWNER`.
    """

    id: int
    code_hash: bytes
    created_by: int
    created_at: int
    expires_at: int
    uses_left: int


@dataclass(frozen=True, slots=True)
class ResetCode:
    """A code that replaces one user's password once. `code_hash` is SHA-256; times are microseconds since 1970 UTC."""

    user_id: int
    code_hash: bytes
    created_at: int
    expires_at: int
    tries_left: int


class InviteStore(Protocol):
    """Invitations and reset codes. What `chatserver.store.base.Store` says of writes and reads holds here too."""

    async def create_invite(self, record: InviteRecord, *, most: int | None = None) -> bool:
        """Add an invitation; with `most`, only while its maker has fewer that can still be used. Returns whether."""
        ...

    async def invites(self, created_by: int, now: int, limit: int) -> list[InviteRecord]:
        """Invitations of one maker that can still be used, newest first."""
        ...

    async def invite_is_usable(self, code_hash: bytes, now: int) -> bool:
        """Whether an invitation of this code can be used at this moment; `create_user` decides for good."""
        ...

    async def delete_invite(self, invite_id: int, created_by: int) -> bool:
        """Withdraw an invitation of this maker; returns whether there was one."""
        ...

    async def put_reset_code(self, code: ResetCode, *, unless_since: int | None = None) -> bool:
        """Keep a code in place of an earlier one; with `unless_since`, only if none was made at or after that time.

        Returns whether it is kept. Raises `userNotFound`, also for a deleted user.
        """
        ...

    async def reset_password(self, email: str, code_hash: bytes, password_hash: str, now: int) -> bool:
        """Use the code of the account with this address: the password is replaced and every session ends.

        A wrong code costs one of its tries. Returns whether it was done; the work is the same for a code that is
        wrong, expired or used up, and for an address without a code or without an account.
        """
        ...

    async def purge_invites(self, now: int, most: int) -> int:
        """Forget up to `most` invitations, and as many reset codes, that cannot be used any more; returns how many."""
        ...
