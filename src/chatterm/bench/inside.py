"""CPU time of single operations in the real app, run without a terminal."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from textual import events
from textual.geometry import Size

from chatproto.models import ChatHead, User
from chatterm.bench.data import CHAT_ID, DIRECT, DIRECT_ID, message
from chatterm.bench.figures import Report
from chatterm.client.cache import Cache
from chatterm.client.model import Account, EntryRef
from chatterm.client.paths import account_files
from chatterm.client.session import Session
from chatterm.client.uistate import UiState
from chatterm.tui.app import ChatApp
from chatterm.tui.idle import IdleCollector
from chatterm.tui.screen import ChatScreen
from chatterm.tui.timeline import Timeline

SIZE: Final = (120, 40)
SETTLE_S: Final = 0.05
LATER: Final = 4_000_000_000_000_000
"""Times after all that is cached, microseconds since 1970 UTC."""


class Inside:
    """The app on a large account, and a stopwatch of CPU time."""

    def __init__(self, app: ChatApp, cache: Cache, report: Report, rounds: int) -> None:
        self.app = app
        self.cache = cache
        self.report = report
        self.rounds = rounds
        self.random = random.Random(1)  # noqa: S311 - the same places in every run

    @property
    def screen(self) -> ChatScreen:
        screen = self.app.screen
        assert isinstance(screen, ChatScreen)
        return screen

    @property
    def timeline(self) -> Timeline:
        return self.screen.conversation.timeline

    async def painted(self) -> None:
        """Wait until what has changed is on the screen."""
        done = asyncio.Event()
        self.screen.call_after_refresh(done.set)
        await done.wait()
        # Timers, and messages that a message brings, come in their own time; waiting costs no CPU.
        await asyncio.sleep(SETTLE_S)

    async def cpu(self, step: Callable[[], object]) -> float:
        """Milliseconds of CPU from a step until it is painted and everything is quiet."""
        before = time.process_time()
        step()
        await self.painted()
        return (time.process_time() - before) * 1_000

    async def repeated(self, step: Callable[[int], object], rounds: int | None = None) -> list[float]:
        """The CPU time of each of many steps."""
        return [await self.cpu(partial(step, number)) for number in range(rounds or self.rounds)]

    async def idle_cost(self) -> None:
        """What the stopwatch itself costs; it is within every other figure."""
        self.report.percentiles("(an operation that changes nothing)", await self.repeated(lambda _: None))

    async def opening(self) -> None:
        """Swap the long chat in for another one."""
        times = []
        for number in range(max(3, self.rounds // 10)):
            self.screen.open(EntryRef("chat", DIRECT_ID + DIRECT[number]))
            times.append(await self.cpu(lambda: self.screen.open(EntryRef("chat", CHAT_ID))))
        self.report.percentiles("open a chat of 1,000,000 messages", times)

    async def scrolling(self) -> None:
        """By lines, by pages, and to random places."""
        timeline = self.timeline
        up = await self.repeated(lambda _: timeline.action_scroll_up())
        self.report.percentiles("scroll one line", up, 8, 20)
        pages = await self.repeated(lambda _: timeline.action_page_up())
        self.report.percentiles("scroll a page", pages, p99=40)
        height = timeline.virtual_size.height
        jumps = await self.repeated(lambda _: timeline.scroll_to(y=self.random.randrange(height)))
        self.report.percentiles("jump anywhere", jumps, p99=60)

    async def resizing(self) -> None:
        """Change the terminal's width with the view far from the end."""

        def resize(number: int) -> None:
            size = Size(SIZE[0] - 1 - number % 40, SIZE[1])
            self.app.post_message(events.Resize(size, size))

        times = await self.repeated(resize, max(5, self.rounds // 10))
        self.report.percentiles("resize", times, 60)
        self.app.post_message(events.Resize(Size(*SIZE), Size(*SIZE)))
        await self.painted()

    async def appending(self) -> None:
        """One live message in sight, then 200 of them a second."""
        self.timeline.action_scroll_end()
        times = []
        for _ in range(max(5, self.rounds // 10)):
            seq = self._store_next()
            times.append(await self.cpu(partial(self.timeline.events_stored, seq, seq, True)))
        self.report.percentiles("show a live message", times)
        began, before = time.monotonic(), time.process_time()
        while (passed := time.monotonic() - began) < 3:
            seq = self._store_next()
            self.timeline.events_stored(seq, seq, True)
            await asyncio.sleep(0.005)
        share = (time.process_time() - before) / passed
        self.report.add("200 messages/s in the open chat, with storing", share * 100, "%", 40)

    def _store_next(self) -> int:
        seq = self.cache.head(CHAT_ID) + 1
        self.cache.store_events(CHAT_ID, [message(seq, f"live {seq}", 2 + seq % 3)])
        return seq

    async def listing(self) -> None:
        """Update a row of the client list in place, and move one to its top."""
        rows = self.screen.sidebar.list

        def rename(number: int) -> None:
            user_id = DIRECT[-1 - number % 20]
            rev = 2_000_000 + number
            refs = self.cache.store_users(
                [User(id=user_id, email=f"user{user_id}@example.org", display_name=f"Name {number}", rev=rev)]
            )
            rows.update_entries(refs)

        def move(number: int) -> None:
            head = ChatHead(
                chat_id=DIRECT_ID + DIRECT[number * 37 % len(DIRECT)], head=2 + number, head_at=LATER + number
            )
            rows.update_entries(self.cache.store_heads([head], None))

        count = max(20, self.rounds // 3)
        self.report.percentiles("update a row among 100,000, with storing", await self.repeated(rename, count), 5)
        self.report.percentiles("move a row to the top, with storing", await self.repeated(move, count), 10)


async def measure(account: Account, report: Report, rounds: int) -> None:
    """All operations, one after the other."""
    files = account_files(account.key)
    engine = Session(account)
    state = UiState.open(files.folder / "interface.db")
    app = ChatApp(engine, state, files.folder, collector=IdleCollector())
    try:
        async with app.run_test(size=SIZE) as pilot:
            await pilot.pause()
            inside = Inside(app, Cache.open(files.cache), report, rounds)
            inside.screen.open(EntryRef("chat", CHAT_ID))
            steps: list[Callable[[], Awaitable[None]]] = [
                inside.idle_cost,
                inside.opening,
                inside.scrolling,
                inside.resizing,
                inside.appending,
                inside.listing,
            ]
            for step in steps:
                await step()
            inside.cache.close()
    finally:
        await engine.stop()
        state.close()
