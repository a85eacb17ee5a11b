"""Completion in the real app: what is offered above the composer, how it is taken, and what is sent then."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual import events

from chatproto.models import Message
from chatterm.client.model import Account, EntryRef, Link
from chatterm.tui.screen import ChatScreen
from chatterm.tui.writing import completion
from chatterm.tui.writing.emojis import Emojis
from chatterm.tui.writing.popup import Popup
from tests.support.client import sign_in
from tests.support.server import RunningServer
from tests.support.tui import CSILLA, Desk, direct_chat, fill_cache, running_app


def popup(desk: Desk) -> Popup:
    return desk.screen.query_one(Popup)


def offered(desk: Desk) -> list[str]:
    """The labels that are offered now."""
    return [choice.label for each in desk.screen.query(Popup) if each.display for choice in each.choices]


async def test_members_are_offered_and_mentioned_exactly(home: Path, server: RunningServer) -> None:
    """Names with blanks, two people of one name, everybody, and one who is no member: the ids sent are exact."""
    anna = await server.person("Anna")
    one = await server.signed_in(await server.application.store.create_user("one@example.org", "Béla Kovács", "!"))
    two = await server.signed_in(await server.application.store.create_user("two@example.org", "Béla Kovács", "!"))
    beata = await server.person("Beata")
    garden = await anna.group("garden", one, two)
    async with running_app(home, sign_in(home, anna)) as desk:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        await desk.press("ctrl+k", *"garden", "enter")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("chat", garden.id))
        await desk.type("hi @be")
        await desk.until(lambda: offered(desk)[-1:] == ["Beata"])
        assert offered(desk) == ["Béla Kovács", "Béla Kovács", "Beata"]
        await desk.sees("one@example.org", "two@example.org", "not in this chat")
        wanted = popup(desk).choices[1].user_id
        await desk.press("down", "tab")
        await desk.until(lambda: desk.composer.text == "hi @Béla Kovács ")
        assert not popup(desk).display
        await desk.press(*"and @all", "enter", "enter")
        await desk.until(lambda: desk.engine.cache.head(garden.id) == 2 and desk.engine.outbox.counts() == (0, 0))
        [message] = [event for event in desk.engine.cache.events(garden.id, 2, 2) if isinstance(event, Message)]
        assert (message.text, message.mentions, message.mention_all) == ("hi @Béla Kovács and @all", [wanted], True)

        await desk.type("and @beata")  # no member: named, but not mentioned, which the server would refuse
        await desk.until(lambda: offered(desk) == ["Beata"])
        await desk.press("enter", "enter")
        await desk.until(lambda: desk.engine.cache.head(garden.id) == 3 and desk.engine.outbox.counts() == (0, 0))
        assert desk.engine.cache.messages(garden.id, [3])[3].mentions == []

        await desk.type("@béla")  # chosen, then edited away
        await desk.until(lambda: len(offered(desk)) == 2)
        await desk.press("tab", "backspace", "backspace", "escape", "enter")
        await desk.until(lambda: desk.engine.cache.head(garden.id) == 4 and desk.engine.outbox.counts() == (0, 0))
        assert desk.engine.cache.messages(garden.id, [4])[4].mentions == []
        assert beata.id != wanted


async def test_a_name_written_by_hand_is_a_mention_if_only_one_member_has_it(home: Path, server: RunningServer) -> None:
    anna, bela = await server.person("Anna"), await server.person("Bela")
    garden = await anna.group("garden", bela)
    async with bela.socket() as socket, running_app(home, sign_in(home, anna)) as desk:
        await socket.say(garden, "hello")
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        await desk.press("ctrl+k", *"garden", "enter")
        await desk.sees("hello")
        desk.composer.insert("thanks @bela, and to bela@example.org")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.cache.head(garden.id) == 3 and desk.engine.outbox.counts() == (0, 0))
        assert desk.engine.cache.messages(garden.id, [3])[3].mentions == [bela.id]


async def test_emoji_by_name(home: Path, account: Account) -> None:
    """Offered while typed, replaced at the second colon and at sending, never within code."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type(":smil")
        await desk.until(lambda: ":smile:" in offered(desk))
        await desk.press("tab")
        await desk.until(lambda: desk.composer.text == "😄 ")
        await desk.press(*":tada:")
        await desk.until(lambda: desk.composer.text == "😄 🎉")
        await desk.press("ctrl+z")
        await desk.until(lambda: desk.composer.text == "😄 :tada:")
        desk.composer.clear()
        desk.composer.insert("`:tada:` 10:30:00 :nosuch: :tada:")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        assert desk.engine.outbox.rows()[0].text == "`:tada:` 10:30:00 :nosuch: 🎉"


