"""The search screen of the real app: as one types, by keys and by mouse, with and without a connection."""

from pathlib import Path

import pytest

from chatproto.models import Chat, User
from chatterm.client.model import Account
from chatterm.client.searching import Phase
from chatterm.tui.search.hits import HitRows
from chatterm.tui.search.screen import SearchScreen
from tests.support.client import sign_in
from tests.support.server import RunningServer
from tests.support.tui import ANNA, BELA, FAR_AWAY, GARDEN, NOW, WITH_BELA, Desk, fill_cache, message, running_app

HOSTILE = "tea \x1b]0;owned\x07 \x9b31m \u202egnp.exe [bold]x[/bold] [/ \u200b"


def search_screen(desk: Desk) -> SearchScreen:
    screen = desk.app.screen
    assert isinstance(screen, SearchScreen)
    return screen


def fill(home: Path, account: Account, *, hostile: bool = False) -> None:
    """A long conversation with Béla, and a group."""
    start = NOW - 48 * FAR_AWAY
    talk = [message(WITH_BELA, n, BELA.id if n % 2 else ANNA.id, f"apple number {n}", start + n) for n in range(1, 301)]
    garden = [message(GARDEN, 1, BELA.id, "Shall we plant the pear trees?", start + 500)]
    title = "Garden"
    if hostile:
        garden.append(message(GARDEN, 2, 9, HOSTILE, start + 501))
        title = HOSTILE[4:]
    fill_cache(
        home,
        account,
        users=[BELA, User(id=9, email="e@example.org", display_name=HOSTILE, rev=5)],
        chats=[
            Chat(id=WITH_BELA, kind="direct", peer_id=BELA.id, member_count=2, head=300, head_at=start + 300, seen=300),
            Chat(id=GARDEN, kind="group", title=title, member_count=2, head=len(garden), head_at=start + 501, seen=2),
        ],
        events=[(WITH_BELA, talk), (GARDEN, garden)],
    )


async def test_messages_are_found_as_one_types_and_opened_where_they_stand(home: Path, account: Account) -> None:
    """Offline: the hits of this device, their matches marked; Esc leaves, Enter opens, and the last search is kept."""
    fill(home, account)
    async with running_app(home, account, size=(120, 32)) as desk:
        await desk.sees("Garden")
        await desk.press("ctrl+f")
        await desk.sees("Write what you remember", "has:link")
        await desk.press(*"pear")
        await desk.sees("Garden", "Shall we plant the pear trees?", "offline: only what is on this device")
        hits = desk.app.screen.query_one(HitRows)
        strip = hits.render_line(1)
        assert [s.text for s in strip if s.style and s.style.underline and s.style.bold] == ["pear"]
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        assert desk.screen.conversation.ref is not None
        assert desk.screen.conversation.ref.id != 0
        await desk.press("ctrl+f")
        await desk.sees("Shall we plant the pear trees?")
        await desk.press("enter")
        await desk.until(lambda: desk.app.screen is desk.screen)
        await desk.until(lambda: desk.screen.conversation.ref is not None and desk.screen.conversation.ref.id == GARDEN)


async def test_where_one_was_in_the_last_search_is_where_it_opens_again(home: Path, account: Account) -> None:
    """Also far down in the hits, of which more come as one goes on."""
    fill(home, account)
    async with running_app(home, account, size=(80, 24)) as desk:
        await desk.sees("Garden")
        desk.screen.perform("search", "apple")
        await desk.sees("apple number 300", "50+ found")
        for _ in range(20):
            await desk.press("pagedown")
        await desk.until(lambda: len(search_screen(desk)._search.hits) > 100)
        before = search_screen(desk).hits
        seen, at = desk.rows[4:20], before.current
        assert at is not None
        assert at.message.seq < 260
        await desk.press("escape", "ctrl+f")
        await desk.until(lambda: isinstance(desk.app.screen, SearchScreen) and desk.app.screen.hits is not before)
        await desk.until(lambda: desk.rows[4:20] == seen)
        assert search_screen(desk).hits.current == at


async def test_words_of_the_last_search_are_replaced_by_typing_and_kept_by_an_arrow_key(
    home: Path, account: Account
) -> None:
    fill(home, account)
    async with running_app(home, account, size=(120, 32)) as desk:
        await desk.sees("Garden")
        for keys, asked in (("pear", "pear"), (("left", "X"), "peaXr"), (("backspace",), ""), ("a", "a")):
            await desk.press("ctrl+f", *keys)
            await desk.until(lambda: isinstance(desk.app.screen, SearchScreen))
            assert search_screen(desk).question.text == asked
            await desk.press("escape")
        await desk.press("alt+s", *"tea")
        here = search_screen(desk).question.text.removesuffix("tea")
        await desk.press("escape", "alt+s", *"ape")
        await desk.until(lambda: search_screen(desk).question.text == f"{here}ape")
        assert here.startswith("in:")
        await desk.press("escape", "alt+s")
        selected = [part.text for part in search_screen(desk).question.left() if part.style == "selected"]
        assert selected == ["ape"]


