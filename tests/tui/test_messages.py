"""What can be done with a selected message, against a real server; and how its state shows."""

import base64
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual import events

from chatproto.frames import MarkSeen
from chatproto.models import Chat, Message
from chatterm.client.model import Account, EntryRef, Link
from chatterm.tui import clipboard
from chatterm.tui.timeline.cursor import BAR
from tests.support.client import sign_in
from tests.support.server import Person, RunningServer, outgoing
from tests.support.tui import Desk, direct_chat, fill_cache, running_app


@contextlib.asynccontextmanager
async def reading(home: Path, person: Person, chat: Chat) -> AsyncIterator[Desk]:
    """A person's app, online, with a chat on screen and the keys in its messages."""
    folder = home / person.user.display_name
    async with running_app(folder, sign_in(folder, person), size=(100, 30)) as desk:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        await desk.until(lambda: desk.screen.open(EntryRef("chat", chat.id)))
        yield desk


async def chosen(desk: Desk, text: str) -> None:
    """Select a message in sight."""
    timeline = desk.screen.conversation.timeline
    if desk.app.focused is not timeline:
        await desk.press("escape")
    await desk.until(lambda: desk.app.focused is timeline)
    for _ in range(40):
        if any(BAR in row and text in row for row in desk.rows):
            return
        await desk.press("up")
    raise AssertionError(f"{text} cannot be selected:\n{desk.text}")


async def stored(server: RunningServer, chat: Chat) -> list[Message]:
    """All messages of a chat, as the server has them."""
    messages, _ = await server.application.store.messages(chat.id, limit=100)
    return list(messages)