async def test_commands_are_offered_with_their_arguments(home: Path, account: Account) -> None:
    """Arrows and Enter take one, Esc closes until the next, a click takes one, typing on opens it no more."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type("/")
        await desk.until(lambda: any(label.startswith("/help") for label in offered(desk)))
        await desk.press("up")
        assert popup(desk).current == popup(desk).choices[-1]
        desk.screen.sidebar.list.focus()
        await desk.until(lambda: not offered(desk))
        desk.composer.focus()
        desk.composer.clear()
        await desk.type("/shr")
        await desk.until(lambda: offered(desk) == ["/shrug [TEXT]"])
        await desk.press("escape")
        await desk.until(lambda: not offered(desk))
        assert desk.app.focused is desk.composer
        await desk.press("u")
        assert not offered(desk)
        desk.composer.clear()
        await desk.type("/shr")
        await desk.until(lambda: offered(desk))
        await desk.pilot.click(popup(desk), offset=(5, 0))
        await desk.until(lambda: desk.composer.text == "/shrug ")
        await desk.sees("/shrug [TEXT]   Shrug")
        await desk.press(*"ok", "enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        assert not popup(desk).display
        await desk.press("alt+p")
        await desk.until(lambda: desk.composer.text.startswith("ok ¯"))
        await desk.press("alt+n")
        await desk.until(lambda: desk.composer.editor.is_empty)


async def test_arguments_of_commands_are_offered(home: Path, account: Account) -> None:
    """Chats, people, commands and given words; what is written whole is not offered in the way of Enter."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        for text, labels in (
            ("/goto béla", ["Béla"]),
            ("/msg CSIL", ["Csilla"]),
            ("/whois @csi", ["Csilla"]),
            ("/invite Béla, csi", ["Csilla"]),
            ("/mute ", ["1h", "8h", "2d", "forever"]),
            ("/mute f", ["forever"]),
            ("/help topi", ["/topic [TEXT]"]),
        ):
            desk.composer.clear()
            desk.composer.insert(text)
            await desk.until(lambda wanted=labels: offered(desk) == wanted)  # type: ignore[misc]
        await desk.press("tab")
        await desk.until(lambda: desk.composer.text == "/help topic")
        desk.composer.clear()
        desk.composer.insert("/invite Béla, csi")
        await desk.until(lambda: offered(desk) == ["Csilla"])
        await desk.press("tab")
        await desk.until(lambda: desk.composer.text == "/invite Béla, Csilla ")
        desk.composer.clear()
        desk.composer.insert("/mute soon")
        await desk.press("enter")
        await desk.sees("Write it as /mute 30m")


async def test_tab_right_after_the_letters_completes_also_what_is_not_loaded_yet(
    home: Path, account: Account, tmp_path: Path
) -> None:
    """Never does it go to the messages, where the next letters would act on one."""
    (tmp_path / "report.txt").write_text("x")
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        keys = [events.Key("colon", ":"), *(events.Key(char, char) for char in "smile"), events.Key("tab", None)]
        for key in keys:  # all of them before anything that was begun can end
            await desk.composer.on_key(key)
        assert desk.composer.text == "😄 "
        desk.composer.clear()
        desk.composer.insert(f"/file {tmp_path}/rep")
        await desk.composer.on_key(events.Key("tab", None))
        assert desk.app.focused is desk.composer
        await desk.until(lambda: desk.composer.text == f"/file {tmp_path}/report.txt")


