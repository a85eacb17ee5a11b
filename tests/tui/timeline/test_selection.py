"""Text selected with the mouse: highlighted where it lies and copied as it was written."""

from textual.geometry import Offset
from textual.selection import SELECT_ALL, Selection

from chatterm.bench.data import OWN_ID, message
from chatterm.tui.timeline.selection import Place
from tests.tui.timeline.test_timeline import chain, created
from tests.tui.timeline.world import TimelineApp, World

LONG = "Shall we plant the apple trees on Friday, or wait for better weather?\n\n    spade()"


async def test_dragging_over_messages_copies_their_text_as_written(world: World) -> None:
    """Wrapped lines are one line again, line feeds and indents stay, and what the view adds between is there once."""
    world.store([created(), message(2, LONG), message(3, "Yes. 漢字 too.", OWN_ID)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(50, 20)) as pilot:
        lines = [line.rstrip() for line in app.lines()]
        first, last = lines.index("   Shall we plant the apple trees on"), 19
        await pilot.mouse_down(app.timeline, offset=(9, first))
        await pilot.hover(app.timeline, offset=(12, last))
        await pilot.mouse_up(app.timeline, offset=(12, last))
        copied = app.screen.get_selected_text()
        assert copied is not None
        assert copied.startswith("we plant the apple trees on Friday, or wait for better weather?\n\n    spade()\nYou ")
        assert copied.splitlines()[-1].startswith("Yes. 漢字")
        shown = app.timeline.render_lines(app.timeline.size.region)[first]
        selected = app.screen.get_component_rich_style("screen--selection").bgcolor
        marked = [segment for segment in shown if segment.style and segment.style.bgcolor == selected]
        assert "".join(segment.text for segment in marked) == "we plant the apple trees on"
        assert all(segment.style.color != selected for segment in marked if segment.style), "it can be read"


async def test_a_selection_stays_with_its_text_when_the_view_moves(world: World) -> None:
    """It belongs to the message, not to the row of the screen."""
    world.store([created(), *chain(2, 100)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(50, 20)):
        place = Place(60, 0).y
        selection = Selection(Offset(3, place), Offset(13, place))
        for top in (0, 40, 80):
            app.timeline.scroll_to(y=top)
            assert app.timeline.get_selection(selection) == ("message 60", "\n")


async def test_selecting_all_means_what_is_on_screen(long_world: World) -> None:
    """A double click in a chat of a million messages copies a screenful."""
    app = TimelineApp(long_world)
    async with app.run_test(size=(80, 20)):
        found = app.timeline.get_selection(SELECT_ALL)
        assert found is not None
        assert 1 < len(found[0].splitlines()) <= 40
