"""Sessions in the store: signed-in devices, their rotation and their end."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One signed-in device. Hashes are SHA-256 of refresh tokens; times are microseconds since 1970 UTC.

    `previous_hash` is the token before the current one, replaced at `rotated_at`.
    """

    id: int
    user_id: int
    device: str
    refresh_hash: bytes
    previous_hash: bytes | None
    created_at: int
    rotated_at: int
    revoked_at: int | None


class SessionStore(Protocol):
    """Sessions of one database. What `chatserver.store.base.Store` says of writes and reads holds here too."""

    async def create_session(
        self, record: SessionRecord, *, password_hash: str | None = None, most: int | None = None
    ) -> bool:
        """Add a session if the user may sign in and, with `password_hash`, that is still theirs; returns whether.

        With `most`, the sessions used longest ago end in the same commit, so that no more than so many are live.
        """
        ...

    async def session(self, session_id: int) -> SessionRecord | None:
        """A session, revoked or not."""
        ...

    async def live_sessions(self, user_id: int, used_since: int) -> list[SessionRecord]:
        """The user's sessions that were not revoked and were used at or after this time, newest use first."""
        ...

    async def rotate_session(self, session_id: int, old_hash: bytes, new_hash: bytes, now: int) -> bool:
        """Replace the refresh hash if it is still `old_hash` and the session is live; atomic compare and set."""
        ...

    async def revoke_session(self, session_id: int, now: int, *, user_id: int | None = None) -> bool:
        """End a session; with `user_id`, only one of that user. Returns whether there is such a session. Idempotent."""
        ...

    async def revoke_sessions(self, user_id: int, now: int, *, keep: int = 0) -> int:
        """End every session of a user but `keep`; returns how many were live. Idempotent."""
        ...

    async def revoked_since(self, at: int) -> list[int]:
        """Ids of sessions revoked at or after `at`."""
        ...

    async def purge_sessions(self, *, revoked_before: int, used_before: int, most: int) -> int:
        """Forget up to `most` sessions that were revoked, or used last, before these times; returns how many."""
        ...
