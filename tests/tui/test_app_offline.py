"""The app with the network really absent: cached conversation first, queueing, drafts, failed messages."""

from pathlib import Path

import pytest

from chatproto import limits
from chatproto.errors import ErrorInfo
from chatproto.models import User
from chatterm.client.model import Account, EntriesChanged, EntryRef, Link, OutboxState, ProblemMet
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.client.settings import read_settings, settings_path
from tests.support.client import at_home
from tests.support.tui import (
    BELA,
    CSILLA,
    WITH_BELA,
    direct_chat,
    fill_cache,
    running_app,
)

BELA_CHAT = EntryRef("chat", WITH_BELA)


async def test_the_cached_conversation_is_painted_before_the_engine_starts(home: Path, account: Account) -> None:
    """The first frame shows what was said; only then does anything try to connect."""
    fill_cache(home, account, **direct_chat("Shall we plant the apple trees?", "Yes. Bring the spade."))
    async with running_app(home, account) as desk:
        await desk.sees("Shall we plant the apple trees?", "Yes. Bring the spade.", "Béla", "Csilla")
        await desk.sees("offline since", "retrying in", "Ctrl+R now")
        assert desk.engine.status.link in (Link.OFFLINE, Link.CONNECTING)
        assert desk.app.focused is desk.composer


async def test_an_empty_cache_says_how_to_begin(home: Path, account: Account) -> None:
    async with running_app(home, account) as desk:
        await desk.sees("Choose somebody to begin.", "Ctrl+K finds people and groups, /group makes a group")
        await desk.type("text for nobody")
        await desk.press("enter")
        await desk.sees("No conversation is open")
        assert desk.composer.text == "text for nobody"


async def test_the_list_has_a_cursor_from_the_first_key_on(home: Path, account: Account) -> None:
    """Also if no chat is open: Enter opens the first row, and a blank begins no filter."""
    fill_cache(home, account)
    async with running_app(home, account) as desk:
        await desk.sees("Béla", "Csilla")
        await desk.press("ctrl+g", "space")
        await desk.sees("›· Béla")
        await desk.press("down", "enter")
        await desk.sees("Say hello to Csilla.")


async def test_toasts_cover_neither_what_is_written_nor_the_newest_messages(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("one", "two", "the newest of all"))
    async with running_app(home, account, size=(60, 24)) as desk:
        await desk.sees("the newest of all")
        await desk.type("half a sentence that goes on and on to the right edge")
        desk.screen.tell("That did not work, and this is a rather long explanation of it.", failed=True)
        await desk.sees(
            "That did not work", "half a sentence that goes on and on to the right edge", "the newest of all"
        )
        assert "That did not work" not in desk.rows[0], "the header stays, too"
    async with running_app(home, account, size=(40, 12)) as desk:
        await desk.sees("the newest of all")
        desk.screen.tell("That did not work, and this is a rather long explanation of it.", failed=True)
        await desk.sees("That did not work", "the newest of all")


async def test_what_is_sent_offline_is_queued_on_disk_and_shown(home: Path, account: Account) -> None:
    """The composer is cleared only because the message is durable."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type("into the queue")
        await desk.press("enter")
        await desk.until(lambda: desk.composer.editor.is_empty)
        [row] = desk.engine.outbox.rows()
        assert (row.text, row.state) == ("into the queue", OutboxState.QUEUED)
        await desk.sees("into the queue", "1 queued")


async def test_a_queued_message_can_be_taken_back_to_edit(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type("with a tpyo")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        await desk.press("alt+e")
        await desk.until(lambda: desk.composer.text == "with a tpyo")
        assert desk.engine.outbox.counts() == (0, 0)


async def test_a_failed_message_shows_its_reason_and_can_be_retried_or_discarded(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    error = ErrorInfo(code="notMember", message="You are not a member of it.", hint="Ask a member to add you.")
    async with running_app(home, account) as desk:
        await desk.type("refused")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        with at_home(home):
            other = Outbox.open(account_files(account.key).outbox)
        [row] = other.take(1, 10_000)
        other.refused(row.client_id, error)
        other.close()
        await desk.sees("You are not a member of it.", "1 failed")
        await desk.press("alt+r")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        with at_home(home):
            other = Outbox.open(account_files(account.key).outbox)
        [row] = other.take(1, 10_000)
        other.refused(row.client_id, error)
        other.close()
        await desk.sees("1 failed")
        await desk.press("alt+x")
        await desk.until(lambda: desk.engine.outbox.counts() == (0, 0))
        await desk.until(lambda: "failed" not in desk.rows[-1])


async def test_text_over_the_limit_is_refused_with_its_size_and_kept(home: Path, account: Account) -> None:
    """Nothing is truncated: the text stays, and the line above says by how much it is too long."""
    fill_cache(home, account, **direct_chat("hello"))
    text = "é" * (limits.MESSAGE_MAX_BYTES // 2 + 1)
    async with running_app(home, account) as desk:
        desk.composer.insert(text)
        await desk.sees("16,386 of 16,384 bytes: too long to send.")
        await desk.press("enter")
        await desk.sees("Not sent: The message is too long.")
        assert desk.composer.text == text
        assert desk.engine.outbox.counts() == (0, 0)
        await desk.press("backspace")
        await desk.until(lambda: not desk.screen.conversation.notice.text)
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))


async def test_a_draft_belongs_to_its_chat_and_survives_a_restart(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type("half a thou")
        await desk.press("alt+down")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", CSILLA.id))
        assert desk.composer.text == ""
        await desk.type("for Csilla")
        await desk.press("alt+up")
        await desk.until(lambda: desk.screen.conversation.ref == BELA_CHAT)
        assert desk.composer.text == "half a thou"
        await desk.press("alt+down")
        await desk.until(lambda: desk.composer.text == "for Csilla")
    async with running_app(home, account) as desk:
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", CSILLA.id))
        assert desk.composer.text == "for Csilla"
        await desk.press("alt+up")
        await desk.until(lambda: desk.composer.text == "half a thou")


async def test_a_pause_in_writing_puts_the_draft_on_disk(home: Path, account: Account) -> None:
    """No quitting, no switching: what stands in the composer is written by itself."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type("unsaved?")
        await desk.until(lambda: desk.state.draft(f"chat:{WITH_BELA}").text == "unsaved?")


