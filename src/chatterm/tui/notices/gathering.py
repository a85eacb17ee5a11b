"""How often is told: the first message of a chat at once, what follows soon together, a flood as one summary."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

CHAT_EVERY_S: Final = 10.0
"""A chat is told of at most this often."""
WINDOW_S: Final = 10.0
TOLD_MAX: Final = 4
"""So many notices are made within `WINDOW_S`; then all that comes is gathered into one summary."""
CHATS_MAX: Final = 1_000
"""Chats of which messages are gathered; of more, only the number is known."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message to tell of; texts need not be safe for a terminal."""

    chat_id: int
    chat: str
    author: str
    text: str
    urgent: bool = False
    """It names the user."""


@dataclass(frozen=True, slots=True)
class Told:
    """One notice: about one chat, or a summary of several (`chat_id` None)."""

    chat_id: int | None
    title: str
    body: str
    count: int
    urgent: bool = False


class Gathering:
    """Decides when which messages become notices; `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[int, list[Item]] = {}
        self._more = 0
        self._next: dict[int, float] = {}
        self._made: list[float] = []

    def add(self, item: Item) -> None:
        """Something is to be told, now or soon."""
        waiting = self._waiting.get(item.chat_id)
        if waiting is not None:
            waiting.append(item)
            del waiting[:-50]
        elif len(self._waiting) < CHATS_MAX:
            self._waiting[item.chat_id] = [item]
        else:
            self._more += 1

    def forget(self, chat_id: int) -> None:
        """The chat was read: what waits of it is no news any more."""
        self._waiting.pop(chat_id, None)

    def clear(self) -> None:
        """Nothing that waits is to be told."""
        self._waiting.clear()
        self._more = 0

    def waits(self, chat_id: int) -> bool:
        """Whether something of this chat is to be told soon."""
        return chat_id in self._waiting

    @property
    def due_in(self) -> float | None:
        """Seconds until `take` may have something; None while nothing waits."""
        if not self._waiting:
            return None
        now = self._clock()
        if self._is_flood(now):
            return max(0.0, self._made[0] + WINDOW_S - now)
        return max(0.0, min(self._next.get(chat_id, 0.0) for chat_id in self._waiting) - now)

    def take(self) -> list[Told]:
        """The notices that are due."""
        now = self._clock()
        if self._is_flood(now):
            return []
        due = [chat_id for chat_id in self._waiting if self._next.get(chat_id, 0.0) <= now]
        if not due:
            return []
        room = TOLD_MAX - len(self._made)
        one_by_one = len(due) <= room
        told = [self._of_chat(self._waiting.pop(each)) for each in due] if one_by_one else [self._summary()]
        for each in told:
            self._made.append(now)
            if each.chat_id is not None:
                self._next[each.chat_id] = now + CHAT_EVERY_S
        self._next = {chat_id: at for chat_id, at in self._next.items() if at > now}
        return told

    def _is_flood(self, now: float) -> bool:
        self._made = [at for at in self._made if at > now - WINDOW_S]
        return len(self._made) >= TOLD_MAX

    def _of_chat(self, items: list[Item]) -> Told:
        last = items[-1]
        urgent = any(item.urgent for item in items)
        if len(items) == 1:
            title = last.author if last.author == last.chat else f"{last.author} in {last.chat}"
            return Told(last.chat_id, title, last.text, 1, urgent)
        return Told(last.chat_id, last.chat, f"{len(items)} new messages, the last: {last.text}", len(items), urgent)

    def _summary(self) -> Told:
        items = [item for waiting in self._waiting.values() for item in waiting]
        told = summary(len(items) + self._more, len(self._waiting), any(item.urgent for item in items))
        self.clear()
        return told


def summary(messages: int, chats: int, urgent: bool = False) -> Told:
    """`37 new messages in 4 chats`."""
    said = f"{messages:,} new message{'s' * (messages != 1)} in {chats:,} chat{'s' * (chats != 1)}"
    return Told(None, "chatterm", said, messages, urgent)
