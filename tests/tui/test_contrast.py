"""Whether all words on the screen can be read, in both themes."""

import re
from pathlib import Path

import pytest
from textual.color import Color

from chatterm.client.model import Account
from chatterm.client.settings import Look, Settings
from chatterm.tui import theme
from tests.support.tui import Desk, direct_chat, fill_cache, running_app

LEAST_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of usual size."""


def luminance(color: Color) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: Color, other: Color) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def weak_texts(desk: Desk) -> list[tuple[str, float]]:
    """Words on the screen that have too little contrast to what is behind them."""
    found = []
    for strip in desk.app.screen._compositor.render_strips():
        for text, style, _ in strip:
            if style is None or style.color is None or style.bgcolor is None or not re.search(r"\w", text):
                continue
            ratio = contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))
            if ratio < LEAST_CONTRAST:
                found.append((text.strip(), round(ratio, 2)))
    return found


@pytest.mark.parametrize("name", [each.name for each in theme.THEMES])
async def test_all_words_can_be_read(home: Path, account: Account, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also quiet ones, and those at a cursor: of the client list, of the messages, of what a search has found."""
    monkeypatch.setenv("COLORTERM", "truecolor")  # with few colours, what they look like is the terminal's
    monkeypatch.delenv("NO_COLOR", raising=False)
    fill_cache(home, account, **direct_chat("hello `code`", "> quoted\n- [ ] and back"))
    async with running_app(home, account, settings=Settings(look=Look(theme=name))) as desk:
        await desk.sees("hello", "and back", "offline since")
        assert weak_texts(desk) == []
        await desk.press("ctrl+g")
        await desk.sees("type to filter")
        assert weak_texts(desk) == []
        await desk.press("escape", "escape", "up")
        await desk.until(lambda: desk.screen.conversation.timeline.selected is not None)
        assert weak_texts(desk) == []
        await desk.press("ctrl+f", *"hello")
        await desk.sees("1 found")
        assert weak_texts(desk) == []
