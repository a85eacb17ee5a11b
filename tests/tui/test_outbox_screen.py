"""The outbox on screen: what waits and why, and what can be done with it; problems that can be read again."""

from pathlib import Path

from chatproto.errors import ErrorInfo
from chatterm.client.model import Account, Enclosed, ProblemMet, Target
from tests.support.tui import WITH_BELA, Desk, direct_chat, fill_cache, running_app

REFUSED = ErrorInfo(code="notMember", message="You are no member.", hint="Ask to be added.")


async def opened(desk: Desk, *texts: str) -> None:
    desk.screen.perform("outbox")
    await desk.sees("Not sent yet", *texts)


async def test_the_outbox_shows_messages_and_changes_with_their_states(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello", "mine"))
    async with running_app(home, account) as desk:
        await desk.sees("hello", "offline since")
        engine = desk.engine
        await engine.send(Target(chat_id=WITH_BELA), "waits\nin two lines")
        refused = await engine.send(Target(email="nobody@example.org"), "goes nowhere")
        await engine._context.storage.outbox(lambda outbox: outbox.refused(refused.client_id, REFUSED))
        await engine.changes.edit(WITH_BELA, 2, "mine, edited")
        await engine.changes.react(WITH_BELA, 1, "👍", on=True)
        await opened(desk, "waits in two lines", "to Béla · waits to be sent", "goes nowhere")
        await desk.sees("refused: You are no member.", "Edit to “mine, edited”", "React with 👍 to “hello”")
        # It follows what happens while it is open.
        await engine.changes.delete(WITH_BELA, 2)
        await desk.until(lambda: "mine, edited" not in desk.text)
        await desk.sees("Delete “mine”")
        await desk.press(*"nowhere")
        await desk.until(lambda: "waits in two" not in desk.text)
        await desk.press("enter")
        await desk.sees("Send again", "Discard", "Copy its text")
        await desk.press("enter")
        await desk.until(lambda: engine.outbox.counts() == (2, 0))
        await desk.sees("Not sent yet")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)


async def test_an_unsent_message_is_edited_with_all_it_had_or_discarded(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello", "mine"))
    async with running_app(home, account) as desk:
        await desk.sees("hello", "offline since")
        await desk.engine.send(Target(chat_id=WITH_BELA), "an answer to @Béla", Enclosed(reply_to=1, mentions=(2,)))
        await desk.engine.send(Target(chat_id=WITH_BELA), "to be dropped")
        await opened(desk, "to be dropped")
        await desk.press("down", "enter")
        await desk.sees("Go to the chat")
        await desk.press(*"disc", "enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        await desk.sees("Not sent yet")
        await desk.press("enter")
        await desk.sees("Go to the chat")
        await desk.press("enter")
        await desk.until(lambda: desk.composer.text == "an answer to @Béla")
        await desk.sees("Replying to Béla")
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        (row,) = desk.engine.outbox.rows()
        assert row.enclosed == Enclosed(reply_to=1, mentions=(2,))


async def test_a_message_to_nobody_s_address_is_edited_and_copied_though_there_is_no_chat_to_show(
    home: Path, account: Account
) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.sees("hello", "offline since")
        row = await desk.engine.send(Target(email="nobody@example.org"), "goes nowhere")
        await desk.engine._context.storage.outbox(lambda outbox: outbox.refused(row.client_id, REFUSED))
        await opened(desk, "goes nowhere")
        await desk.press("enter")
        await desk.sees("Send again", "Copy its text")
        assert "Go to the chat" not in desk.text
        await desk.press(*"copy", "enter")
        await desk.until(lambda: desk.app.clipboard == "goes nowhere")
        await desk.sees("Not sent yet")
        await desk.press("enter")
        await desk.sees("Send again")
        await desk.press(*"edit", "enter")
        await desk.sees("Edit unsent message", "To nobody@example.org.")
        await desk.press(*" at all", "alt+enter")  # the cursor stands behind what is there
        await desk.until(lambda: [row.text for row in desk.engine.outbox.rows()] == ["goes nowhere at all"])


async def test_with_nothing_unsent_it_says_so(home: Path, account: Account) -> None:
    async with running_app(home, account) as desk:
        await desk.sees("Choose somebody")
        await desk.press("alt+o")
        await desk.sees("Everything is sent.")


async def test_what_went_wrong_can_be_read_again_and_copied(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.sees("hello", "offline since")
        hostile = ErrorInfo(code="x", message="It [bold]broke[/]\x1b]0;x\x07", hint="Mend it.")
        desk.engine._notify(ProblemMet(hostile))
        desk.engine._notify(ProblemMet(hostile))
        await desk.until(lambda: desk.app.survival.problems)
        await desk.press(*"/problems", "enter")
        await desk.sees("What went wrong lately", "It [bold]broke[/]␛]0;x␇ Mend it.", "2 times")
        await desk.press("enter")
        await desk.sees("Copy", "Back")
        await desk.press("tab", "enter")
        await desk.until(lambda: desk.app.clipboard.startswith("It [bold]broke"))


async def test_a_message_with_files_is_edited_where_it_stands(home: Path, account: Account, tmp_path: Path) -> None:
    """Its files stay with it, and so does its place in the queue."""
    plan = tmp_path / "plan.txt"
    plan.write_text("dig here")
    fill_cache(home, account, **direct_chat("hello", "mine"))
    async with running_app(home, account) as desk:
        await desk.sees("hello", "offline since")
        await desk.engine.send(Target(chat_id=WITH_BELA), "with a tpyo", files=(plan,))
        await desk.engine.send(Target(chat_id=WITH_BELA), "after it")
        await opened(desk, "with a tpyo")
        await desk.press("enter")
        await desk.sees("Go to the chat")
        await desk.press("enter")
        await desk.sees("Edit unsent message", "With plan.txt.")
        await desk.press("ctrl+a", *"Now ", "alt+enter")
        await desk.until(lambda: desk.engine.outbox.rows()[0].text == "Now with a tpyo")
        first, second = desk.engine.outbox.rows()
        assert [file.name for file in first.attached] == ["plan.txt"]
        assert second.text == "after it"
        assert desk.engine.outbox.counts() == (2, 0)
