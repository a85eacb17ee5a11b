"""Cost is counted in events read and lines painted: in 1,000,000 messages it is that of a screenful."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from textual.strip import Strip

from chatterm.bench.data import CHAT_ID, message
from chatterm.tui.timeline.blocks import BLOCK
from chatterm.tui.timeline.items import Columns, Item
from chatterm.tui.timeline.paint import Painter
from tests.tui.timeline.world import TimelineApp, World, until

ROWS = 40
SCREEN_BLOCKS = 4
"""Blocks that a screen of 40 rows with a page above and two below may touch: 120 lines lie in at most two, and
the blocks at either side are measured before they can be seen."""


@dataclass
class Cost:
    """Counted since the last `counted`."""

    reads: int = 0
    rows: int = 0
    painted: int = 0


@pytest.fixture
def cost(long_world: World, monkeypatch: pytest.MonkeyPatch) -> Cost:
    """Counts lines painted beside what the cache counts."""
    cost = Cost()
    paint = Painter.strip

    def counting(painter: Painter, item: Item, line: int, columns: Columns) -> Strip:
        cost.painted += 1
        return paint(painter, item, line, columns)

    monkeypatch.setattr(Painter, "strip", counting)
    return cost


@contextmanager
def counted(world: World, cost: Cost) -> Iterator[None]:
    cost.painted = 0
    with world.cache.counted():
        yield
    cost.reads, cost.rows = world.cache.reads, world.cache.rows


async def test_opening_a_million_messages_reads_a_screenful(long_world: World, cost: Cost) -> None:
    """A few blocks from the end, whatever lies before them."""
    with counted(long_world, cost):
        app = TimelineApp(long_world)
        async with app.run_test(size=(100, ROWS)):
            assert "newest message" in app.text()
    assert 0 < cost.rows <= SCREEN_BLOCKS * (BLOCK + 1)
    assert cost.reads <= SCREEN_BLOCKS + 1
    assert cost.painted <= 2 * ROWS


async def test_scrolling_reads_a_block_in_a_while_and_paints_the_new_lines(long_world: World, cost: Cost) -> None:
    """Line by line and page by page, over more lines than are kept."""
    app = TimelineApp(long_world)
    async with app.run_test(size=(100, ROWS)):
        app.lines()
        with counted(long_world, cost):
            for _ in range(500):
                app.timeline.action_scroll_up()
                app.lines()
        assert cost.painted <= 500 + ROWS
        assert cost.rows <= (500 // BLOCK + SCREEN_BLOCKS) * (BLOCK + 1)
        with counted(long_world, cost):
            for _ in range(50):
                app.timeline.action_page_up()
                app.lines()
        assert cost.painted <= 51 * ROWS
        assert cost.rows <= (50 * ROWS // BLOCK + SCREEN_BLOCKS) * (BLOCK + 1)


async def test_a_jump_anywhere_reads_a_screenful(long_world: World, cost: Cost) -> None:
    """To the beginning, the middle, and back to the end."""
    app = TimelineApp(long_world)
    async with app.run_test(size=(100, ROWS)):
        for place in (0, 1_234_567, 200_000, 1_900_000):
            with counted(long_world, cost):
                app.timeline.scroll_to(y=place)
                app.lines()
            assert cost.rows <= SCREEN_BLOCKS * (BLOCK + 1)
            assert cost.painted <= ROWS
        with counted(long_world, cost):
            app.timeline.action_scroll_end()
        assert "newest message" in app.text()
        assert cost.rows <= SCREEN_BLOCKS * (BLOCK + 1)


async def test_a_resize_lays_out_a_screenful(long_world: World, cost: Cost) -> None:
    """After reading in many places, another width costs what is on screen."""
    app = TimelineApp(long_world)
    async with app.run_test(size=(100, ROWS)) as pilot:
        for place in range(0, 1_000_000, 50_000):
            app.timeline.scroll_to(y=place)
        with counted(long_world, cost):
            await pilot.resize_terminal(71, ROWS)
            app.lines()
        assert cost.rows <= SCREEN_BLOCKS * (BLOCK + 1)
        assert cost.painted <= 2 * ROWS


async def test_a_live_message_reads_and_paints_itself(long_world: World, cost: Cost) -> None:
    """At the end of a million messages, one more costs its own row and its own lines."""
    app = TimelineApp(long_world)
    async with app.run_test(size=(100, ROWS)) as pilot:
        app.lines()
        for _ in range(3):  # the first may open a new block
            seq = long_world.cache.head(CHAT_ID) + 1
            long_world.store([message(seq, f"live {seq}", 2 + seq % 2)])
            with counted(long_world, cost):
                app.timeline.events_stored(seq, seq, True)
                await until(pilot, lambda seq=seq: f"live {seq}" in app.text(), "the message appears")  # type: ignore[misc] # the value of now is meant
        assert cost.rows == 1
        assert cost.painted <= 5
