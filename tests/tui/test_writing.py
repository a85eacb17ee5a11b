"""Replies, edits and slash commands, in the real app: offline for what needs no server, else on a real one."""

from pathlib import Path

from chatproto.errors import ErrorInfo
from chatproto.frames import Edit
from chatproto.models import Message
from chatterm.client.model import Account, EntryRef, Link
from chatterm.tui.writing import commands
from tests.support.client import sign_in
from tests.support.server import RunningServer
from tests.support.tui import CSILLA, WITH_BELA, Desk, direct_chat, fill_cache, running_app


def said(desk: Desk, seq: int) -> Message:
    """A cached message of the chat with Béla."""
    return desk.engine.cache.messages(WITH_BELA, [seq])[seq]


async def test_a_reply_says_what_it_answers_and_survives_a_restart(home: Path, account: Account) -> None:
    """The line above the composer names author and text; text and reply are there again after a restart."""
    fill_cache(home, account, **direct_chat("Shall we plant\nthe apple trees?", "Yes."))
    async with running_app(home, account) as desk:
        desk.screen.conversation.begin_reply(said(desk, 1))
        await desk.sees("Replying to Béla: Shall we plant the apple trees?", "Esc cancels")
        await desk.type("On Friday")
        await desk.until(lambda: desk.state.draft(f"chat:{WITH_BELA}").text == "On Friday")
        assert desk.state.draft(f"chat:{WITH_BELA}").reply_to == 1
    async with running_app(home, account) as desk:
        await desk.sees("Replying to Béla: Shall we plant", "On Friday")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        [row] = desk.engine.outbox.rows()
        assert (row.text, row.enclosed.reply_to) == ("On Friday", 1)
        await desk.until(lambda: "Replying" not in desk.text)
        assert desk.state.draft(f"chat:{WITH_BELA}").is_blank


async def test_escape_leaves_the_reply_first_and_keeps_its_text(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("Shall we?"))
    async with running_app(home, account) as desk:
        desk.screen.conversation.begin_reply(said(desk, 1))
        await desk.type("well")
        await desk.press("escape")
        await desk.until(lambda: "Replying" not in desk.text)
        assert desk.composer.text == "well"
        assert desk.app.focused is desk.composer
        desk.screen.conversation.begin_reply(said(desk, 1))
        await desk.sees("Replying to Béla")
        await desk.pilot.click(desk.screen.conversation.context_line)
        await desk.until(lambda: "Replying" not in desk.text)


async def test_up_edits_the_last_own_message_and_the_draft_comes_back(home: Path, account: Account) -> None:
    """What was written before an edit is neither lost nor sent with it; Esc gives it back as well."""
    fill_cache(home, account, **direct_chat("Shall we?", "Yes, on Friday.", "Good."))
    async with running_app(home, account) as desk:
        await desk.press("up")
        await desk.sees("Editing  Yes, on Friday.")
        assert desk.composer.text == "Yes, on Friday."
        await desk.press("escape")
        await desk.until(lambda: desk.composer.editor.is_empty)
        await desk.type("half a thought")
        desk.screen.conversation.begin_edit(said(desk, 2))
        await desk.until(lambda: desk.composer.text == "Yes, on Friday.")
        await desk.press("backspace", *" the 4th.")
        await desk.until(lambda: desk.state.draft(f"chat:{WITH_BELA}").edit_of == 2)
        await desk.press("enter")
        await desk.until(lambda: desk.composer.text == "half a thought")
        [row] = desk.engine.changes.rows()
        assert isinstance(row.change, Edit)
        assert (row.change.seq, row.change.text) == (2, "Yes, on Friday the 4th.")
        assert desk.engine.outbox.counts() == (0, 0)
        desk.composer.clear()
        await desk.press("up")  # again: what is not confirmed yet is what is edited
        await desk.until(lambda: desk.composer.text == "Yes, on Friday the 4th.")


async def test_an_edit_begun_before_a_restart_goes_on_and_gives_the_draft_back(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("Shall we?", "Yes."))
    async with running_app(home, account) as desk:
        await desk.type("draft")
        desk.screen.conversation.begin_edit(said(desk, 2))
        await desk.type("!")
        await desk.until(lambda: desk.state.draft(f"chat:{WITH_BELA}").text == "Yes.!")
    async with running_app(home, account) as desk:
        await desk.sees("Editing", "Yes.!")
        await desk.press("escape")
        await desk.until(lambda: desk.composer.text == "draft")


