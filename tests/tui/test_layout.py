"""Where the client list is in windows of any size, how wide it is, and what the header says and takes clicks for."""

from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.events import Key

from chatproto.models import Chat, User
from chatterm.client.model import Account, EntryRef, Link
from chatterm.tui.driver import keep_alt_keys
from chatterm.tui.line import Line
from tests.support.client import sign_in
from tests.support.server import RunningServer
from tests.support.tui import BELA, CSILLA, NOW, WITH_BELA, Desk, direct_chat, fill_cache, running_app


def content() -> dict[str, Any]:
    """A direct chat, and a group with news."""
    garden = Chat(
        id=201,
        kind="group",
        title="garden",
        member_count=3,
        head=9,
        head_at=NOW,
        seen=6,
        unread=3,
        mentions=1,
        topic="figs",
    )
    chats = direct_chat("hello there")
    return {**chats, "chats": [*chats["chats"], garden]}


async def click_on(desk: Desk, line: Line, text: str) -> None:
    """Click on the first cell of a text in a line."""
    row = line.render_line(0).text
    assert text in row, row
    x = cell_len(row[: row.index(text)]) + line.gutter.left
    await desk.pilot.click(line, offset=(x, 0))


async def begin_with_bela(desk: Desk) -> None:
    desk.screen.open(EntryRef("chat", WITH_BELA))
    await desk.sees("hello there")


async def test_a_narrow_window_has_the_list_behind_a_mark(home: Path, account: Account) -> None:
    """The mark says what is unread; choosing, Esc and a click beside the list all close it."""
    fill_cache(home, account, **content())
    async with running_app(home, account, size=(60, 20)) as desk:
        await begin_with_bela(desk)
        header, sidebar = desk.screen.conversation.header, desk.screen.sidebar
        await desk.sees("☰ @1 1", "@1 1 unread")
        for leave in ("escape", "click", "choose"):
            await click_on(desk, header, "☰")
            await desk.until(lambda: sidebar.display and desk.app.focused is sidebar.list)
            await desk.sees("type to filter", "Csilla")
            if leave == "escape":
                await desk.press("escape")
            elif leave == "click":
                await desk.pilot.click(offset=(58, 8))
            else:
                at = sidebar.list.roster.index_of(EntryRef("user", CSILLA.id))
                assert at is not None
                await desk.pilot.click(sidebar.list, offset=(4, at))
            await desk.until(lambda: not sidebar.display and desk.app.focused is desk.composer)
        assert desk.screen.conversation.ref == EntryRef("user", CSILLA.id)
        await desk.press("f9")
        await desk.until(lambda: sidebar.display)
        await desk.press("f9")
        await desk.until(lambda: not sidebar.display)
        await desk.pilot.resize_terminal(100, 30)
        await desk.until(lambda: sidebar.display and "☰" not in desk.text)


async def test_the_list_can_be_out_of_sight_in_a_wide_window_and_stays_so(home: Path, account: Account) -> None:
    """F9 hides it, also after a restart; it can still be opened over the conversation, and F9 brings it back."""
    fill_cache(home, account, **content())
    async with running_app(home, account) as desk:
        await begin_with_bela(desk)
        assert desk.screen.sidebar.display
        assert "unread" not in desk.rows[-1]
        await desk.press("f9")
        await desk.until(lambda: not desk.screen.sidebar.display)
        await desk.sees("☰ @1 1", "@1 1 unread")
    async with running_app(home, account) as desk:
        await desk.sees("hello there", "☰")
        assert not desk.screen.sidebar.display
        await desk.press("ctrl+g", *"csil", "enter")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", CSILLA.id))
        assert not desk.screen.sidebar.display
        await desk.press("f9")
        await desk.until(lambda: desk.screen.sidebar.display and "☰" not in desk.text)