async def test_enter_does_a_command_whose_argument_is_written_or_not_needed(home: Path, account: Account) -> None:
    """An address that is written whole is not replaced; a choice is taken where one was looked at."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type(f"/msg {CSILLA.email}")
        await desk.until(lambda: offered(desk) == ["Csilla"])
        await desk.press("enter")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", CSILLA.id))
        await desk.type("/help ")
        await desk.until(lambda: offered(desk))
        await desk.press("enter")
        await desk.until(lambda: desk.app.screen is not desk.screen)
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        await desk.type("/help ")
        await desk.until(lambda: offered(desk))
        await desk.press("down", "enter")
        await desk.until(lambda: desk.composer.text.startswith("/help ") and len(desk.composer.text) > 6)


async def test_emoji_are_ranked_by_how_well_their_name_fits() -> None:
    emojis = Emojis()
    await emojis.load()
    assert emojis.search("smile")[0].char == "😄"
    assert emojis.search("+1")[0].char == "👍"
    assert emojis.search("hear")[0].name == "heart"
    assert all("skin" not in each.name for each in emojis.search("wave", 50))
    assert any("skin_tone" in each.name for each in emojis.search("waving_hand_medium_skin_tone", 50))
    assert len({each.char for each in emojis.search("cat", 50)}) == len(emojis.search("cat", 50))


async def test_paths_are_offered_after_a_command_that_takes_them(home: Path, account: Account, tmp_path: Path) -> None:
    """Folders go on with what is in them; hidden files only if asked for; names with blanks as they are."""
    fill_cache(home, account, **direct_chat("hello"))
    (tmp_path / "share" / "two words").mkdir(parents=True)
    (tmp_path / "share" / "two words" / "plan.txt").write_text("plan")
    (tmp_path / "share" / ".hidden").write_text("")
    async with running_app(home, account) as desk:
        desk.composer.insert(f"/file {tmp_path}/sh")
        await desk.until(lambda: offered(desk) == ["share/"])
        await desk.press("tab")
        await desk.until(lambda: offered(desk) == ["two words/"])
        await desk.press("tab")
        await desk.until(lambda: offered(desk) == ["plan.txt"])
        await desk.press("tab")
        await desk.until(lambda: desk.composer.text == f"/file {tmp_path}/share/two words/plan.txt")
        await desk.press("enter")
        await desk.until(lambda: desk.screen.conversation.writer.draft().files)
        assert desk.composer.editor.is_empty


async def test_enter_takes_no_choice_that_was_offered_for_something_written_before(
    home: Path, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may be slower than the fingers: what was typed meanwhile is meant as it is."""
    fill_cache(home, account, **direct_chat("hello"))
    path = tmp_path / "plan.txt"
    path.write_text("plan")
    asked, answer = threading.Event(), threading.Event()

    def slow_paths(needle: str) -> Iterator[completion.Choice]:
        asked.set()
        answer.wait(10)
        return read_paths(needle)

    read_paths = completion.paths
    monkeypatch.setattr(completion, "paths", slow_paths)
    async with running_app(home, account) as desk:
        await desk.press(*"/fil")
        await desk.until(lambda: len(offered(desk)) == 2)
        await desk.press(*f"e {path}")
        await desk.until(asked.is_set)
        await desk.press("enter")
        await desk.until(lambda: desk.screen.conversation.writer.draft().files)
        assert desk.composer.text == ""
        answer.set()


async def test_a_paste_longer_than_a_message_becomes_a_file_or_text_as_wanted(home: Path, account: Account) -> None:
    """Nothing is cut: the file holds exactly what was pasted, and it is told before anything happens."""
    fill_cache(home, account, **direct_chat("hello"))
    text = "\n".join(f"line {number} of a log" for number in range(2_000))
    async with running_app(home, account) as desk:
        await desk.type("see ")
        desk.composer.post_message(events.Paste(text))
        await desk.sees("Paste that much?", "in 2,000 lines")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        assert desk.composer.text == "see "
        desk.composer.post_message(events.Paste(text))
        await desk.sees("Paste that much?")
        await desk.press("enter")
        await desk.until(lambda: desk.screen.conversation.writer.draft().files)
        [path] = desk.screen.conversation.writer.draft().files
        assert Path(path).read_text() == text
        assert Path(path).stat().st_mode & 0o777 == 0o600
        assert desk.composer.text == "see "
        desk.composer.post_message(events.Paste(text))
        await desk.sees("Paste that much?")
        await desk.press("tab", "enter")
        await desk.until(lambda: desk.composer.text == "see " + text)


async def test_a_key_costs_no_layout(home: Path, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither while nothing is offered, nor while the list above the composer stays as high as it is."""
    fill_cache(home, account, **direct_chat("hello"))
    layouts: list[str] = []
    lay_out = ChatScreen._refresh_layout

    def counted(screen: ChatScreen, *arguments: Any, **options: Any) -> None:
        layouts.append(desk.composer.text)
        lay_out(screen, *arguments, **options)

    async with running_app(home, account) as desk:
        await desk.sees("hello", "offline since")
        await desk.type("warm: x")
        await desk.pilot.pause()
        monkeypatch.setattr(ChatScreen, "_refresh_layout", counted)
        await desk.press(*" and 10:30 it is", "left", "ctrl+left", "end", "shift+left", "right", "backspace")
        await desk.pilot.pause()
        assert layouts == []
        desk.composer.clear()
        await desk.press("/", "m")
        await desk.until(lambda: len(offered(desk)) > 3)
        await desk.pilot.pause()
        assert layouts  # opening the list is one: they are really counted
        layouts.clear()
        await desk.press("down", "down", "up")
        await desk.pilot.pause()
        assert layouts == []
