"""Going from chat to chat: the quick switcher, the keys along the list, unread, mentions, back, the palette."""

from pathlib import Path
from typing import Any

from chatproto.errors import ErrorInfo
from chatproto.models import Chat, User
from chatterm.client.cache import Cache
from chatterm.client.model import Account, EntryRef, Link
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.tui.features.palette import commands
from chatterm.tui.picker import Picker
from tests.support.client import at_home, sign_in
from tests.support.server import RunningServer
from tests.support.tui import BELA, CSILLA, NOW, WITH_BELA, Desk, direct_chat, fill_cache, message, running_app


def groups(*unread: tuple[int, int]) -> dict[str, Any]:
    """Groups 201, 202, ... with these unread messages and mentions, the first one most recently active."""
    chats = [
        Chat(
            id=201 + number,
            kind="group",
            title=f"group {number + 1}",
            member_count=3,
            head=9,
            head_at=NOW - number * 1_000_000,
            seen=9 - count,
            unread=count,
            mentions=mentions,
        )
        for number, (count, mentions) in enumerate(unread)
    ]
    return {"chats": chats}


def here(desk: Desk) -> EntryRef | None:
    return desk.screen.conversation.ref


def chat(number: int) -> EntryRef:
    return EntryRef("chat", number)


async def switcher(desk: Desk) -> Picker[Any]:
    await desk.press("ctrl+k")
    await desk.until(lambda: isinstance(desk.app.screen, Picker))
    assert isinstance(desk.app.screen, Picker)
    return desk.app.screen


async def test_the_switcher_opens_by_a_few_letters_of_a_name_or_an_address(home: Path, account: Account) -> None:
    """Accents and case do not matter; letters typed right after Ctrl+K are not lost; unread ones are marked."""
    content = direct_chat("hello")
    content["chats"] = [*content["chats"], *groups((4, 1))["chats"]]
    fill_cache(home, account, **content)
    async with running_app(home, account) as desk:
        await switcher(desk)
        await desk.sees("Find a person or group", "@1 4 unread", "csilla@example.org", "Béla")
        await desk.press(*"csi", "enter")
        await desk.until(lambda: here(desk) == EntryRef("user", CSILLA.id))
        await desk.until(lambda: desk.app.focused is desk.composer)
        await desk.press("ctrl+k", *"BELA", "enter")
        await desk.until(lambda: here(desk) == chat(WITH_BELA))
        await desk.press("ctrl+k", *"csilla@ex")
        await desk.until(lambda: isinstance(desk.app.screen, Picker) and len(desk.app.screen.rows._rows) == 1)
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        assert here(desk) == chat(WITH_BELA)
        assert desk.composer.text == ""
        desk.screen.visited.insert(1, EntryRef("user", 999))  # somebody who is not in the list any more
        await switcher(desk)
        await desk.sees("csilla@example.org")
        assert "gone" not in desk.text
        await desk.press(*"zzzz")
        await desk.sees("Nobody here has such a name or address.")


async def test_the_switcher_begins_with_where_one_was(home: Path, account: Account) -> None:
    """Ctrl+K Enter goes back and forth between the last two chats."""
    fill_cache(home, account, **groups((0, 0), (0, 0), (0, 0)))
    async with running_app(home, account) as desk:
        await desk.until(lambda: here(desk) == chat(201))
        desk.screen.open(chat(203))
        await desk.until(lambda: desk.screen.visited[:2] == [chat(203), chat(201)])
        for expected in (201, 203):
            await switcher(desk)
            await desk.press("enter")
            await desk.until(lambda expected=expected: here(desk) == chat(expected))  # type: ignore[misc] # no inference


async def test_the_switcher_finds_the_last_of_many(home: Path, account: Account) -> None:
    """Among 20,000 people whom nobody has looked at yet; only then is everything read."""
    people = [
        User(id=number, email=f"u{number}@example.org", display_name=f"Person {number:05}", rev=number)
        for number in range(10, 20_010)
    ]
    fill_cache(home, account, users=people)
    async with running_app(home, account) as desk:
        assert not desk.screen.sidebar.list.roster.is_complete
        await switcher(desk)
        await desk.press(*"prsn20009", "enter")
        await desk.until(lambda: here(desk) == EntryRef("user", 20_009))
        assert desk.screen.sidebar.list.roster.is_complete


async def test_people_whom_only_the_server_knows_are_found_and_written_to(home: Path, server: RunningServer) -> None:
    anna = await server.person("Anna")
    account = sign_in(home, anna)
    async with running_app(home, account) as desk:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        bela = await server.person("Bela")
        await desk.until(lambda: desk.engine.cache.user(bela.id) is not None)
        with at_home(home):
            cache = Cache.open(account_files(account.key).cache)
        with cache._transaction() as connection:  # as if this client had not heard of the newcomer yet
            connection.execute("DELETE FROM users WHERE id = ?", (bela.id,))
            connection.execute("DELETE FROM entries WHERE kind = 'user' AND id = ?", (bela.id,))
        cache.close()
        desk.screen.sidebar.list.reload()
        await desk.press("ctrl+k", *"bel")
        await desk.sees(bela.user.email)
        await desk.press("enter")
        await desk.until(lambda: here(desk) == EntryRef("user", bela.id))
        await desk.press(*"hello", "enter")
        await desk.until(lambda: (ref := here(desk)) is not None and ref.kind == "chat")
        await desk.until(lambda: desk.engine.outbox.counts() == (0, 0))


