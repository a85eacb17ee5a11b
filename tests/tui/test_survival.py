"""Unexpected errors: the part that met one goes on, the user is told once, and nothing is lost."""

from pathlib import Path

import pytest
from textual import events

from chatterm.client.model import Account
from chatterm.client.paths import account_files
from chatterm.tui.clients import ClientList
from chatterm.tui.composer import Composer
from chatterm.tui.survival import STORM, Survival
from chatterm.tui.timeline import Timeline
from tests.support.client import at_home
from tests.support.terminal import terminal
from tests.support.tui import direct_chat, fill_cache, running_app


async def test_a_handler_that_raises_costs_one_event_and_is_told_with_a_private_report(
    home: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The widget itself goes on: the next key reaches it; the same error again is only counted."""
    fill_cache(home, account, **direct_chat("hello"))
    insert = Composer.insert

    def broken(self: Composer, text: str) -> None:
        if "boom" in text:
            raise RuntimeError(f"cannot take {text}\x1b[31m")
        insert(self, text)

    monkeypatch.setattr(Composer, "insert", broken)
    async with running_app(home, account, defects=2) as desk:
        await desk.sees("hello", "offline since")
        desk.composer.post_message(events.Paste("boom"))
        desk.composer.post_message(events.Paste("boom"))
        desk.composer.post_message(events.Paste("fine"))
        await desk.until(lambda: desk.composer.text == "fine")
        await desk.sees("Composer met an error")
        await desk.type(" still here")
        (problem,) = [each for each in desk.app.survival.problems if each.report]
        assert problem.times == 2
        assert problem.text == "Composer met an error: RuntimeError: cannot take boom␛[31m"
        assert "RuntimeError" in problem.details
    with at_home(home):
        (report,) = account_files(account.key).folder.glob("crash-*.txt")
    assert report.stat().st_mode & 0o777 == 0o600


async def test_timers_workers_and_callbacks_that_raise_do_not_end_the_app(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))

    def broken() -> None:
        raise ValueError("from a callback")

    async def broken_work() -> None:
        raise LookupError("from a worker")

    async with running_app(home, account, defects=4) as desk:
        await desk.sees("hello", "offline since")
        desk.screen.set_timer(0.001, broken)
        desk.screen.call_later(broken)
        desk.app.call_later(broken)
        desk.screen.run_worker(broken_work())
        await desk.until(lambda: desk.app.survival.defects == 4)
        await desk.sees("LookupError")
        await desk.type("on it goes")


async def test_a_widget_that_cannot_be_drawn_is_a_card_and_the_rest_lives_on(
    home: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card tells the error, which can be copied, and tries again at a click; also for the messages themselves."""
    fill_cache(home, account, **direct_chat("hello"))

    def broken(*_: object) -> None:
        raise KeyError("no colour")

    async with running_app(home, account) as desk:
        await desk.sees("hello", "Csilla", "offline since")
        for kind, inner, shown in ((ClientList, "_draw", "Csilla"), (Timeline, "_strip", "hello")):
            with monkeypatch.context() as patch:
                patch.setattr(kind, inner, broken)
                desk.screen.query_one(kind).refresh()
                await desk.sees(f"{kind.__name__} cannot be drawn", "[try again]  [copy]")
                await desk.type("I can still write ")
                y = next(y for y, row in enumerate(desk.rows) if "[copy]" in row)
                await desk.pilot.hover(offset=(desk.rows[y].index("[copy]"), y))
                await desk.pilot.click(offset=(desk.rows[y].index("[copy]") + 1, y))
                await desk.until(lambda: "no colour" in desk.app.clipboard)
                assert desk.app.clipboard == f"{kind.__name__}: KeyError: 'no colour'"
                desk.app._clipboard = ""
                assert "cannot be drawn" in desk.text
            desk.screen.query_one(kind).refresh()  # as every change does, or a click on the card
            await desk.sees(shown)
            await desk.until(lambda: "cannot be drawn" not in desk.text)


def test_a_storm_of_errors_ends_the_app(tmp_path: Path) -> None:
    """Errors that never end would be a frozen screen and a busy processor."""
    told: list[str] = []
    now = 1_000.0
    survival = Survival(tmp_path, told.append, lambda: now)
    lives = [survival.met(ValueError(str(number)), "Widget") for number in range(STORM)]
    assert lives == [True] * (STORM - 1) + [False]
    assert len(told) == 1


async def test_a_crash_keeps_the_draft_of_the_last_moment(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    code = (
        "import sys\n"
        "from chatterm.tui import main, survival, composer\n"
        "survival.STORM = 0\n"
        "def met(self, error, where):\n"
        "    return False\n"
        "survival.Survival.met = met\n"
        "def broken(self, event):\n"
        "    raise RuntimeError('broken')\n"
        "composer.Composer.on_paste = broken\n"
        "sys.exit(main.run())\n"
    )
    async with terminal("-c", code, environment={"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin"}) as tty:
        await tty.sees("hello")
        tty.type("not lost\x1b[200~paste\x1b[201~")
        assert await tty.exit_code() == 1
        await tty.sees("had to stop: RuntimeError")
        assert b"\x1b[?1049l" in tty.raw
    async with running_app(home, account) as desk:
        await desk.until(lambda: desk.composer.text == "not lost")