async def test_up_takes_back_what_has_not_left_yet(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello", "sent long ago"))
    async with running_app(home, account) as desk:
        await desk.type("with a tpyo")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        await desk.press("up")
        await desk.until(lambda: desk.composer.text == "with a tpyo")
        assert desk.engine.outbox.counts() == (0, 0)


async def test_an_edit_without_text_changes_nothing_and_says_so(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("Shall we?", "Yes."))
    async with running_app(home, account) as desk:
        await desk.press("up")
        await desk.until(lambda: desk.composer.text == "Yes.")
        await desk.press("ctrl+u", "enter")
        await desk.sees("Without text, nothing is changed.", "Editing")
        assert desk.engine.changes.rows() == ()


async def test_walking_through_what_was_sent_keeps_what_was_being_written(home: Path, account: Account) -> None:
    """Also on disk: an older text that is changed takes the draft's place, and the draft can still be walked to."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.press(*"one", "enter", *"two", "enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (2, 0))
        await desk.type("half a thought")
        await desk.press("alt+p", "alt+p")
        await desk.until(lambda: desk.composer.text == "one")
        await desk.press("alt+n", "alt+n")
        await desk.until(lambda: desk.composer.text == "half a thought")
        await desk.press("alt+p", "!")
        await desk.until(lambda: desk.state.draft(f"chat:{WITH_BELA}").text == "two!")
        assert desk.state.history() == ["one", "two", "half a thought"]
        await desk.press("alt+n")
        await desk.until(lambda: desk.composer.text == "half a thought")


async def test_another_chat_has_its_own_context(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("Shall we?"))
    async with running_app(home, account) as desk:
        desk.screen.conversation.begin_reply(said(desk, 1))
        await desk.sees("Replying to Béla")
        await desk.press("alt+down")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", CSILLA.id))
        await desk.until(lambda: "Replying" not in desk.text)
        await desk.press("alt+up")
        await desk.sees("Replying to Béla")


async def test_an_unknown_command_is_not_sent_and_says_what_may_be_meant(home: Path, account: Account) -> None:
    """Nothing is sent, the text stays; two slashes send one."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type("/hlep")
        await desk.press("enter")
        await desk.sees("There is no command /hlep.", "/help", "//")
        assert desk.composer.text == "/hlep"
        assert desk.engine.outbox.rows() == []
        desk.composer.clear()
        await desk.press(*"//usr/bin", "enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        await desk.press(*"/me waves", "enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (2, 0))
        await desk.press(*"/shrug who", "space", *"knows", "enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (3, 0))
        assert [row.text for row in desk.engine.outbox.rows()] == ["/usr/bin", "/me waves", "who knows ¯\\_(ツ)_/¯"]
        await desk.press(*"/help", "enter")
        await desk.sees("Find a person or group")
        assert desk.composer.editor.is_empty


def test_commands_are_read_exactly() -> None:
    """A missing or superfluous argument is told with the way it is written; a text without a slash is a text."""
    assert commands.read("hello /me") == "hello /me"
    assert commands.read("//me") == "/me"
    missing = commands.read("/me")
    assert isinstance(missing, ErrorInfo)
    assert "/me TEXT" in missing.message
    superfluous = commands.read("/quit me")
    assert isinstance(superfluous, ErrorInfo)
    assert "nothing after it" in superfluous.message
    assert commands.read("/SHRUG  a b\nc ") == "a b\nc ¯\\_(ツ)_/¯"
    given = commands.read("/help")
    assert isinstance(given, commands.Command)
    assert (given.action.name, given.argument) == ("help", "")
    assert isinstance(commands.read("/"), ErrorInfo)


async def test_what_is_replied_and_edited_reaches_the_server(home: Path, server: RunningServer) -> None:
    """The reply refers to the message, the edit changes it, and both are shown by the other side's log."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    chat = await anna.direct(bela)
    async with bela.socket() as socket, running_app(home, sign_in(home, anna)) as desk:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        await socket.say(chat, "Shall we?")
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.sees("Shall we?")
        desk.screen.conversation.begin_reply(desk.engine.cache.messages(chat.id, [1])[1])
        await desk.press(*"Yes", "enter")
        await desk.until(lambda: desk.engine.cache.head(chat.id) == 2)
        await desk.until(lambda: desk.engine.outbox.counts() == (0, 0))
        await desk.press("up", "!", "enter")
        await desk.until(lambda: desk.engine.cache.messages(chat.id, [2])[2].text == "Yes!")
        messages, _ = await server.application.store.messages(chat.id, limit=10)
        assert [(message.text, message.reply_to) for message in messages] == [("Shall we?", 0), ("Yes!", 1)]
        assert messages[1].edited_at
