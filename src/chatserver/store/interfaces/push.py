"""The part of the Store interface about Web Push: endpoints, rules, and whom a new message concerns."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PushRecord:
    """A registered endpoint. `p256dh` is an uncompressed point of P-256, `auth` 16 bytes (RFC 8291)."""

    id: int
    user_id: int
    endpoint: str
    p256dh: bytes
    auth: bytes
    name: str
    created_at: int
    failing_since: int | None


@dataclass(frozen=True, slots=True)
class PushTarget:
    """A member with endpoints for whom a chat holds unseen messages of others, and what decides about telling them.

    `mentioned` is by name, `mentioned_all` with everybody; both speak of the messages asked for. `rules` is
    the JSON that the user stored, None if none.
    """

    user_id: int
    direct: bool
    muted_until: int
    mentioned: bool
    mentioned_all: bool
    rules: str | None


class PushStore(Protocol):
    """Writes are durable when they return."""

    async def add_push(
        self, user_id: int, endpoint: str, p256dh: bytes, auth: bytes, name: str, *, most: int
    ) -> PushRecord:
        """Register an endpoint; one that is registered, by whomever, is taken over. Idempotent.

        Raises `tooManyPushes` if the user would have more than `most`.
        """
        ...

    async def pushes(self, user_id: int) -> list[PushRecord]:
        """A user's endpoints, oldest first."""
        ...

    async def push(self, push_id: int) -> PushRecord | None: ...

    async def remove_push(self, push_id: int) -> None:
        """Idempotent."""
        ...

    async def note_push(self, push_id: int, *, failed: bool) -> None:
        """A delivery worked, or failed: then `failing_since` is set unless it is already."""
        ...

    async def push_rules(self, user_id: int) -> str | None:
        """The JSON that was stored."""
        ...

    async def set_push_rules(self, user_id: int, rules: str) -> None: ...

    async def anybody_has_pushes(self) -> bool: ...

    async def push_targets(self, chat_id: int, first_seq: int, last_seq: int) -> list[PushTarget]:
        """Members with endpoints who have not seen up to `last_seq` and did not write all of the range themselves."""
        ...

    async def has_seen(self, user_id: int, chat_id: int, seq: int) -> bool:
        """Whether the user has seen the chat up to `seq`, or is no member."""
        ...
