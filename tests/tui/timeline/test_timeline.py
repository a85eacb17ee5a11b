"""What a reader sees in the message view, and what the view tells the screen around it."""

import sqlite3
from contextlib import closing
from functools import partial

import pytest
from textual import events

from chatproto.errors import ErrorInfo
from chatproto.models import ChatCreated, ChatHead, Floor, LogEvent, event_id
from chatterm.bench.data import CHAT_ID, FIRST_AT, OWN_ID, message
from chatterm.client.model import Target
from chatterm.tui.timeline import ChatView, HolesWanted, widget
from tests.tui.timeline.world import TimelineApp, World, until

MINUTE = 60_000_000


def created(title: str = "garden") -> ChatCreated:
    return ChatCreated(id=event_id(CHAT_ID, 1), seq=1, at=FIRST_AT, sender_id=2, title=title, member_ids=[1, 2])


def chain(first: int, last: int, text: str = "message {}") -> list[LogEvent]:
    return [message(seq, text.format(seq), at=FIRST_AT + seq * MINUTE) for seq in range(first, last + 1)]


async def test_messages_are_grouped_by_author_under_date_lines(world: World) -> None:
    """A header for a new author, after seven minutes and on a new day; times where the minute changes."""
    day = 24 * 60 * MINUTE
    world.store(
        [
            created(),
            message(2, "first", 2, at=FIRST_AT + 10 * MINUTE),
            message(3, "same minute", 2, at=FIRST_AT + 10 * MINUTE + 1),
            message(4, "next minute", 2, at=FIRST_AT + 11 * MINUTE),
            message(5, "mine", OWN_ID, at=FIRST_AT + 12 * MINUTE),
            message(6, "much later", OWN_ID, at=FIRST_AT + 40 * MINUTE),
            message(7, "other day", OWN_ID, at=FIRST_AT + day),
        ],
        seen=True,
    )
    app = TimelineApp(world)
    async with app.run_test(size=(60, 24)):
        lines = [line.strip() for line in app.lines()]
    assert [line for line in lines if line] == [
        lines_of("Sunday 13 September"),
        lines_of("Béla made the group “garden” · 12:26"),
        "Béla                                              12:36",
        "first",
        "same minute",
        "next minute                                     12:37",
        "You                                               12:38",
        "mine                                                   ✓",
        "You                                               13:06",
        "much later                                             ✓",
        lines_of("Monday 14 September"),
        "You                                               12:26",
        "other day                                              ✓",
    ]


def lines_of(text: str) -> str:
    """A rule across the 58 cells of text with words in its middle."""
    space = 58 - len(text) - 2
    return f"{'─' * (space // 2)} {text} {'─' * (space - space // 2)}"


async def test_a_message_from_another_year_has_it_in_its_date_line(world: World) -> None:
    """The year is left out only if it is this one."""
    world.store([created(), message(2, "old", at=FIRST_AT + 400 * 24 * 60 * MINUTE)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 24)):
        assert "Monday 18 October 2021" in app.text()
        assert "Sunday 13 September ─" in app.text()


async def test_text_of_others_is_shown_and_never_interpreted(world: World) -> None:
    """Escape sequences become pictures, markup stays as it was typed, bidi overrides are named."""
    world.store([created("[bold]\u202etitle"), message(2, "\x1b]52;c;aGk=\x07 [red]no[/red] [/] \u202eabc")], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(70, 20)):
        text = app.text()
    assert "␛]52;c;aGk=␇ [red]no[/red] [/] ‹U+202E›abc" in text
    assert "“[bold]‹U+202E›title”" in text
    assert not any(character < " " and character != "\n" for character in text)


async def test_a_message_cannot_look_like_a_line_of_the_system(world: World) -> None:
    """Text of people is indented under their name; a rule across the view is only drawn by the view."""
    world.store([created(), message(2, "─" * 20 + "\nBéla made the group “x”")], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)):
        rules = [line for line in app.lines() if line.startswith(" ─")]
    assert len(rules) == 2


