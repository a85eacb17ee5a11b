"""The view holds still: whatever is stored, filled, queued or resized, it equals a fresh view at the same place."""

from datetime import UTC
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chatproto.models import Chat, ChatChanged, FileInfo, Floor, LogEvent, MembersChanged, Message, MessageChanged
from chatterm.bench.data import FIRST_AT, OWN_ID, message
from chatterm.client.model import Target
from chatterm.tui.timeline import ChatView
from chatterm.tui.timeline.document import Document, find_unread
from chatterm.tui.timeline.items import Item, Kind, Unread
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.viewport import Viewport
from tests.tui.timeline.world import VIEW, World

TEXTS = ("short", "a few words more than fit on one line of a narrow terminal", "two\nlines", "漢字かな交じり文" * 4)
MINUTE = 60_000_000


class Shown(NamedTuple):
    """Everything that a line is painted from."""

    key: int
    last_key: int
    line: tuple[Kind, int, int]
    text: str
    more: tuple[object, ...]
    note: str
    stamped: bool
    mark: int


def shown(item: Item, line: int) -> Shown:
    more = (item.told, item.parts, item.reply_to, item.quote, item.forwarded_from, item.lead)
    return Shown(item.key, item.last_key, item.lines[line], item.text, more, item.note, item.stamped, item.mark)


def everything(document: Document) -> list[Shown]:
    """All lines, measured from end to end."""
    for index in range(len(document.blocks)):
        _ = document.blocks[index]
    return [shown(*document.line(number)) for number in range(document.height)]


def on_screen(viewport: Viewport) -> list[Shown]:
    found = (viewport.line(row) for row in range(viewport.rows))
    return [shown(*place) for place in found if place is not None]


def document_of(world: World, view: ChatView = VIEW, width: int = 40, unread: Unread | None = None) -> Document:
    days = LocalTime(UTC, lambda: FIRST_AT / 1_000_000)
    return Document(world.cache, world.outbox, view, own_id=OWN_ID, days=days, width=width, unread=unread)


def changed(seq: int, after: Message, at: int) -> MessageChanged:
    return MessageChanged(id=f"c{seq}", seq=seq, at=at, sender_id=2, change="edited", message=after)


class Script:
    """Changes to one chat, applied to the cache and to a viewport that is on screen all the while."""

    def __init__(self, world: World, chat_id: int, cached: int, *, seen: int) -> None:
        self.world = world
        self.chat_id = chat_id
        self.view = ChatView(chat_id, (Target(chat_id=chat_id),), "a chat")
        world.cache.store_chats([Chat(id=chat_id, kind="group", title="a chat", member_count=3)])
        self.head = cached
        self.store(range(1, cached + 1))
        world.cache.store_seen(chat_id, seen)
        self.viewport = Viewport(document_of(world, self.view, unread=find_unread(world.cache, chat_id, OWN_ID)), 12)

    def store(self, seqs: range) -> tuple[int, ...]:
        """Cache these events; the messages that they change."""
        return self.world.cache.store_events(self.chat_id, [self.event(seq) for seq in seqs]).changed

    def event(self, seq: int) -> LogEvent:
        """What lies at a seq: messages of all kinds, and runs of changes that have no line."""
        at = FIRST_AT + seq * MINUTE + seq // 50 * 9 * MINUTE
        if seq % 11 == 0 or (140 <= seq < 300 and seq % 40):
            return changed(seq, self.message(seq // 22 * 11 + 1, rev=seq), at)
        if seq % 23 == 0:
            place: dict[str, Any] = {"id": f"{self.chat_id}.{seq}", "seq": seq, "at": at, "sender_id": 2}
            return MembersChanged(**place, added=[3], removed=[4]) if seq % 2 else ChatChanged(**place, topic="new")
        return self.message(seq)

    def message(self, seq: int, rev: int = 0) -> Message:
        """A message as it is after the change `rev`, 0 for none yet."""
        at = FIRST_AT + seq * MINUTE + seq // 50 * 9 * MINUTE
        plain = message(seq, TEXTS[(seq * 7 + rev) % 4], 1 + seq // 3 % 3, at=at)
        if rev % 7 == 6:
            return replace(plain, text="", deleted=True, rev=rev)
        return replace(
            plain,
            rev=rev,
            reply_to=seq - 5 if seq % 6 == 0 else 0,
            edited_at=rev,
            pinned=rev % 3 == 1,
            files=[FileInfo(id=1, name=f"{seq}.txt", size=seq, media_type="text/plain")] if seq % 9 == 0 else [],
        )

    def change(self, place: int, rev: int) -> None:
        """A message near the end, or anywhere, is changed by an event that is stored at the same time."""
        seq = max(1, self.head - place % 60) if place % 2 else place % self.head + 1 if self.head else 1
        self.head = max(self.head, seq) + 1
        rev = self.head * 100 + rev % 7
        known = self.world.cache.messages(self.chat_id, [seq])
        if not known:
            self.append(1, 0)
            return
        after = replace(self.message(seq, rev), seq=seq)
        event = changed(self.head, after, FIRST_AT + self.head * MINUTE)
        stored = self.world.cache.store_events(self.chat_id, [event])
        self.viewport.stored(self.head, self.head, stored.changed)

    def append(self, count: int, gap: int) -> None:
        first = self.head + 1 + gap
        self.head = first + count - 1
        self.viewport.stored(first, self.head, self.store(range(first, self.head + 1)))

    def fill(self, place: int, count: int) -> None:
        holes = self.world.cache.holes(self.chat_id, 1, self.head)
        if holes:
            first, last = holes[place % len(holes)]
            first += place % (last - first + 1)
            last = min(last, first + count - 1)
            self.viewport.stored(first, last, self.store(range(first, last + 1)))

    def sink(self, count: int) -> None:
        """The server removes so many events more, or all there are."""
        cache = self.world.cache
        floor = min(self.head, cache.floor(self.chat_id) + count)
        cache.store_floors([Floor(chat_id=self.chat_id, floor=floor, days=30.0)])
        cache.purge(self.chat_id)
        self.viewport.stored(1, 0)

    def queue(self, count: int) -> None:
        for number in range(count):
            self.world.outbox.append(Target(chat_id=self.chat_id), TEXTS[number % 4])
        self.viewport.stored(1, 0)

    def apply(self, step: tuple[str, int, int]) -> None:
        kind, a, b = step
        if kind == "append":
            self.append(a % 40 + 1, b % 300 if b % 3 == 0 else 0)
        elif kind == "fill":
            self.fill(a, b % 200 + 1)
        elif kind == "change":
            self.change(a, b)
        elif kind == "resize":
            self.viewport.resize(a % 60 + 8, b % 30 + 1)
        elif kind == "scroll":
            self.viewport.go(self.viewport.top + a % 41 - 30)
        elif kind == "jump":
            self.viewport.go(a * 7)
        elif kind == "end":
            self.viewport.go_to(None)
        elif kind == "sink":
            self.sink(a % 200 + 1)
        else:
            self.queue(a % 3 + 1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "fill", "change", "resize", "scroll", "jump", "end", "queue", "sink"]),
        st.integers(0, 500),
        st.integers(0, 500),
    ),
    max_size=12,
)
CHANGES = ("append", "fill", "queue")
_chats = iter(range(1_000, 1_000_000))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 300), st.integers(0, 300), STEPS)
def test_after_any_changes_the_view_equals_a_fresh_one(
    world: World, cached: int, seen: int, steps: list[tuple[str, int, int]]
) -> None:
    """Appended, filled, resized, scrolled and queued in any order: the same lines as opened anew, on the same rows."""
    script = Script(world, next(_chats), cached, seen=min(seen, cached))
    for step in steps:
        script.apply(step)
    viewport = script.viewport
    fresh = document_of(world, script.view, viewport.document.columns.width, viewport.document.unread)
    again = Viewport(fresh, viewport.rows)
    again.go_to(viewport.anchor)
    lines = on_screen(viewport)
    assert len(lines) == min(viewport.rows, viewport.document.height)
    assert on_screen(again) == lines
    assert everything(viewport.document) == everything(fresh)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(50, 300), st.integers(0, 300), STEPS)
