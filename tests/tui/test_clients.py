"""The client list on a real cache with many rows: cost by counting, scrolling, presence, watching, a broken row."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.pilot import Pilot
from textual.strip import Strip

from chatproto import limits
from chatproto.frames import ChatSettings
from chatproto.models import Chat, User
from chatterm.client.cache import Cache
from chatterm.client.model import Entry, EntryRef, PresenceState
from chatterm.tui import theme
from chatterm.tui.actions import ActionWanted
from chatterm.tui.clients import ClientList
from tests.support.tui import wait_until

PEOPLE = 20_000
ME = User(id=1, email="me@example.org", display_name="Me", rev=1)


class CountingList(ClientList):
    """Counts the rows that are drawn."""

    drawn = 0

    def _draw(self, entry: Entry, width: int) -> Strip:
        self.drawn += 1
        if entry.name == "unspeakable":
            raise RuntimeError("this row \x1b[31mcannot be drawn")
        return super()._draw(entry, width)


class ListApp(App[None]):
    """Shows one client list and keeps what it posts."""

    def __init__(self, cache: Cache) -> None:
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name
        self.online: set[int] | None = set()
        self.away: set[int] = set()
        self.list = CountingList(cache, self.presence)
        self.chosen: list[EntryRef] = []
        self.watched: list[tuple[int, ...]] = []
        self.watched_chats: tuple[int, ...] = ()
        self.wanted: list[tuple[str, str]] = []

    def presence(self, user_id: int) -> PresenceState | None:
        if self.online is None:
            return None
        if user_id in self.away:
            return PresenceState.AWAY
        return PresenceState.ONLINE if user_id in self.online else PresenceState.OFFLINE

    def compose(self) -> ComposeResult:
        yield self.list

    def on_client_list_chosen(self, message: ClientList.Chosen) -> None:
        self.chosen.append(message.ref)

    def on_client_list_watch_changed(self, message: ClientList.WatchChanged) -> None:
        self.watched.append(message.user_ids)
        self.watched_chats = message.chat_ids

    def on_action_wanted(self, message: ActionWanted) -> None:
        self.wanted.append((message.name, message.argument))

    @property
    def rows(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.screen._compositor.render_strips()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 people and three groups; copied for tests that change it."""
    folder = tmp_path_factory.mktemp("clients")
    cache = Cache.open(folder / "cache.db")
    cache.adopt("epoch", ME)
    people = [
        User(id=number, email=f"u{number}@example.org", display_name=f"Person {number:05}", rev=number)
        for number in range(2, PEOPLE + 2)
    ]
    cache.store_users([ME, *people])
    cache.store_chats([group(1_000_000 + number, 10 + number) for number in range(3)])
    cache.close()
    return folder


@pytest.fixture
def cache(folder: Path, tmp_path: Path) -> Iterator[Cache]:
    (tmp_path / "cache.db").write_bytes((folder / "cache.db").read_bytes())
    cache = Cache.open(tmp_path / "cache.db")
    yield cache
    cache.close()


def group(number: int, at: int, unread: int = 0) -> Chat:
    return Chat(id=number, kind="group", title=f"group {number}", member_count=3, head=9, head_at=at, unread=unread)


async def settled(app: ListApp, pilot: Pilot[None], text: str) -> None:
    await wait_until(pilot, lambda: any(text in row for row in app.rows))


async def test_an_update_draws_its_row_and_a_new_message_moves_to_the_top(cache: Cache) -> None:
    """One changed badge costs one row; a chat that becomes active a screenful, among 20,000."""
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        await settled(app, pilot, "Person 00002")
        await pilot.pause()
        app.list.drawn = 0
        app.list.update_entries(cache.store_chats([group(1_000_001, 11, unread=7)]))
        await wait_until(pilot, lambda: any("group 1000001" in row and row.endswith("7") for row in app.rows))
        rows_of_the_check = app.list.drawn
        app.list.drawn = 0
        refs = cache.store_chats([group(1_000_000, 99, unread=2)])
        app.list.update_entries(refs)
        await wait_until(pilot, lambda: "group 1000000" in app.rows[0])
        assert rows_of_the_check < 200
        assert app.list.drawn < 200


async def test_the_end_key_reaches_the_last_of_all_rows(cache: Cache) -> None:
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        app.list.focus()
        await pilot.press("end")
        await settled(app, pilot, f"Person {PEOPLE + 1:05}")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chosen == [EntryRef("user", PEOPLE + 1)])
        await pilot.press("home", "down", "enter")
        await wait_until(pilot, lambda: app.chosen[1:] == [EntryRef("chat", 1_000_001)])


async def test_the_wheel_scrolls_and_rows_arrive(cache: Cache) -> None:
    """Far below what was read at first, rows are read when they come into sight."""
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        await settled(app, pilot, "Person 00002")
        app.list.scroll_to(y=1_500, animate=False)
        await settled(app, pilot, "Person 01500")
        await pilot._post_mouse_events([MouseScrollDown], app.list, offset=(5, 5))
        await wait_until(pilot, lambda: app.list.scroll_offset.y > 1_500)
        await wait_until(pilot, lambda: not any("…" in row for row in app.rows))