async def test_states_of_unsent_messages_are_shown_with_reasons(world: World) -> None:
    """Queued, sending, failed with what to do, and held because of the failed one."""
    world.store([created(), message(2, "hello")], seen=True)
    target = Target(chat_id=CHAT_ID)
    app = TimelineApp(world)
    async with app.run_test(size=(70, 30)) as pilot:
        rows = [world.outbox.append(target, text) for text in ("one", "two")]
        app.timeline.outbox_changed()
        await until(pilot, lambda: "two" in app.text(), "queued messages appear")
        assert [line.split() for line in app.lines()[-2:]] == [["one", "◷"], ["two", "◷"]]
        world.outbox.take(1, 1_000)
        app.timeline.outbox_changed()
        await until(pilot, lambda: app.lines()[-2].split() == ["one", "…"], "the first is being sent")
        error = ErrorInfo(code="notMember", message="You are not a member.", hint="Ask a \x1b[31mmember.")
        world.outbox.refused(rows[0].client_id, error)
        app.timeline.outbox_changed()
        await until(pilot, lambda: "✗" in app.text(), "the first failed")
        assert "Not sent. You are not a member. Ask a ␛[31mmember." in app.text()
        assert "‖" in app.lines()[-2]
        assert "Held back" in app.lines()[-1]


async def test_a_sent_message_is_drawn_once(world: World) -> None:
    """Between the event's arrival and the end of its outbox row there are two copies; one is drawn, as sent."""
    world.store([created()], seen=True)
    row = world.outbox.append(Target(chat_id=CHAT_ID), "only once")
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        assert app.text().count("only once") == 1
        assert "◷" in app.text()
        world.store([message(2, "only once", OWN_ID, client_id=row.client_id)])
        app.timeline.events_stored(2, 2, True)
        await until(pilot, lambda: "✓" in app.text(), "the message is shown as sent")
        assert app.text().count("only once") == 1
        assert "◷" not in app.text()


def _lacks(app: TimelineApp, text: str) -> bool:
    return text not in app.text()


async def test_removed_messages_leave_a_line_that_says_so(world: World) -> None:
    """They go at once while it is open; the line is there also when nothing is left, and when it is opened again."""
    world.store([created(), *chain(2, 30)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(70, 20)) as pilot:
        assert "message 29" in app.text()
        for floor in (28, 29, 30):
            world.cache.store_floors([Floor(chat_id=CHAT_ID, floor=floor, days=30.0)])
            world.cache.purge(CHAT_ID)
            app.timeline.events_stored(1, 0, False)
            await until(pilot, partial(_lacks, app, f"message {floor}"), "the messages are gone")
            assert ("message 30" in app.text()) is (floor < 30)
            assert app.text().count("Earlier messages were removed after 30 days.") == 1
        app.timeline.show(app.timeline.chat)
        await until(pilot, lambda: "Earlier messages were removed after 30 days." in app.text(), "it is opened again")


async def test_the_newest_message_stays_in_sight_and_is_reported_as_seen(world: World) -> None:
    """While at the end, live messages scroll the view and count as seen; nothing is below."""
    world.store([created(), *chain(2, 80)])
    world.cache.store_seen(CHAT_ID, 79)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: app.seen == [80], "the newest message was seen")
        world.store(chain(81, 90))
        app.timeline.events_stored(81, 90, True)
        await until(pilot, lambda: "message 90" in app.text(), "live messages appear")
        await until(pilot, lambda: app.seen[-1] == 90, "they were seen")
        assert app.below == [0]


