"""What is unread in the rows of the client list, and what of it counts."""

from collections.abc import Mapping

from chatterm.client.model import Entry, EntryRef


class News:
    """Unread messages by conversation. Of a muted one only those count that name the user."""

    def __init__(self) -> None:
        self.unread: dict[EntryRef, int] = {}
        """Unread messages of every conversation that has any, muted or not."""
        self.mentioning: dict[EntryRef, int] = {}
        """Those of them that name the user."""
        self._muted_until: dict[EntryRef, int] = {}

    def clear(self) -> None:
        for each in (self.unread, self.mentioning, self._muted_until):
            each.clear()

    def put(self, entry: Entry) -> None:
        """Take over what an entry says."""
        self.drop(entry.ref)
        if entry.unread:
            self.unread[entry.ref] = entry.unread
            if entry.mentions:
                self.mentioning[entry.ref] = entry.mentions
            if entry.muted_until:
                self._muted_until[entry.ref] = entry.muted_until

    def drop(self, ref: EntryRef) -> None:
        """Forget a conversation."""
        if self.unread.pop(ref, None) is not None:
            self.mentioning.pop(ref, None)
            self._muted_until.pop(ref, None)

    def counted(self, now: float) -> Mapping[EntryRef, int]:
        """Unread messages that count at a time (Unix seconds), by conversation."""
        if not self._muted_until:
            return self.unread
        counted = dict(self.unread)
        for ref, until in self._muted_until.items():
            if until > now * 1_000_000:
                counted[ref] = self.mentioning.get(ref, 0)
        return {ref: count for ref, count in counted.items() if count}

    def badge(self, now: float) -> str:
        """For the window's title: `@1 3` if one message names the user and three conversations have news."""
        counted = self.counted(now)
        mentions = sum(self.mentioning.values())
        return " ".join(part for part in (f"@{mentions:,}" if mentions else "", f"{len(counted) or ''}") if part)
