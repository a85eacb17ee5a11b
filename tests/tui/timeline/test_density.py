"""The two densities: names above the messages with room between, or all of it on one line."""

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from textual.geometry import Offset
from textual.selection import Selection

from chatterm.bench.data import CHAT_ID, OWN_ID, message
from chatterm.client.model import Target
from chatterm.client.settings import Look, Settings
from chatterm.tui.timeline.body import Bodies
from chatterm.tui.timeline.items import COMPACT_MIN, Columns
from chatterm.tui.timeline.selection import Place
from tests.tui.timeline.test_timeline import created
from tests.tui.timeline.test_viewport import STEPS, Script
from tests.tui.timeline.world import TimelineApp, World

COMPACT = Settings(look=Look(density="compact", images="off"))
ROOMY = Settings(look=Look(images="off"))


async def test_compact_puts_time_name_and_text_on_one_line_at_run_time(world: World) -> None:
    """No header, no blank line; the author is named once for a group; and it can be changed back."""
    long = "a text that is so long that it does not fit on the one line beside the name of its author"
    world.store([created(), message(2, "hello"), message(3, "again"), message(4, long, OWN_ID)], seen=True)
    world.outbox.append(Target(chat_id=CHAT_ID), "not sent")
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)):
        before = app.lines()
        app.timeline.settings_changed(COMPACT)
        shown = [line.rstrip() for line in app.lines() if line.strip()]
        shown = [re.sub(r"\d\d:\d\d", "hh:mm", line) for line in shown if "──" not in line]
        assert shown == [
            " hh:mm Béla        hello",
            " hh:mm             again",
            " hh:mm You         a text that is so long that it does    ✓",
            "                   not fit on the one line beside the",
            "                   name of its author",
            " hh:mm You         not sent                               ◷",
        ]
        app.timeline.settings_changed(ROOMY)
        assert app.lines() == before


async def test_what_is_selected_beside_a_wide_name_is_copied_exactly(world: World) -> None:
    user = world.cache.user(2)
    assert user is not None
    world.cache.store_users([type(user)(id=2, email=user.email, display_name="漢字かな", rev=99)])
    world.store([created(), message(2, "copy exactly this")], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)):
        app.timeline.settings_changed(COMPACT)
        row = next(line for line in app.lines() if "copy exactly" in line)
        assert cell_len(row) == 60
        start = row.index("exactly")
        lead = 0
        place = Place(2, lead).y
        found = app.timeline.get_selection(Selection(Offset(start, place), Offset(start + 7, place)))
        assert found == ("exactly", "\n")


async def test_compact_names_the_author_of_a_reply_before_what_is_quoted(world: World) -> None:
    """Time and name begin the message; its own text and its mark follow below."""
    reply = replace(message(3, "the answer", OWN_ID), reply_to=2)
    world.store([created(), message(2, "the question"), reply], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)):
        app.timeline.settings_changed(COMPACT)
        shown = [re.sub(r"\d\d:\d\d", "hh:mm", line.rstrip()) for line in app.lines() if "──" not in line]
        assert [line for line in shown if line][1:] == [
            " hh:mm You         │ Béla: the question",
            "                   the answer                             ✓",
        ]


async def test_narrow_views_keep_the_names_above_but_no_empty_lines(world: World) -> None:
    world.store([created(), message(2, "hello")], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(COMPACT_MIN, 8)):
        app.timeline.settings_changed(COMPACT)
        lines = [line.strip() for line in app.lines() if line.strip()]
        assert lines[-1] == "hello"
        assert lines[-2].startswith("Béla")


_chats = iter(range(4_000_000, 5_000_000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.integers(0, 200), STEPS)
def test_heights_are_exact_in_both_densities(world: World, cached: int, steps: list[tuple[str, int, int]]) -> None:
    """Changing to and fro while things happen: every block is as high as its lines are many."""
    script = Script(world, next(_chats), cached, seen=cached)
    for number, step in enumerate(steps):
        script.viewport.look(Bodies(OWN_ID, compact=number % 2 == 0))
        script.apply(step)
        blocks = script.viewport.document.blocks
        for index in range(len(blocks)):
            assert blocks[index].height == blocks.heights[index] == sum(len(item.lines) for item in blocks[index].items)


def test_columns_never_take_more_than_there_is() -> None:
    for width in range(1, 200):
        for compact in (False, True):
            columns = Columns.of(width, compact=compact)
            assert columns.indent + columns.body <= max(columns.text, 6)