async def test_a_reader_in_the_past_is_not_moved_and_is_told_of_new_messages(world: World) -> None:
    """Live messages below change nothing on screen; `end` returns to the newest."""
    world.store([created(), *chain(2, 200)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.focus()
        await pilot.press("pageup", "pageup", "up")
        before = app.lines()
        world.store(chain(201, 230))
        app.timeline.events_stored(201, 230, True)
        await until(pilot, lambda: app.below[-1:] == [30], "thirty new messages below")
        assert app.lines() == before
        assert app.seen == []
        await pilot.press("end")
        assert "message 230" in app.text()
        await until(pilot, lambda: app.below[-1] == 0 and app.seen == [230], "all was seen")


async def test_nothing_is_seen_while_the_terminal_is_in_the_background(world: World) -> None:
    """A message that arrives while another window has the focus is seen when the focus comes back."""
    world.store([created(), *chain(2, 10)])
    world.cache.store_seen(CHAT_ID, 9)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        await until(pilot, lambda: app.seen == [10], "the newest message was seen")
        app.app_focus = False
        world.store(chain(11, 11))
        app.timeline.events_stored(11, 11, True)
        await until(pilot, lambda: "message 11" in app.text(), "the message appears")
        assert app.seen == [10]
        app.app_focus = True
        await until(pilot, lambda: app.seen == [10, 11], "it was seen")


async def test_reading_goes_on_at_the_new_messages_line_which_stays(world: World) -> None:
    """A chat with unread messages opens at them; the line stays where it is while they are read."""
    world.store([created(), *chain(2, 300)])
    world.cache.store_seen(CHAT_ID, 100)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        lines = [line.strip(" ─") for line in app.lines()]
        assert "200 new" in lines[:4]
        assert any(line.startswith("message 101") for line in lines)
        world.cache.store_seen(CHAT_ID, 300)
        app.timeline.seen_changed()
        await pilot.pause()
        assert "200 new" in app.text()


async def test_own_messages_after_the_marker_are_not_new(world: World) -> None:
    """The line stands before the first message of somebody else."""
    world.store([created(), message(2, "old"), message(3, "mine", OWN_ID), message(4, "theirs")])
    world.cache.store_seen(CHAT_ID, 2)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)):
        lines = [line.strip(" ─✓") for line in app.lines()]
    assert lines.index("mine") < lines.index("1 new") < lines.index("theirs")


async def test_a_hole_is_drawn_asked_for_once_and_filled_in_place(world: World) -> None:
    """The mark counts the whole hole; filling it moves nothing that is being read."""
    world.store([created(), *chain(2, 100), *chain(1_500, 1_600)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 30)) as pilot:
        app.timeline.focus()
        while "not loaded yet" not in app.text():
            await pilot.press("pageup")
        assert "… 1,399 messages not loaded yet …" in app.text()
        assert app.wanted == [HolesWanted(CHAT_ID, 1_300, 1_499)]
        app.timeline.show_online(False)
        assert "… 1,399 messages not loaded yet; you are offline …" in app.text()
        app.timeline.show_online(True)
        reading = [line for line in app.lines() if "message 15" in line]
        rows = [app.lines().index(line) for line in reading]
        world.store(chain(1_300, 1_499))
        app.timeline.events_stored(1_300, 1_499, False)
        await until(pilot, lambda: "message 1499" in app.text(), "the hole fills")
        # The first message after the hole loses its header, so its own lines hold still.
        assert [app.lines()[row] for row in rows[1:]] == reading[1:]


async def test_what_is_missing_is_asked_for_again_when_told(world: World) -> None:
    """Nothing came while offline; when the connection is back the same range is asked for again."""
    world.store([created(), *chain(50, 60)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 30)) as pilot:
        await until(pilot, lambda: app.wanted == [HolesWanted(CHAT_ID, 2, 49)], "the hole is asked for")
        app.timeline.outbox_changed()
        await pilot.pause()
        assert len(app.wanted) == 1
        app.timeline.ask_again()
        await until(pilot, lambda: len(app.wanted) == 2, "it is asked for again")


async def test_names_that_change_are_drawn_anew(world: World) -> None:
    """A new display name appears at once."""
    world.store([created(), message(2, "hello")], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)):
        assert "Béla" in app.text()
        user = world.cache.user(2)
        assert user is not None
        world.cache.store_users([type(user)(id=2, email=user.email, display_name="Béla Bartók", rev=99)])
        app.timeline.users_changed()
        assert "Béla Bartók" in app.text()