async def test_names_are_completed_and_filters_can_be_clicked(home: Path, account: Account) -> None:
    fill(home, account)
    async with running_app(home, account, size=(100, 24)) as desk:
        await desk.sees("Garden")
        await desk.press("ctrl+f")
        await desk.sees("from:")
        row = next(index for index, text in enumerate(desk.rows) if "has:link" in text)
        assert await desk.pilot.click(offset=(desk.rows[row].index("from:") + 1, row))
        await desk.until(lambda: search_screen(desk).question.text == "from:")
        await desk.press(*"bé")
        await desk.sees("Tab Béla")
        await desk.until(lambda: search_screen(desk)._unclear() is not None)
        await desk.until(lambda: "there is no user" not in desk.text)
        await desk.press("tab")
        await desk.until(lambda: search_screen(desk).question.text == "from:bela@example.org ")
        await desk.press(*"pear")
        await desk.sees("Shall we plant the pear trees?")
        assert await desk.pilot.click(offset=(len(desk.rows[row]) - 8, row))
        await desk.sees("best first")
        hit = next(index for index, text in enumerate(desk.rows) if "pear trees" in text)
        assert await desk.pilot.click(offset=(6, hit))
        await desk.until(lambda: desk.app.screen is desk.screen)
        await desk.until(lambda: desk.screen.conversation.ref is not None and desk.screen.conversation.ref.id == GARDEN)
        desk.screen.perform("search_here")
        await desk.until(lambda: isinstance(desk.app.screen, SearchScreen))
        await desk.press(*"plant")
        await desk.sees(f"in:{GARDEN} plant", "Shall we plant the pear trees?")


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (300, 80)])
async def test_mistakes_and_hostile_texts_at_any_size(home: Path, account: Account, size: tuple[int, int]) -> None:
    """A mistake is told with its place; nothing that others wrote reaches the terminal as it is; empty results help."""
    fill(home, account, hostile=True)
    async with running_app(home, account, size=size) as desk:
        await desk.press("ctrl+f")
        await desk.press(*'"pear')
        await desk.sees("At character 1: a quotation")
        await desk.press("ctrl+u", *"from:qu")
        await desk.sees("At character 1: there is no user")
        await desk.until(lambda: "Nothing was found" not in desk.text)
        await desk.press("ctrl+u")
        await desk.press(*"owned")
        await desk.until(
            lambda: search_screen(desk)._search.here.phase is Phase.DONE and search_screen(desk)._search.hits
        )
        await desk.sees("owned")
        assert not [char for char in desk.text if ord(char) < 32 and char != "\n"]
        assert not any(char in desk.text for char in "\x9b\u202e\u200b")
        await desk.press(*"xyz")
        await desk.sees("Nothing was found.", "ownedxyz* finds words")


async def test_the_server_s_hits_come_in_beside_those_of_the_device(server: RunningServer, home: Path) -> None:
    """The cursor stays on its hit while older messages arrive that are not cached; and the way back is as it was."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await anna.direct(ben)
    async with ben.socket() as socket:
        for number in range(120):
            await socket.say(chat, f"tea {number}")
    account = sign_in(home, anna)
    async with running_app(home, account, size=(100, 30)) as desk:
        await desk.sees("120 new")
        cached = len(desk.engine.cache.events(chat.id, 1, 200))
        await desk.press("ctrl+f", *"tea")
        await desk.sees("tea 119")
        screen = search_screen(desk)
        await desk.until(lambda: screen._search.server.phase is Phase.DONE)
        assert screen._search.here.phase is Phase.DONE
        await desk.press("down", "down")
        at = screen.hits.current
        assert at is not None
        assert at.message.text == "tea 117"
        for _ in range(30):
            await desk.press("pagedown")
        await desk.until(lambda: len(screen._search.hits) == 120)
        assert cached <= 120
        assert [hit.message.seq for hit in screen._search.hits] == list(range(120, 0, -1))
        await desk.press("enter")
        await desk.until(lambda: desk.app.screen is desk.screen)
        timeline = desk.screen.conversation.timeline
        await desk.until(lambda: timeline.selected is not None and timeline.selected.seq == 1)
        await desk.sees("tea 0")
