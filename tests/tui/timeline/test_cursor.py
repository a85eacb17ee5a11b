"""The selected message: how it moves, how it is shown, and that it stays on its message whatever happens around it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatterm.bench.data import CHAT_ID, OWN_ID, message
from chatterm.client.model import Target
from chatterm.tui.actions import ActionWanted
from chatterm.tui.timeline import MessagesLeft, Selected
from chatterm.tui.timeline.cursor import BAR, Cursor, in_sight, is_message, nearest, neighbour, preceding
from tests.tui.timeline.test_timeline import chain, created
from tests.tui.timeline.test_viewport import STEPS, Script
from tests.tui.timeline.world import TimelineApp, World, until


class CursorApp(TimelineApp):
    """Keeps what the keys ask for, too."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.asked: list[str] = []
        self.left: list[bool] = []

    def on_action_wanted(self, message: ActionWanted) -> None:
        self.asked.append(message.name)

    def on_messages_left(self, message: MessagesLeft) -> None:
        self.left.append(message.to_list)

    def marked(self) -> list[str]:
        """The lines of the selected message, as they are on screen."""
        return [line[1:].strip() for line in self.lines() if line.startswith(BAR)]

    @property
    def seq(self) -> int:
        return self.timeline.selected.seq if self.timeline.selected is not None else 0


async def test_the_newest_message_in_sight_is_selected_and_keys_move_on(world: World) -> None:
    """By message, page and to both ends, over lines of the system; marked by a bar, not by colour alone."""
    world.store([created(), *chain(2, 200)], seen=True)
    app = CursorApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.focus()
        await until(pilot, lambda: app.marked() == [app.lines()[-1][1:].strip()], "the newest is marked")
        assert app.timeline.selected == Selected(CHAT_ID, 200, b"")
        await pilot.press("up", "k", "down", "j", "up")
        assert app.seq == 199
        assert app.timeline.at_end
        await pilot.press(*["up"] * 40)
        assert app.seq == 159
        assert any("message 159" in line for line in app.marked())
        await pilot.press("pageup")
        assert 138 <= app.seq <= 144
        assert app.marked()
        await pilot.press("g")
        assert (app.seq, app.timeline.scroll_offset.y) == (2, 0)
        await pilot.press("up")
        assert app.seq == 2
        await pilot.press("G")
        assert (app.seq, app.timeline.at_end) == (200, True)
        await pilot.press("r")
        assert app.seq == 200


async def test_a_message_taller_than_the_view_is_read_through_before_the_next(world: World) -> None:
    tall = "\n".join(f"line {number}" for number in range(60))
    world.store([created(), message(2, "before"), message(3, tall), message(4, "after")], seen=True)
    app = CursorApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.focus()
        await pilot.press("up")
        assert app.seq == 3
        assert "line 0" in app.text()
        seen: set[str] = set()
        while app.seq == 3:
            seen.update(line.partition("  ")[0] for line in app.marked())
            await pilot.press("down")
        assert {f"line {number}" for number in range(60)} <= seen
        assert app.seq == 4


async def test_unsent_messages_are_selected_too_and_stay_so_when_they_are_sent(world: World) -> None:
    """By their client id; and a discarded one hands the selection on."""
    world.store([created(), message(2, "hello")], seen=True)
    rows = [world.outbox.append(Target(chat_id=CHAT_ID), text) for text in ("one", "two")]
    app = CursorApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.focus()
        await pilot.press("up")
        assert app.timeline.selected == Selected(CHAT_ID, 0, rows[0].client_id)
        world.store([message(3, "one", OWN_ID, client_id=rows[0].client_id)])
        app.timeline.events_stored(3, 3, True)
        await until(pilot, lambda: app.timeline.selected == Selected(CHAT_ID, 3, b""), "the sent one stays selected")
        await pilot.press("down")
        assert app.timeline.selected == Selected(CHAT_ID, 0, rows[1].client_id)
        world.outbox.discard(rows[1].client_id)
        app.timeline.outbox_changed()
        await until(pilot, lambda: app.seq == 3, "the one before is selected")


async def test_a_jump_selects_also_what_is_not_loaded_yet(world: World) -> None:
    """The view goes there, asks for it, and the message is selected once it is there."""
    world.store([created(), *chain(2, 50), *chain(900, 1_000)], seen=True)
    app = CursorApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.select(500)
        await until(pilot, lambda: bool(app.wanted) and app.wanted[-1].first_seq <= 500 <= app.wanted[-1].last_seq, "")
        assert app.timeline.selected is None
        world.store(chain(400, 600))
        app.timeline.events_stored(400, 600, False)
        await until(pilot, lambda: app.seq == 500, "the message is selected")
        assert any("message 500" in line for line in app.marked())


async def test_up_goes_through_what_is_not_loaded(world: World) -> None:
    """The selection never stands on a gap; it goes on at the messages behind it."""
    world.store([created(), *chain(2, 50), *chain(70, 100)], seen=True)
    app = CursorApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.focus()
        for _ in range(120):
            await pilot.press("up")
            if app.seq == 50:
                break
        assert app.seq == 50
        assert app.marked()


async def test_keys_act_on_the_selected_message_and_lead_back(world: World) -> None:
    world.store([created(), message(2, "hello")], seen=True)
    app = CursorApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.focus()
        await pilot.press("left", "escape")
        await until(pilot, lambda: app.left == [True, False], "both ways out")
        assert app.timeline.selected is None


_chats = iter(range(2_000_000, 3_000_000))
EVENTS = ("append", "fill", "change", "resize", "queue")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.integers(20, 300), st.integers(0, 11), STEPS)
def test_the_selection_stays_on_its_message_while_everything_changes(
    world: World, cached: int, row: int, steps: list[tuple[str, int, int]]
) -> None:
    """New and older messages, edits, queued ones, other sizes: it is the same message, and it stays in sight."""
    script = Script(world, next(_chats), cached, seen=cached)
    viewport, cursor = script.viewport, Cursor()
    item = nearest(viewport, row)
    assert item is not None
    cursor.select(item)
    chosen = cursor.selected(viewport.document)
    for step in steps:
        if step[0] not in EVENTS:
            continue

        def change(step: tuple[str, int, int] = step) -> None:
            script.apply(step)

        cursor.stay(viewport, change)
        assert cursor.selected(viewport.document) == chosen
        assert item.key in {shown.key for _, shown in in_sight(viewport)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.integers(1, 300), STEPS)
def test_going_up_and_down_meets_every_message_once(
    world: World, cached: int, steps: list[tuple[str, int, int]]
) -> None:
    """Whatever has happened before: up from the newest to what is not loaded, and back to the same message."""
    script = Script(world, next(_chats), cached, seen=cached)
    for step in steps:
        script.apply(step)
    document = script.viewport.document
    messages = [item.key for item in preceding(document, 1 << 60) if is_message(item)]
    met = messages[:1]
    while met and (item := neighbour(document, met[-1], -1)) is not None:
        met.append(item.key)
    assert met == messages[: len(met)]
    back = met[-1:]
    while back and (item := neighbour(document, back[-1], 1)) is not None:
        back.append(item.key)
    assert back == met[::-1]
