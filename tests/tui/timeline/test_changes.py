"""What a reader sees of messages that changed, answer, or carry something, and of what happens to a group."""

from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.models import (
    ChatChanged,
    ChatCreated,
    FileInfo,
    Forwarded,
    LogEvent,
    MembersChanged,
    Message,
    MessageChanged,
    Reaction,
    event_id,
)
from chatterm.bench.data import CHAT_ID, FIRST_AT, OWN_ID, message
from chatterm.tui.timeline.items import Columns, Item
from chatterm.tui.timeline.paint import Painter
from tests.tui.timeline.world import TimelineApp, World, until

SIZE = (60, 30)


def changed(seq: int, after: Message) -> MessageChanged:
    return MessageChanged(
        id=event_id(CHAT_ID, seq), seq=seq, at=FIRST_AT + seq, sender_id=2, change="edited", message=after
    )


def rows(app: TimelineApp) -> list[str]:
    """The lines on screen that say something."""
    return [text for line in app.lines() if (text := line.strip(" ─"))]


def store(app: TimelineApp, world: World, *events: LogEvent) -> None:
    """Have events arrive while the view is open."""
    stored = world.cache.store_events(CHAT_ID, events)
    app.timeline.events_stored(events[0].seq, events[-1].seq, True, stored.changed)


async def test_a_message_shows_what_it_has_beside_its_text(world: World) -> None:
    """Each in a line of its own, above or below the text; the mark of an own message is on its first line."""
    full = replace(
        message(2, "look at this", OWN_ID),
        reply_to=1,
        forwarded=Forwarded(sender_id=3, at=1),
        files=[
            FileInfo(id=1, name="orchard.jpg", size=1_234_567, media_type="image/jpeg", width=800, height=600),
            FileInfo(id=2, name="n" * 90 + ".txt", size=12, media_type="text/plain"),
        ],
        reactions=[Reaction(emoji="👍", user_ids=[2, 3]), Reaction(emoji="🎉", user_ids=[4])],
        edited_at=5,
        pinned=True,
    )
    world.store([message(1, "the question\nwith a second line"), full], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=SIZE):
        shown = rows(app)[4:]
    assert shown[0].startswith("You")
    assert shown[1:4] == ["↪ from Csilla", "│ Béla: the question", "look at this" + " " * 43 + "✓"]
    assert shown[4] == "▤ orchard.jpg  1.2 MB, 800 × 600"
    assert shown[5].startswith("▤ nnnn")
    assert shown[5].endswith("…  12 bytes")
    assert shown[6:] == ["(edited) · ⚑ pinned · 👍 2 · 🎉 1"]


async def test_a_message_of_files_alone_has_no_empty_line(world: World) -> None:
    file = FileInfo(id=1, name="a.txt", size=1_000, media_type="text/plain")
    world.store([replace(message(1, "", OWN_ID), files=[file])], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=SIZE):
        lines = app.lines()
    assert lines[-1].split() == ["▤", "a.txt", "1.0", "KB", "✓"]
    assert "You" in lines[-2]


async def test_what_happens_to_a_group_is_told_in_lines_of_the_system(world: World) -> None:
    place: dict[str, Any] = {"at": FIRST_AT, "sender_id": 2}
    world.store(
        [
            ChatCreated(id="1", seq=1, title="garden", **place),
            ChatChanged(id="2", seq=2, title="Garden", topic="What grows", **place),
            ChatChanged(id="3", seq=3, topic="", **place),
            MembersChanged(id="4", seq=4, added=[3, OWN_ID], **place),
            MembersChanged(id="5", seq=5, added=[3, 4, 5, 77], **place),
            MembersChanged(id="6", seq=6, removed=[3], **place),
            MembersChanged(id="7", seq=7, removed=[2], owner_id=OWN_ID, **place),
            MembersChanged(id="8", seq=8, added=[3], at=FIRST_AT, sender_id=3),
        ],
        seen=True,
    )
    app = TimelineApp(world)
    async with app.run_test(size=SIZE):
        told = [line.removesuffix(" · 12:26") for line in rows(app)[1:]]
    assert told == [
        "Béla made the group “garden”",
        "Béla named the group “Garden”",
        "Béla set the topic “What grows”",
        "Béla took the topic away",
        "Béla added Csilla and You",
        "Béla added Csilla, Dénes and 2 others",
        "Béla removed Csilla",
        "Béla left",
        "The group now belongs to You",
        "Csilla joined",
    ]


async def test_changes_are_shown_at_once_where_the_message_is(world: World) -> None:
    """Edited, deleted, quoted: in place, no line for the change, and nothing else moves."""
    answer = replace(message(3, "the answer"), reply_to=2)
    world.store([message(1, "first"), message(2, "second"), answer], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=SIZE) as pilot:
        assert "│ Béla: second" in app.text() or "│ Csilla: second" in app.text()
        store(app, world, changed(4, replace(message(2, "2nd"), edited_at=4, rev=4)))
        await until(pilot, lambda: "(edited)" in app.text(), "the edit is shown")
        assert "second" not in app.text()
        assert app.text().count("2nd") == 2
        store(app, world, changed(5, replace(message(2, ""), deleted=True, rev=5)))
        await until(pilot, lambda: app.text().count("message deleted") == 2, "the deletion is shown, and in the quote")
        assert "(edited)" not in app.text()
        assert rows(app)[-1].startswith("the answer")
        assert app.below in ([], [0])


async def test_a_change_paints_the_lines_of_its_message_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many lines are on screen; and the change itself takes none."""
    world.store([message(seq, f"message {seq}") for seq in range(1, 301)], seen=True)
    app = TimelineApp(world)
    painted: list[int] = []
    paint = Painter.strip

    def counting(painter: Painter, item: Item, line: int, columns: Columns) -> Any:
        painted.append(item.key)
        return paint(painter, item, line, columns)

    async with app.run_test(size=SIZE) as pilot:
        assert "message 300" in app.text()
        height = app.timeline.virtual_size.height
        monkeypatch.setattr(Painter, "strip", counting)
        store(app, world, changed(301, replace(message(297, "other words"), rev=301)))
        await until(pilot, lambda: "other words" in app.text(), "the change is shown")
        assert set(painted) == {297}
        assert app.timeline.virtual_size.height == height


async def test_a_run_of_changes_longer_than_a_block_takes_no_line(world: World) -> None:
    """The message after it stands right below the one before it, and no header comes between near ones."""
    after = replace(message(1, "liked"), rev=400)
    log: list[LogEvent] = [message(1, "first"), *(changed(seq, after) for seq in range(2, 400))]
    world.store([*log, replace(message(400, "last"), at=FIRST_AT + 900)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=SIZE) as pilot:
        assert "last" in app.text()
        assert rows(app)[2].startswith("liked")
        assert len([row for row in rows(app) if "last" in row or "liked" in row]) == 2
        app.timeline.action_page_up()
        await pilot.pause()
        assert "liked" in app.text()


async def test_changes_below_the_view_are_not_called_new(world: World) -> None:
    world.store([message(seq, f"message {seq}") for seq in range(1, 101)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=SIZE) as pilot:
        app.timeline.focus()
        await pilot.press("pageup", "pageup")
        store(app, world, changed(101, replace(message(3, "edited"), rev=101)), message(102, "really new"))
        await until(pilot, lambda: app.below[-1] == 1, "one is below")
