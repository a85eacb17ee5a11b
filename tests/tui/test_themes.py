"""Colours: themes of the user's own, those of the terminal, few colours or none."""

import re
from pathlib import Path

import pytest

from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.client.settings import Look, Settings, read_settings, settings_path
from chatterm.tui import theme, themes
from chatterm.tui.answers import BACKGROUND_QUERY
from tests.support.client import at_home
from tests.support.terminal import chatterm, terminal
from tests.support.tui import direct_chat, fill_cache, running_app

WHITE = "\x1b]11;rgb:fbfb/fafa/f7f7\x1b\\"
DAY_PAPER = b"48;2;251;250;247"
DARK_PAPER = b"48;2;22;24;28"


@pytest.fixture(autouse=True)
def no_terminal_said_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "_terminal_is_dark", [])
    monkeypatch.delenv("COLORFGBG", raising=False)


def own_theme(home: Path, name: str, text: str) -> None:
    (home / "themes").mkdir(parents=True, exist_ok=True)
    (home / "themes" / f"{name}.toml").write_text(text)


async def test_auto_follows_the_terminal_after_the_first_paint_and_loses_no_key(home: Path, account: Account) -> None:
    """What is typed before and after the terminal's answer is all there, in order."""
    fill_cache(home, account, **direct_chat("hello"))
    async with chatterm(home) as tty:
        await tty.until(lambda: BACKGROUND_QUERY.encode() in tty.raw)
        assert DARK_PAPER in tty.raw
        assert b"hello" in tty.raw[: tty.raw.index(BACKGROUND_QUERY.encode())]
        tty.type("one" + WHITE + "two")
        await tty.sees("onetwo")
        await tty.until(lambda: DAY_PAPER in tty.raw)


@pytest.mark.parametrize(
    ("value", "name"), [("15;0", "chatterm-dark"), ("0;15", "chatterm-day"), ("", "chatterm-dark")]
)
def test_auto_reads_colorfgbg(monkeypatch: pytest.MonkeyPatch, value: str, name: str) -> None:
    monkeypatch.setenv("COLORFGBG", value)
    assert themes.theme_of("auto").name == name


async def test_a_theme_of_ones_own_is_used_read_again_and_told_when_it_is_broken(home: Path, account: Account) -> None:
    own_theme(home, "forest", 'accent = "#00ff00"\nbackground = "#001100"\n')
    own_theme(home, "broken", 'accent = "green"\n')
    own_theme(home, "odd", "colour = 3\n")
    with at_home(home):
        path = settings_path()
        for name, told in (
            ("broken", "not a colour like"),
            ("odd", "colour"),
            ("../x", "no theme"),
            ("none", "forest"),
        ):
            with pytest.raises(ClientError) as raised:
                themes.theme_of(name)
            assert told in f"{raised.value.message} {raised.value.hint}"
        async with running_app(home, account, settings=Settings(look=Look(theme="forest"))) as desk:
            assert desk.app.theme == "user-forest"
            assert desk.app.current_theme.background == "#001100"
            own_theme(home, "forest", 'dark = false\nbackground = "#ffffee"\n')
            desk.screen.perform("theme", "forest")
            await desk.until(lambda: desk.app.current_theme.background == "#ffffee")
            desk.screen.perform("theme", "broken")
            await desk.sees("The theme")
            assert "not a colour like" in desk.app.survival.problems[-1].text  # on screen, words may be on two lines
            assert desk.app.theme == "user-forest"
            desk.screen.perform("theme")
            await desk.sees("Colours", "‹ forest ›")
            await desk.press("right")
            await desk.sees("‹ odd ›")
            await desk.press("right", "right")
            await desk.until(lambda: desk.app.theme == "chatterm-dark")
            await desk.press("escape")
            await desk.until(lambda: desk.app.theme == "user-forest")
            assert not path.exists() or read_settings(path).settings.look.theme != "chatterm-dark"


async def test_a_theme_that_cannot_be_read_does_not_stop_the_start(home: Path, account: Account) -> None:
    with at_home(home):
        async with running_app(home, account, settings=Settings(look=Look(theme="gone"))) as desk:
            assert desk.app.theme == "chatterm-dark"
            await desk.sees("There is no theme 'gone'")


@pytest.mark.parametrize(
    ("environment", "forbidden"),
    [
        ({"NO_COLOR": "1"}, rb"\x1b\[[0-9;]*[34]8;2;(\d+);(?!\1;\1[;m])"),
        ({"TERM": "xterm-16color", "COLORTERM": ""}, rb"\x1b\[[0-9;]*[34]8;[25];"),
    ],
)
async def test_few_colours_or_none_say_the_same(
    home: Path, account: Account, environment: dict[str, str], forbidden: bytes
) -> None:
    """Every state has a sign or a word of its own; with NO_COLOR only greys are written, with 16 colours only those."""
    fill_cache(home, account, **direct_chat("hello", "and back"))
    settings_of = {"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin", **environment}
    async with terminal("-m", "chatterm", environment=settings_of) as tty:
        await tty.sees("hello", "✓", "○ offline since", "Write to Béla", "▌")
        assert re.search(forbidden, bytes(tty.raw)) is None
        if "TERM" in environment:  # the frame of the composer and the mark of the connection are not black on black
            assert b"\x1b[90" in tty.raw
            assert re.search(rb"\x1b\[[0-9;]*93", bytes(tty.raw)), "no warning"