async def test_keys_go_along_the_list_to_its_places_and_back(home: Path, account: Account) -> None:
    fill_cache(home, account, **groups((0, 0), (0, 0), (0, 0)))
    async with running_app(home, account) as desk:
        await desk.until(lambda: here(desk) == chat(201))
        for key, expected in (
            ("alt+down", chat(202)),
            ("alt+down", chat(203)),
            ("alt+down", EntryRef("user", BELA.id)),
            ("alt+up", chat(203)),
            ("alt+1", chat(201)),
            ("alt+l", chat(203)),
            ("alt+l", chat(201)),
            ("alt+5", EntryRef("user", CSILLA.id)),
        ):
            await desk.press(key)
            await desk.until(lambda expected=expected: here(desk) == expected)  # type: ignore[misc] # no inference
        await desk.press("alt+9")
        await desk.sees("The list has no such row.")


async def test_unread_and_mentioning_chats_come_one_after_the_other(home: Path, account: Account) -> None:
    """A muted chat is passed over by Alt+A, unless it names the user."""
    fill_cache(home, account, **groups((0, 0), (3, 0), (2, 0), (5, 2)))
    with at_home(home):
        cache = Cache.open(account_files(account.key).cache)
    muted = cache.chat(203)
    assert muted is not None
    muted_chat = Chat(
        id=203, kind="group", title="group 3", head=9, head_at=muted.head_at, seen=7, unread=2, muted_until=2**60
    )
    cache.store_chats([muted_chat], 1)
    cache.close()
    async with running_app(home, account) as desk:
        await desk.until(lambda: here(desk) == chat(201))
        await desk.until(lambda: len(desk.screen.sidebar.list.roster.unread) == 3)
        for key, expected in (("alt+a", 202), ("alt+a", 204), ("alt+a", 202), ("alt+shift+a", 204)):
            await desk.press(key)
            await desk.until(lambda expected=expected: here(desk) == chat(expected))  # type: ignore[misc] # no inference
        await desk.press("alt+shift+a")
        await desk.sees("Nobody has named you in unread messages.")


async def test_rows_say_where_something_is_unsent_or_failed(home: Path, account: Account) -> None:
    """A draft is marked once another chat is on screen, a refused message until it is discarded."""
    fill_cache(home, account, **direct_chat("hello"))
    error = ErrorInfo(code="notMember", message="You are not a member of it.")
    async with running_app(home, account) as desk:
        await desk.until(lambda: here(desk) == chat(WITH_BELA))
        await desk.type("refused")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        with at_home(home):
            other = Outbox.open(account_files(account.key).outbox)
        [row] = other.take(1, 10_000)
        other.refused(row.client_id, error)
        other.close()
        await desk.until(lambda: any("Béla" in row and row[:29].rstrip().endswith("✗") for row in desk.rows))
        await desk.type("half a thought")
        await desk.press("alt+down")
        await desk.until(lambda: any("Béla" in row and row[:29].rstrip().endswith("✗ ✎") for row in desk.rows))
        await desk.press("alt+up")
        await desk.until(lambda: "✎" not in desk.text and desk.composer.text == "half a thought")
        await desk.press("alt+x")
        await desk.until(lambda: not any("Béla" in row[:29] and "✗" in row[:29] for row in desk.rows))


async def test_the_palette_does_what_is_picked_and_remembers_it(home: Path, account: Account) -> None:
    """Every action is offered with its key; the last one used is the first one offered, also after a restart."""
    fill_cache(
        home,
        account,
        chats=direct_chat("hello")["chats"],
        events=[(WITH_BELA, [message(WITH_BELA, 1, 2, "hello", NOW)])],
    )
    async with running_app(home, account) as desk:
        await desk.press("ctrl+p")
        await desk.until(lambda: isinstance(desk.app.screen, Picker))
        await desk.sees("Do something", "Ctrl+K")
        assert isinstance(desk.app.screen, Picker)
        assert len(desk.app.screen.rows._rows) == len(commands()) > 20
        await desk.press(*"next col")
        await desk.sees("F2")
        await desk.press("enter")
        await desk.until(lambda: desk.app.theme != "chatterm-dark")
    async with running_app(home, account) as desk:
        await desk.press("ctrl+p")
        await desk.until(lambda: isinstance(desk.app.screen, Picker) and desk.app.screen.rows.current is not None)
        before = desk.app.theme
        await desk.press("enter")
        await desk.until(lambda: desk.app.theme != before)


async def test_an_action_that_needs_an_argument_is_begun_in_the_composer(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.press("ctrl+p", *"say what you do", "enter")
        await desk.until(lambda: desk.composer.text == "/me ")
        assert desk.app.focused is desk.composer
