"""The store's area of disk space: what removing has freed, and where removed text may still stand."""

from typing import Protocol


class SpaceStore(Protocol):
    """Work for moments in which nobody writes: each call waits for one, and then takes some milliseconds."""

    async def free_pages(self) -> int:
        """Pages of the database's files that hold nothing; a page is 4 KiB."""
        ...

    async def give_back(self, most: int) -> int:
        """Give at most so many free pages back to the disk; how many were. Some are kept for what is written next.

        A file that an earlier version made keeps its pages, for new messages, until `chatserver vacuum`.
        """
        ...

    async def empty_log(self) -> bool:
        """Empty the engine's own logs, in which removed text may still stand; False if a reader is in the way."""
        ...
