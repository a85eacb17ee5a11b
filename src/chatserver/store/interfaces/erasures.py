"""The store's area of people whose words are erased with their accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure under way, and what it has done so far. `worked_at` is in microseconds since 1970 UTC."""

    user_id: int
    worked_at: int
    messages: int = 0
    copies: int = 0
    """Messages of others that forwarded theirs."""
    reactions: int = 0


class LogPlace(NamedTuple):
    """A place in all logs, in the order in which they are looked through."""

    chat_id: int
    seq: int


class Holdings(NamedTuple):
    """What the server has of a user. `file_bytes` are those of the files."""

    messages: int
    files: int
    file_bytes: int
    groups: int
    direct_chats: int


class ErasureStore(Protocol):
    """Erasing is many small steps, each done whole or not at all, and each of them idempotent."""

    async def holdings(self, user_id: int) -> Holdings: ...

    async def begin_erasure(self, user_id: int, *, expected: str | None = None, at_work: bool = False) -> bool:
        """Delete the account as `delete_user` does, unless it is deleted already, and note that its words go, too.

        `at_work`: the caller goes on with it now, so that others need not.
        False if the password hash is not the `expected` one any more. Raises `userNotFound`. Idempotent.
        """
        ...

    async def erasures(self) -> list[Erasure]:
        """Those that are not done."""
        ...

    async def erase_messages(self, user_id: int, most: int) -> int:
        """Erase some of the user's own messages, each with an event that tells of it; how many were looked at."""
        ...

    async def traces(self, user_id: int, looked_at: int) -> tuple[Sequence[LogPlace], LogPlace | None]:
        """Look at so many events from where the last look ended: messages that may hold more of the user, and the place
        where the next look begins, None at the end.
        """
        ...

    async def erase_traces(self, user_id: int, places: Sequence[LogPlace], next_place: LogPlace | None) -> None:
        """Erase there what forwards the user's messages, take back their reactions, and note where to go on."""
        ...

    async def forget_removed(self, user_id: int, most: int) -> int:
        """Forget some of the user's messages that were removed because of their age; how many."""
        ...

    async def finish_erasure(self, user_id: int) -> None:
        """Forget what else is kept of the user but removed messages, and the erasure itself: the last step."""
        ...

    async def has_messages(self, user_id: int) -> bool:
        """Whether any message of the user is not deleted."""
        ...