async def test_the_list_is_made_wider_by_keys_and_by_dragging_its_border(home: Path, account: Account) -> None:
    """It stays within what the window allows, and is remembered as a setting."""
    fill_cache(home, account, **content())
    async with running_app(home, account) as desk:
        await begin_with_bela(desk)
        sidebar = desk.screen.sidebar
        assert sidebar.outer_size.width == 30
        await desk.press("alt+shift+right", "alt+shift+right")
        await desk.until(lambda: sidebar.outer_size.width == 34)
        await desk.press("alt+shift+left")
        await desk.until(lambda: sidebar.outer_size.width == 32)
        await desk.pilot.hover(offset=(31, 10))
        await desk.until(lambda: sidebar.has_class("-edge"))
        await desk.pilot.mouse_down(offset=(31, 10))
        await desk.pilot.hover(offset=(44, 12))
        await desk.until(lambda: sidebar.outer_size.width == 45)
        await desk.pilot.mouse_up(offset=(49, 12))
        await desk.until(lambda: desk.app.settings.look.list_width == 50)
        await desk.until(lambda: sidebar.outer_size.width == 50 and not sidebar.has_class("-edge"))
        desk.screen.perform("list_width", "999")
        await desk.until(lambda: sidebar.outer_size.width == 60)
        desk.screen.perform("list_width", "3")
        await desk.until(lambda: sidebar.outer_size.width == 16)


async def test_a_low_window_drops_what_can_be_missed_first(home: Path, account: Account) -> None:
    fill_cache(home, account, **content())
    async with running_app(home, account, size=(100, 12)) as desk:
        await begin_with_bela(desk)
        await desk.until(lambda: desk.rows[0].startswith(" ⌕"))
        assert "anna@offline" not in desk.text
        assert "# garden" in desk.rows[1]
        assert "People" not in desk.text
        await desk.pilot.resize_terminal(100, 30)
        await desk.sees("anna@offline", "People")


async def test_the_header_says_what_there_is_and_every_part_of_it_can_be_clicked(
    home: Path, server: RunningServer
) -> None:
    """The name of a person shows who that is, that of a group its members; muted and pinned are named."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    chat, garden = await anna.direct(bela), await anna.group("garden", bela)
    async with running_app(home, sign_in(home, anna)) as desk, bela.socket() as socket:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        header = desk.screen.conversation.header
        await socket.say(garden, "water the figs")
        await desk.until(lambda: desk.engine.cache.head(garden.id) == 2)
        desk.screen.open(EntryRef("chat", garden.id))
        await desk.sees("garden  2 members", "water the figs")
        await click_on(desk, header, "garden")
        await desk.until(lambda: desk.app.screen is not desk.screen)
        await desk.sees("Bela")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)

        await desk.engine.server.pin(garden.id, 2, on=True)
        await desk.sees("⚑ 1 pinned")
        await desk.engine.server.set_chat(garden.id, muted_until=2**52)
        await desk.sees("⊘ muted")
        await click_on(desk, header, "⊘ muted")
        await desk.sees("Unmute")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)

        desk.screen.open(EntryRef("chat", chat.id))
        await desk.until(lambda: "Bela" in header.render_line(0).text and "pinned" not in header.render_line(0).text)
        await click_on(desk, header, "Bela")
        await desk.sees(bela.user.email)
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        desk.screen.open(EntryRef("chat", garden.id))
        await desk.sees("⚑ 1 pinned")


def test_alt_with_a_digit_is_that_key() -> None:
    """Not a sign of a Mac's Option key that would be written into the message."""
    from textual._xterm_parser import XTermParser  # noqa: PLC0415 - as the driver makes it, after its change

    keep_alt_keys()
    keys: list[str] = []
    for number in range(10):
        parser = XTermParser()
        events = [*parser.feed(f"\x1b{number}"), *parser.feed("")]
        keys += [event.key for event in events if isinstance(event, Key)]
    assert keys == [f"alt+{number}" for number in range(10)]


async def test_a_long_name_leaves_room_for_what_else_there_is(home: Path, account: Account) -> None:
    people = [User(id=2, email=BELA.email, display_name="Béla " * 12, rev=5), CSILLA]
    fill_cache(home, account, users=people, **direct_chat("hello there"))
    async with running_app(home, account, size=(40, 12)) as desk:
        await desk.sees("hello there")
        row = desk.screen.conversation.header.render_line(0).text
        assert row.startswith("☰  Béla Béla")
        assert cell_len(row) == desk.screen.conversation.header.content_size.width