async def test_an_empty_conversation_says_how_to_begin(world: World) -> None:
    """A person never written to has no chat yet; with no conversation chosen there is a hint too."""
    app = TimelineApp(world, ChatView(None, (Target(user_id=3),), "Csilla\x1b[0m"))
    async with app.run_test(size=(60, 20)) as pilot:
        assert "No messages yet. Say hello to Csilla␛[0m." in app.text()
        world.outbox.append(Target(user_id=3), "first words")
        app.timeline.outbox_changed()
        await until(pilot, lambda: "first words" in app.text(), "the queued message appears")
        assert "Say hello" not in app.text()
        app.timeline.show(None)
        assert "Choose a conversation" in app.text()


async def test_one_event_that_cannot_be_shown_leaves_the_others_readable(world: World) -> None:
    """A time that no calendar knows, or a broken event, is a card of one line."""
    world.store(
        [created(), message(2, "before", at=FIRST_AT), message(3, "odd", at=(1 << 53) - 1), message(4, "after")]
    )
    app = TimelineApp(world)
    async with app.run_test(size=(60, 30)):
        assert "before" in app.text()
        assert "after" in app.text()


async def test_the_view_works_at_any_size(world: World) -> None:
    """Tiny and huge terminals, and changes between them."""
    world.store([created(), *chain(2, 40, "a message of some length with the number {}")], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        for width, height in ((12, 3), (300, 80), (8, 1), (40, 12)):
            await pilot.resize_terminal(width, height)
            lines = app.lines()
            assert len(lines) == app.timeline.size.height
            assert {len(line) for line in lines} == {app.timeline.size.width}
        assert "number 40" in app.text()


@pytest.mark.parametrize("table", ["events", "users", "chats", "messages"])
async def test_a_file_that_cannot_be_read_for_a_while_is_tried_again(
    world: World, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever cannot be read, the view lives on and shows everything once it can be."""
    monkeypatch.setattr(widget, "RETRY_S", 0.02)
    world.store([created(), *chain(2, 30)])
    row = world.outbox.append(Target(chat_id=CHAT_ID), "not sent yet")
    path = world.path if table != "messages" else world.path.with_name("outbox.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
        app = TimelineApp(world)
        async with app.run_test(size=(60, 60)) as pilot:
            app.timeline.events_stored(1, 30, True)
            app.timeline.outbox_changed()
            await pilot.pause()
            app.lines()
            connection.execute(f"ALTER TABLE elsewhere RENAME TO {table}")
            app.timeline.events_stored(1, 30, False)
            await until(pilot, lambda: "message 30" in app.text() and "Béla" in app.text(), "the messages are back")
            await until(pilot, lambda: row.text in app.text(), "the queued message is back")


async def test_a_log_known_to_be_longer_shows_what_is_missing(world: World) -> None:
    """Only the head of the chat arrived: the rest is drawn as a gap at the end, and asked for."""
    world.store([created(), *chain(2, 30)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        world.cache.store_heads([ChatHead(chat_id=CHAT_ID, head=45, head_at=FIRST_AT + 45 * MINUTE)], None)
        app.timeline.seen_changed()
        await until(pilot, lambda: "… 15 messages not loaded yet …" in app.text(), "the gap is drawn")
        await until(pilot, lambda: app.wanted == [HolesWanted(CHAT_ID, 31, 45)], "it is asked for")
        assert app.seen == []


async def test_the_wheel_and_the_keys_scroll(world: World) -> None:
    """Up and down by wheel and keys, to both ends; the scrollbar follows."""
    world.store([created(), *chain(2, 200)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 20)) as pilot:
        timeline = app.timeline
        timeline.focus()
        end = timeline.scroll_offset.y
        for event in (events.MouseScrollUp, events.MouseScrollUp, events.MouseScrollDown):
            timeline.post_message(event(timeline, 5, 5, 0, 0, 0, False, False, False))
            await pilot.pause()
        assert timeline.scroll_offset.y == end - int(app.scroll_sensitivity_y)
        assert not timeline.at_end
        await pilot.press("up", "pageup", "down")
        assert timeline.scroll_offset.y < end - 15
        await pilot.press("home")
        assert "Béla made the group" in app.text()
        assert timeline.vertical_scrollbar.position == 0
        await pilot.press("pagedown", "end")
        assert timeline.scroll_offset.y == end
        assert timeline.at_end