def test_what_is_being_read_stays_on_its_row(
    world: World, cached: int, seen: int, steps: list[tuple[str, int, int]]
) -> None:
    """Whatever is appended, filled or queued, the anchored line does not move; only an end of the chat may push it."""
    script = Script(world, next(_chats), cached, seen=min(seen, cached))
    script.viewport.go(cached)
    for step in steps:
        anchor = script.viewport.anchor
        place = script.viewport.line(anchor.row) if anchor is not None else None
        before = shown(*place) if place is not None else None
        as_it_was = world.cache.messages(script.chat_id, [before.key] if before is not None else [])
        script.apply(step)
        if before is not None and world.cache.messages(script.chat_id, [before.key]) != as_it_was:
            continue  # the message itself was edited by what was appended
        if anchor is None or before is None or before.line[0] is not Kind.BODY or step[0] not in CHANGES:
            continue
        after = script.viewport.line(anchor.row)
        if script.viewport.top > 0 and not script.viewport.at_end:
            assert after is not None
            assert shown(*after)[:4] == before[:4]


@pytest.fixture(scope="module")
def long_viewport(long_world: World) -> Viewport:
    return Viewport(document_of(long_world, width=80), 40)


def test_three_thousand_steps_upward_never_jump(long_viewport: Viewport) -> None:
    """Each step shows the same lines one row lower, and one more on top."""
    before = on_screen(long_viewport)
    for _ in range(3_000):
        long_viewport.go(long_viewport.top - 1)
        now = on_screen(long_viewport)
        assert now[1:] == before[:-1]
        before = now


def test_pages_upward_and_downward_meet_the_same_lines(long_viewport: Viewport) -> None:
    """A page up and then down returns to the same screen, wherever in the history."""
    for top in (400_000, 1_000_000, 1_700_001, 77):
        long_viewport.go(top)
        before = on_screen(long_viewport)
        long_viewport.go(long_viewport.top - 38)
        assert on_screen(long_viewport)[38:] == before[:2]
        long_viewport.go(long_viewport.top + 38)
        assert on_screen(long_viewport) == before


def test_a_resize_keeps_the_message_that_was_being_read(long_viewport: Viewport) -> None:
    """The text on the first row stays on the first row, though it breaks elsewhere."""
    long_viewport.go(1_000_123)
    anchor = long_viewport.anchor
    assert anchor is not None
    for width, rows in ((60, 20), (200, 70), (30, 10), (80, 40)):
        long_viewport.resize(width, rows)
        found = long_viewport.line(anchor.row)
        assert found is not None
        assert found[0].key == anchor.key


def test_the_two_ends_stop_the_view(world: World) -> None:
    """Going past an end stays at it."""
    script = Script(world, 5, 300, seen=300)
    script.viewport.go(-50)
    assert script.viewport.top == 0
    assert on_screen(script.viewport)[0].key == 1
    script.viewport.go(1_000_000)
    assert script.viewport.follow
    assert on_screen(script.viewport)[-1].key == 300