async def test_presence_is_a_shape_and_unknown_is_a_third_one(cache: Cache) -> None:
    app = ListApp(cache)
    app.online = {2}
    async with app.run_test(size=(30, 20)) as pilot:
        await settled(app, pilot, "● Person 00002")
        await settled(app, pilot, "○ Person 00003")
        app.away = {3}
        app.list.presence_changed()
        await settled(app, pilot, "◐ Person 00003")
        app.online = None
        app.list.presence_changed()
        await settled(app, pilot, "· Person 00002")
        await settled(app, pilot, "# group 1000002")


async def test_the_badge_counts_mentions_apart_and_a_group_that_was_left_is_marked(cache: Cache) -> None:
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        await settled(app, pilot, "# group 1000002")
        chat = replace(group(1_000_002, 50, unread=7), mentions=2)
        app.list.update_entries(cache.store_chats([chat]))
        await settled(app, pilot, "# group 1000002")
        assert any("# group 1000002" in row and row.endswith("@2 7") for row in app.rows)
        app.list.update_entries(cache.store_left([1_000_002], 1))
        await settled(app, pilot, "× group 1000002")
        assert not any("@2" in row for row in app.rows)


async def test_marks_say_what_is_muted_unsent_failed_and_being_written(cache: Cache) -> None:
    """Each by a sign of its own; who writes goes before all of them, and the open chat has no mark of its draft."""
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        await settled(app, pilot, "# group 1000002")
        ref = EntryRef("chat", 1_000_002)
        app.list.update_entries(cache.store_chats([replace(group(1_000_002, 50, unread=7), muted_until=2**62)], 1))
        app.list.marks.drafts = app.list.marks.failed = frozenset({ref})
        app.list.refresh_entry(ref)
        await settled(app, pilot, "# group 1000002")
        assert app.rows[0].endswith("✗ ✎ ⊘ 7")
        name = list(app.list.render_line(0))[3]
        assert name.style is not None
        assert not name.style.bold
        app.list.set_open(ref)
        await wait_until(pilot, lambda: app.rows[0].endswith("✗ ⊘ 7"))
        app.list.marks.typing = lambda chat_id: chat_id == ref.id
        app.list.refresh_entry(ref)
        await wait_until(pilot, lambda: app.rows[0].endswith("typing…"))
        await wait_until(pilot, lambda: app.watched_chats == (ref.id, 1_000_001, 1_000_000))


async def test_archived_chats_open_and_fold_away_by_key_and_click(cache: Cache) -> None:
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        await settled(app, pilot, "# group 1000002")
        settings = ChatSettings(chat_id=1_000_002, useq=1, archived=True)
        app.list.update_entries(cache.store_settings(1_000_002, settings))
        await settled(app, pilot, "▸ Archived 1")
        assert not any("1000002" in row for row in app.rows)
        app.list.update_entries(cache.store_chats([group(1_000_002, 60, unread=7)]))
        await wait_until(pilot, lambda: any("▸ Archived 1" in row and row.endswith("7") for row in app.rows))
        app.list.focus()
        await pilot.press("home", "down", "down", "enter")
        await settled(app, pilot, "▾ Archived 1")
        await settled(app, pilot, "# group 1000002")
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: app.chosen == [EntryRef("chat", 1_000_002)])
        await pilot.click(app.list, offset=(4, 2))
        await settled(app, pilot, "▸ Archived 1")
        await pilot.press(*"1000002")
        await settled(app, pilot, "# group 1000002")


async def test_a_right_click_asks_for_the_menu_of_its_row(cache: Cache) -> None:
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        await settled(app, pilot, "# group 1000002")
        await pilot.click(app.list, offset=(5, 1), button=3)
        await wait_until(pilot, lambda: app.wanted == [("chat_menu", "chat:1000001")])
        assert app.chosen == []


async def test_exactly_the_people_in_sight_are_watched(cache: Cache) -> None:
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        await wait_until(pilot, lambda: app.watched == [tuple(range(2, 18))])
        app.list.scroll_to(y=103, animate=False)
        await wait_until(pilot, lambda: app.watched[-1] == tuple(range(101, 121)))
        assert len(app.watched) <= 3
        assert all(len(user_ids) <= limits.WATCH_MAX for user_ids in app.watched)


async def test_a_filter_finds_among_all_of_them(cache: Cache) -> None:
    app = ListApp(cache)
    async with app.run_test(size=(30, 20)) as pilot:
        app.list.focus()
        await pilot.press(*"19999")
        await wait_until(pilot, lambda: [row for row in app.rows if row] == ["›○ Person 19999"])
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.chosen == [EntryRef("user", 19_999)])
        await pilot.press("backspace", "backspace", "escape")
        await settled(app, pilot, "group 1000002")


async def test_a_row_that_cannot_be_drawn_is_a_card_not_a_crash(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """The card is safe for a terminal, the log has the error once, and the list comes back when the row is gone."""
    app = ListApp(cache)
    async with app.run_test(size=(60, 20)) as pilot:
        await settled(app, pilot, "Person 00002")
        with caplog.at_level(logging.ERROR, logger="chatterm.tui"):
            bad = Chat(id=1_000_000, kind="group", title="unspeakable", member_count=3, head=9, head_at=99)
            app.list.update_entries(cache.store_chats([bad]))
            await settled(app, pilot, "CountingList cannot be drawn")
            await settled(app, pilot, "RuntimeError: this row ␛[31mcannot be drawn")
        assert len(caplog.records) == 1
        app.list.update_entries(cache.store_chats([group(1_000_000, 100)]))
        await settled(app, pilot, "# group 1000000")
        assert app.is_running