async def test_keys_typed_while_a_message_is_stored_come_after_it(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.press(*"one", "enter", *"two", "enter", *"three")
        await desk.until(lambda: desk.engine.outbox.counts() == (2, 0))
        await desk.until(lambda: desk.composer.text == "three")
        assert [row.text for row in desk.engine.outbox.rows()] == ["one", "two"]


async def test_a_paste_of_many_lines_goes_in_whole_and_without_terminal_codes(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        desk.composer.insert("\x1b[31mred\x1b[0m\r\n" + "\n".join(f"line {number}" for number in range(40)))
        await desk.sees("line 39")
        assert desk.composer.text.startswith("red\nline 0\n")
        assert desk.composer.text.count("\n") == 40
        assert desk.composer.size.height == 6
        assert desk.engine.outbox.counts() == (0, 0)


async def test_find_by_typing_and_open_with_enter(home: Path, account: Account) -> None:
    """Ctrl+G, a few letters, Enter: the person is open, the filter gone, the composer has the keys."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.press("ctrl+g", *"csil")
        await desk.until(lambda: len(desk.screen.sidebar.list.roster) == 1)
        await desk.press("enter")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", CSILLA.id))
        await desk.until(lambda: desk.app.focused is desk.composer)
        assert desk.screen.sidebar.list.filter_text == ""
        assert len(desk.screen.sidebar.list.roster) == 3  # with a heading


async def test_escape_goes_to_the_messages_and_left_to_the_list_and_back(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        client_list = desk.screen.sidebar.list
        timeline = desk.screen.conversation.timeline
        await desk.press("escape")
        await desk.until(lambda: desk.app.focused is timeline)
        await desk.press("left")
        await desk.until(lambda: desk.app.focused is client_list)
        await desk.press("z")
        await desk.sees("nobody")
        await desk.press("escape")
        await desk.until(lambda: client_list.filter_text == "")
        assert desk.app.focused is client_list
        await desk.press("escape")
        await desk.until(lambda: desk.app.focused is desk.composer)


async def test_a_click_opens_a_chat(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.sees("Csilla")
        await desk.pilot.click(desk.screen.sidebar.list, offset=(5, 2))
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", CSILLA.id))
        assert desk.app.focused is desk.composer


async def test_home_and_end_scroll_only_while_nothing_is_written(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat(*(f"message {number}" for number in range(60))))
    async with running_app(home, account) as desk:
        await desk.sees("message 59")
        await desk.press("home")
        await desk.until(lambda: "message 0" in desk.text)
        await desk.press("end")
        await desk.until(lambda: "message 59" in desk.text)
        await desk.press("pageup")
        await desk.until(lambda: "message 59" not in desk.text)
        await desk.press(*"x", "home", "y")
        await desk.until(lambda: desk.composer.text == "yx")
        assert "message 0" not in [row.strip() for row in desk.rows]


async def test_ctrl_c_clears_undoably_and_then_tells_how_to_quit(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type("oops")
        await desk.press("ctrl+c")
        await desk.until(lambda: desk.composer.editor.is_empty)
        await desk.press("ctrl+z")
        await desk.until(lambda: desk.composer.text == "oops")
        await desk.press("ctrl+c", "ctrl+c")
        await desk.sees("Ctrl+Q quits.")


async def test_the_help_lists_the_keys_and_closes(home: Path, account: Account) -> None:
    async with running_app(home, account, size=(100, 180)) as desk:
        await desk.press("f1")
        await desk.sees("Find a person or group", "Alt+Enter, Shift+Enter")
        await desk.press("escape")
        await desk.until(lambda: "Find a person or group" not in desk.text)


async def test_the_theme_is_remembered(home: Path, account: Account) -> None:
    with at_home(home):
        path = settings_path()
    async with running_app(home, account) as desk:
        await desk.press("f2")
        await desk.until(lambda: desk.app.theme == "chatterm-day")
        await desk.until(lambda: read_settings(path).settings.look.theme == "chatterm-day")
    async with running_app(home, account, settings=read_settings(path).settings) as desk:
        assert desk.app.theme == "chatterm-day"


@pytest.mark.parametrize("size", [(40, 12), (79, 24), (80, 24), (120, 30), (300, 80)])
async def test_it_fits_every_terminal(home: Path, account: Account, size: tuple[int, int]) -> None:
    """Conversation, composer and status are there; the list is beside them, or an overlay where it is narrow."""
    fill_cache(home, account, **direct_chat("hello there"))
    async with running_app(home, account, size=size) as desk:
        await desk.sees("hello there", "Write to Béla")
        await desk.until(lambda: "○" in desk.rows[-1] or "◌" in desk.rows[-1])
        assert len(desk.rows) == size[1]
        assert all(len(row) == size[0] for row in desk.rows if row.isascii())
        assert desk.screen.sidebar.display is (size[0] >= 80)
        await desk.press("ctrl+g")
        await desk.sees("type to filter", "Csilla")
        await desk.press("escape")
        await desk.until(lambda: desk.screen.sidebar.display is (size[0] >= 80))


async def test_a_resize_keeps_everything(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello there"))
    async with running_app(home, account) as desk:
        await desk.type("draft")
        for size in ((40, 12), (300, 80), (79, 20), (100, 30)):
            await desk.pilot.resize_terminal(*size)
            await desk.until(lambda size=size: desk.app.size == size)  # type: ignore[misc] # mypy cannot infer the default
            await desk.sees("hello there", "draft")


async def test_the_names_of_people_are_kept_current(home: Path, account: Account) -> None:
    """Somebody else's process renames a person in the cache: list, header and messages follow the notice."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.sees("Béla")
        refs = desk.engine.cache.store_users([User(id=BELA.id, email=BELA.email, display_name="Adalbert", rev=9)])
        desk.engine._notify(EntriesChanged(refs))
        await desk.until(lambda: "Béla" not in desk.text.replace("Write to Béla", ""))
        await desk.sees("Adalbert")


async def test_a_draft_that_cannot_be_kept_is_told_and_sending_goes_on(home: Path, account: Account) -> None:
    """A full disk for drafts must not take the app, nor the message, away."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        pages = desk.state._connection.execute("PRAGMA page_count").fetchone()[0]
        desk.state._connection.execute(f"PRAGMA max_page_count = {pages}")
        desk.composer.insert("y" * 9_000)
        await desk.sees("Your draft cannot be kept on disk.")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))


async def test_a_problem_is_told_as_it_is_and_never_as_markup(home: Path, account: Account) -> None:
    """What the engine reports may come from anywhere: no markup, no control characters."""
    async with running_app(home, account) as desk:
        await desk.sees("Choose somebody")
        hostile = ErrorInfo(code="x", message="[bold]no[/bold] [/]\x1b]52;c;QQ==\x07", hint="[link=x]")
        desk.engine._notify(ProblemMet(hostile))
        await desk.sees("[bold]no[/bold] [/]␛]52;c;QQ==␇")
        assert desk.app.is_running


async def test_without_a_mouse_or_colours_everything_has_a_shape(home: Path, account: Account) -> None:
    """States are told by signs and words: the text of the screen alone says them all."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.press("ctrl+k", "down")
        await desk.sees("▌· Béla", "›· Csilla", "○ offline since")


async def test_text_selected_with_the_mouse_is_copied_and_the_composer_keeps_the_keys(
    home: Path, account: Account
) -> None:
    """Drag over a message, Ctrl+C: the text is on the clipboard; what is typed next goes into the composer."""
    fill_cache(home, account, **direct_chat("copy exactly this"))
    async with running_app(home, account) as desk:
        await desk.sees("copy exactly this")
        y = next(index for index, row in enumerate(desk.rows) if "copy exactly this" in row)
        x = desk.rows[y].index("exactly")
        await desk.pilot.mouse_down(offset=(x, y))
        await desk.pilot.hover(offset=(x + 6, y))
        await desk.pilot.mouse_up(offset=(x + 6, y))
        await desk.until(desk.screen.get_selected_text)
        await desk.press("ctrl+c")
        await desk.until(lambda: desk.app.clipboard)
        assert desk.app.clipboard in ("exactl", "exactly")
        await desk.type("typed on")
        assert desk.composer.text == "typed on"
