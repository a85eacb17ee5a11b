"""A real cache and outbox for the timeline, a cache reader that counts, and an app that shows only the timeline."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from chatproto.models import Chat, LogEvent, User
from chatterm.bench.data import CHAT_ID, OWN_ID
from chatterm.client.cache import Cache
from chatterm.client.model import Target
from chatterm.client.outbox import Outbox
from chatterm.tui.timeline import ChatView, HolesWanted, NewBelow, SeenReached, Timeline

VIEW = ChatView(CHAT_ID, (Target(chat_id=CHAT_ID),), "garden")


class CountingCache(Cache):
    """Counts the events that are read."""

    reads = 0
    rows = 0

    def events(self, chat_id: int, first_seq: int, last_seq: int) -> list[LogEvent]:
        found = super().events(chat_id, first_seq, last_seq)
        self.reads += 1
        self.rows += len(found)
        return found

    def holes(self, chat_id: int, first_seq: int, last_seq: int) -> list[tuple[int, int]]:
        self.reads += 1
        return super().holes(chat_id, first_seq, last_seq)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count from 0 within the block."""
        self.reads = self.rows = 0
        yield


class World:
    """The files of one account: five people and an empty group."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "cache.db"
        cache = CountingCache.open(self.path)
        assert isinstance(cache, CountingCache)
        self.cache = cache
        self.cache.adopt("test", User(id=OWN_ID, email="anna@example.org", display_name="Anna", rev=1))
        self.outbox = Outbox.open(folder / "outbox.db")
        self.cache.store_users(
            [User(id=n, email=f"{n}@example.org", display_name=name, rev=n) for n, name in enumerate(NAMES, OWN_ID + 1)]
        )
        self.cache.store_chats([Chat(id=CHAT_ID, kind="group", title="garden", member_count=5)])

    def store(self, events: Sequence[LogEvent], *, seen: bool = False) -> None:
        """Cache events, as if they had arrived; `seen`: and had been read on another device."""
        self.cache.store_events(CHAT_ID, events)
        if seen:
            self.cache.store_seen(CHAT_ID, self.cache.head(CHAT_ID))

    def timeline(self) -> Timeline:
        return Timeline(self.cache, self.outbox, OWN_ID, now=lambda: 1_600_000_000.0, zone=UTC)

    def close(self) -> None:
        self.cache.close()
        self.outbox.close()


NAMES = ("Béla", "Csilla", "Dénes", "Emma")


class TimelineApp(App[None]):
    """Shows one timeline and keeps what it posts; like the real screen it gives the focus to nobody by itself."""

    AUTO_FOCUS = None

    def __init__(self, world: World, view: ChatView | None = VIEW) -> None:
        super().__init__()
        self.timeline = world.timeline()
        self._view = view
        self.wanted: list[HolesWanted] = []
        self.seen: list[int] = []
        self.below: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.timeline

    def on_mount(self) -> None:
        self.timeline.show(self._view)

    def on_holes_wanted(self, message: HolesWanted) -> None:
        self.wanted.append(message)

    def on_seen_reached(self, message: SeenReached) -> None:
        self.seen.append(message.seq)

    def on_new_below(self, message: NewBelow) -> None:
        self.below.append(message.count)

    def lines(self) -> list[str]:
        """What is on screen."""
        timeline = self.timeline
        return [strip.text for strip in timeline.render_lines(timeline.size.region)]

    def text(self) -> str:
        return "\n".join(self.lines())


async def until(pilot: Pilot[None], condition: Callable[[], bool], what: str) -> None:
    """Let the app work until the condition holds; fails if it does not within a generous time."""
    try:
        async with asyncio.timeout(15):
            while not condition():
                await pilot.pause()
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None