async def test_keys_act_on_the_selected_message(home: Path, server: RunningServer) -> None:
    """Reply, edit, delete after a question, react and unreact, pin and unpin: the server has it in the end."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    chat = await anna.direct(bela)
    async with bela.socket() as socket, anna.socket() as own:
        await socket.say(chat, "shall we plant the trees?")
        await own.say(chat, "on fridey")
        await own.say(chat, "a mistake")
        async with reading(home, anna, chat) as desk:
            await desk.sees("shall we plant", "on fridey", "a mistake")

            await chosen(desk, "shall we plant")
            await desk.press("r")
            await desk.until(lambda: desk.app.focused is desk.composer)
            await desk.type("yes please")
            await desk.press("enter")
            await desk.sees("│ Bela: shall we plant")

            await chosen(desk, "on fridey")
            await desk.press("e")
            await desk.until(lambda: desk.composer.text == "on fridey")
            await desk.press("backspace", "backspace", "backspace", *"day", "enter")
            await desk.sees("on friday", "(edited)")

            await chosen(desk, "a mistake")
            await desk.press("d")
            await desk.sees("Delete this message for everybody?")
            await desk.press("escape")
            await desk.until(lambda: desk.app.screen is desk.screen)
            await desk.press("d")
            await desk.sees("Delete this message for everybody?")
            await desk.press("shift+tab", "enter")
            await desk.sees("message deleted")

            await chosen(desk, "shall we plant")
            await desk.press("plus")
            await desk.sees("React")
            await desk.press(*"tada")
            await desk.sees("🎉")
            await desk.press("enter")
            await desk.sees("[🎉 1]")
            await desk.press("p")
            await desk.sees("⚑ pinned")
            await desk.until(lambda: not desk.engine.changes.rows())
            first, second, third, reply = await stored(server, chat)
            assert (first.pinned, first.reactions[0].emoji, first.reactions[0].user_ids) == (True, "🎉", [anna.id])
            assert (second.text, third.deleted, reply.reply_to) == ("on friday", True, first.seq)

            await desk.press("plus")
            await desk.sees("yours")
            await desk.press("enter")
            await desk.until(lambda: "[🎉 1]" not in desk.text)
            await desk.press("p")
            await desk.until(lambda: "⚑ pinned" not in desk.text)
            await desk.until(lambda: not desk.engine.changes.rows())
            first = (await stored(server, chat))[0]
            assert (first.pinned, first.reactions) == (False, [])
            await desk.press("e")
            await desk.sees("Only its author can edit")


async def test_a_message_is_forwarded_looked_at_and_jumped_from(home: Path, server: RunningServer) -> None:
    """Forward to a picked chat; who has seen it; the quoted message and back; the pinned ones; a day."""
    anna, bela, csilla = [await server.person(name) for name in ("Anna", "Bela", "Csilla")]
    chat, other = await anna.group("garden", bela, csilla), await anna.direct(csilla)
    async with anna.socket() as own, bela.socket() as socket:
        first = await own.say(chat, "the very first")
        assert first.seq is not None
        for number in range(60):
            await own.say(chat, f"filler {number}")
        assert (await anna.http.put(f"/chats/{chat.id}/messages/{first.seq}/pin")).status_code == 200
        await socket.send(MarkSeen(chat_id=chat.id, seq=first.seq))
        async with reading(home, anna, chat) as desk:
            await desk.sees("filler 59")
            await chosen(desk, "filler 59")
            await desk.press("f")
            await desk.sees("Forward to")
            await desk.press(*"csilla", "enter")
            await desk.sees("Forwarded to Csilla.")
            await desk.until(lambda: desk.engine.outbox.counts() == (0, 0))
            forwarded = (await stored(server, other))[0]
            assert forwarded.forwarded is not None
            assert forwarded.text == "filler 59"

            desk.screen.perform("pins")
            await desk.sees("Pinned messages", "the very first")
            await desk.press("enter")
            await desk.until(lambda: any(BAR in row and "the very first" in row for row in desk.rows))
            await desk.press("i")
            await desk.sees("Seen by 1", "✓ Bela")
            await desk.press("escape")
            desk.screen.perform("go_back")
            await desk.sees("filler 59")
            desk.screen.perform("go_to_date", "today")
            await desk.sees("the very first")
            desk.screen.perform("go_to_date", "32-99")
            await desk.sees("is no day or time")


async def test_marks_say_by_how_many_an_own_message_was_seen(home: Path, server: RunningServer) -> None:
    """Sent, then seen by one, then by all: what was before this app came, and what happens while it looks."""
    anna, bela, csilla = [await server.person(name) for name in ("Anna", "Bela", "Csilla")]
    chat = await anna.group("garden", bela, csilla)

    def mark(desk: Desk) -> str:
        row = next((row for row in desk.rows if "look at this" in row), "")
        return row.split()[-1].rstrip("│▁▂▃▄▅▆▇█") if row else ""

    async with bela.socket() as at_bela, csilla.socket() as at_csilla, anna.socket() as own:
        sent = await own.say(chat, "look at this")
        assert sent.seq is not None
        async with reading(home, anna, chat) as desk:
            await desk.until(lambda: mark(desk) == "✓")
            await at_bela.send(MarkSeen(chat_id=chat.id, seq=sent.seq))
            await desk.until(lambda: mark(desk) == "✓1")
        async with reading(home, anna, chat) as desk:
            await desk.until(lambda: mark(desk) == "✓1")
            await at_csilla.send(MarkSeen(chat_id=chat.id, seq=sent.seq))
            await desk.until(lambda: mark(desk) == "✓✓")


async def test_what_is_typed_at_once_after_a_letter_goes_where_that_leads(home: Path, account: Account) -> None:
    """Never do the letters of an answer, of a command or of a name to look for act on the message."""
    fill_cache(home, account, **direct_chat("from Béla", "my own words"))

    def type_at_once(desk: Desk, *keys: str) -> None:
        for key in keys:
            desk.app.post_message(events.Key(key, key if len(key) == 1 else " " if key == "space" else None))

    async with running_app(home, account) as desk:
        await chosen(desk, "from Béla")
        type_at_once(desk, "r", *"yep", "space", *"dear")
        await desk.until(lambda: desk.composer.text == "yep dear")
        assert desk.app.screen is desk.screen
        await desk.sees("Replying to Béla")
        await desk.press("ctrl+c", "escape")
        await chosen(desk, "from Béla")
        type_at_once(desk, "e", *"dyd")
        await desk.until(lambda: desk.app._notifications)
        await desk.pilot.pause()
        assert desk.app.screen is desk.screen, "nothing was deleted: that action failed, and the rest was dropped"
        await chosen(desk, "from Béla")
        type_at_once(desk, "plus", *"tada")
        await desk.until(lambda: desk.app.screen is not desk.screen)
        await desk.sees("› tada")


async def test_changes_made_offline_show_at_once_and_say_that_they_wait(home: Path, account: Account) -> None:
    """The text is the new one, marked as waiting; nothing is claimed."""
    fill_cache(home, account, **direct_chat("from Béla", "my own words"))
    async with running_app(home, account) as desk:
        await chosen(desk, "my own words")
        await desk.press("slash")
        await desk.until(lambda: desk.app.focused is desk.composer and desk.composer.text == "/")
        await desk.press("backspace")
        await chosen(desk, "my own words")
        await desk.sees("o open", "Esc write")
        await desk.press("e")
        await desk.until(lambda: desk.composer.text == "my own words")
        await desk.press(*" now", "enter")
        await desk.sees("my own words now", "edit waits to be sent", "◷")
        await chosen(desk, "my own words now")
        await desk.press("p")
        await desk.sees("⚑ pinned", "edit and pin wait to be sent")
        await desk.press("i")
        await desk.until(lambda: desk.app._notifications)


def test_the_clipboard_is_reached_through_the_terminal_and_tmux() -> None:
    """OSC 52 with the text in Base64; within tmux also wrapped, with every ESC doubled."""
    coded = base64.b64encode("szia ✓".encode()).decode()
    assert clipboard.sequences("szia ✓", {}) == f"\x1b]52;c;{coded}\x07"
    wrapped = clipboard.sequences("szia ✓", {"TMUX": "/tmp/x"})
    assert wrapped.endswith(f"\x1bPtmux;\x1b\x1b]52;c;{coded}\x07\x1b\\")


@pytest.mark.parametrize(
    ("code", "taken"),
    [("import sys; open(sys.argv[1], 'w').write(sys.stdin.read())", True), ("raise SystemExit(1)", False)],
)
async def test_a_tool_is_believed_only_if_it_says_so(tmp_path: Path, code: str, taken: bool) -> None:
    import sys  # noqa: PLC0415 - only for the interpreter's path

    target = tmp_path / "clip"
    command: Sequence[str] = (sys.executable, "-c", code, str(target))
    assert await clipboard._run(tuple(command), "some text") is taken
    assert (target.read_text() == "some text") if taken else not target.exists()


async def test_everything_works_with_the_mouse_alone(home: Path, server: RunningServer) -> None:
    """A click selects and leaves the keys alone, a second shows a menu; names, reactions and quotes can be clicked."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    chat = await anna.group("garden", bela)
    async with bela.socket() as socket:
        first = await socket.say(chat, "click on me")
        await socket.send_messages(outgoing("an answer", chat_id=chat.id, reply_to=first.seq or 0))
        path = f"/chats/{chat.id}/messages/{first.seq}/reactions/%F0%9F%91%8D"
        assert (await bela.http.put(path)).status_code == 200
        async with reading(home, anna, chat) as desk:
            await desk.sees("click on me", "👍 1", "an answer")
            timeline = desk.screen.conversation.timeline

            async def click(text: str, *, button: int = 1, left: int = 0) -> None:
                """At a text that begins at a column or to its right, once no line above it will go."""
                await desk.until(lambda: not desk.engine.changes.rows() and "waits to be sent" not in desk.text)
                row = next(y for y, row in enumerate(desk.rows) if text in row[left:])
                cell = left + cell_len(desk.rows[row][left:].partition(text)[0])
                assert await desk.pilot.click(offset=(cell, row), button=button)

            await click("click on me")
            await desk.until(lambda: timeline.selected is not None and timeline.selected.seq == first.seq)
            assert desk.app.focused is desk.composer
            await click("click on me")
            await desk.sees("Reply", "Pin for everybody")
            await click("Pin for everybody")
            await desk.sees("⚑ pinned")
            await click("👍 1")
            await desk.sees("[👍 2]")
            await click("[👍 2]")
            await desk.until(lambda: "[👍" not in desk.text)
            await click("│ Bela: click on me")
            await desk.until(lambda: timeline.selected is not None and timeline.selected.seq == first.seq)
            await click("an answer", button=3)
            await desk.sees("Go to the message it replies to")
            await desk.press("escape")
            await desk.until(lambda: desk.app.screen is desk.screen)
            await click("Bela  ", left=30)
            await desk.sees("bela@example.org")
