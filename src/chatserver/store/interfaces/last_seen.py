"""The store's area of when users were last there."""

from collections.abc import Collection, Sequence
from typing import Protocol


class LastSeenStore(Protocol):
    """Times are microseconds since 1970 UTC."""

    async def save_last_seen(self, seen: Sequence[tuple[int, int]]) -> None:
        """Store pairs of user id and time. A time before the stored one and an unknown user change nothing.

        Durable on return, idempotent, and applied whole or not at all.
        """
        ...

    async def last_seen(self, user_ids: Collection[int]) -> dict[int, int]:
        """When these users were last there; users never seen, unknown or deleted are left out."""
        ...
