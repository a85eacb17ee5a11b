"""The settings screen: every setting is there, by keys and mouse, applied at once and written."""

import sys
from pathlib import Path

import msgspec
import pytest

from chatterm.client.model import Account
from chatterm.client.settings import PARTS, read_settings, settings_path
from chatterm.client.settings_words import PARTS as HEADINGS
from chatterm.client.settings_words import SETTINGS
from chatterm.tui.fields import Choice, FieldRow, LineInput, Push, Toggle
from chatterm.tui.settings_screen import SettingsScreen
from tests.support.client import at_home
from tests.support.terminal import terminal
from tests.support.tui import Desk, direct_chat, fill_cache, running_app


def test_every_setting_has_words() -> None:
    names = {(part.name, field.name) for part in PARTS for field in msgspec.structs.fields(part.type)}
    assert names == set(SETTINGS)
    assert {part.name for part in PARTS} == set(HEADINGS)


def row(desk: Desk, name: str) -> FieldRow:
    return next(each for each in desk.app.screen.query(FieldRow) if each.field.name == name)


async def test_arrow_keys_go_from_setting_to_setting_where_the_list_scrolls(home: Path, account: Account) -> None:
    async with running_app(home, account, size=(100, 30)) as desk:
        await desk.press("f3")
        await desk.until(lambda: isinstance(desk.app.screen.focused, Choice))
        names = [each.field.name for each in desk.app.screen.query(FieldRow)]
        for name in names[1:]:
            await desk.press("down")
            assert desk.app.screen.focused is row(desk, name).widget
        await desk.press("up")
        assert desk.app.screen.focused is row(desk, names[-2]).widget


async def test_settings_are_changed_at_once_and_written(home: Path, account: Account) -> None:
    with at_home(home):
        path = settings_path()
    async with running_app(home, account, size=(100, 40)) as desk:
        await desk.press("f3")
        await desk.until(lambda: isinstance(desk.app.screen, SettingsScreen))
        await desk.sees("Colours", "‹ auto ›", str(path)[:30])
        await desk.press("right", "right")
        await desk.until(lambda: desk.app.theme == "chatterm-day")
        bell = row(desk, "notifications.bell").widget
        assert isinstance(bell, Toggle)
        bell.focus()
        await desk.press("space")
        await desk.until(lambda: desk.app.settings.notifications.bell)
        groups = row(desk, "notifications.groups").widget
        assert isinstance(groups, Choice)
        groups.scroll_visible(animate=False)
        await desk.pilot.pause()
        await desk.pilot.click(groups, offset=(6, 0))
        await desk.until(lambda: desk.app.settings.notifications.groups == "none")
        width = row(desk, "look.list_width").widget
        assert isinstance(width, LineInput)
        width.focus()
        await desk.press("ctrl+u", *"1000", "enter")
        await desk.sees("look.list_width is a whole number from 16 to 80")
        await desk.press("ctrl+u", *"20", "enter")
        await desk.until(lambda: desk.screen.sidebar.outer_size.width == 20)
        await desk.until(lambda: read_settings(path).settings == desk.app.settings)
        path.write_text(path.read_text().replace("list_width = 20", "list_width = 24"))
        await desk.app.preferences.look()
        width.blur()
        await desk.until(lambda: (desk.screen.sidebar.outer_size.width, width.value) == (24, "24"))
        assert "24" in path.read_text()
        await desk.press("escape")
        await desk.until(lambda: not isinstance(desk.app.screen, SettingsScreen))


@pytest.mark.parametrize("size", [(40, 12), (300, 80)])
async def test_the_buttons_are_on_screen_at_every_size(home: Path, account: Account, size: tuple[int, int]) -> None:
    async with running_app(home, account, size=size) as desk:
        await desk.press("f3")
        await desk.sees("Settings", "Keys…", "Open in $EDITOR", "Close")
        await desk.pilot.click(next(push for push in desk.app.screen.query(Push) if push.key == "close"))
        await desk.until(lambda: not isinstance(desk.app.screen, SettingsScreen))


async def test_an_editor_of_ones_own_changes_them(home: Path, account: Account, tmp_path: Path) -> None:
    """The editor has the terminal; what it wrote is in force when it ends."""
    fill_cache(home, account, **direct_chat("hello"))
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import sys, pathlib\n"
        "print('the editor is here', flush=True)\n"
        "input()\n"
        "pathlib.Path(sys.argv[1]).write_text('[look]\\ntheme = \"chatterm-day\"\\n')\n"
    )
    environment = {"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin", "EDITOR": f"{sys.executable} {editor}"}
    async with terminal("-m", "chatterm", environment=environment, columns=100, rows=40) as tty:
        await tty.sees("hello")
        tty.type("\x1bOR")
        await tty.sees("Open in $EDITOR")
        tty.type("\x1b[Z\x1b[Z\r")
        await tty.sees("the editor is here")
        tty.type("\n")
        await tty.sees("‹ chatterm-day ›")


async def test_the_mouse_reaches_help_accounts_and_profile(home: Path, account: Account) -> None:
    async with running_app(home, account, size=(200, 40)) as desk:
        await desk.sees("F1 help")
        await desk.pilot.click("StatusLine", offset=(desk.rows[-1].index("F1 help") + 4, 0))
        await desk.sees("type to find a key")
        await desk.press("escape")
        await desk.pilot.click("AccountLine", offset=(10, 0))
        await desk.sees("Accounts", "Add one")
        await desk.press("escape")
        await desk.pilot.click("AccountLine", offset=(2, 0))
        await desk.until(lambda: any(each.severity == "error" for each in desk.app._notifications))  # not connected
