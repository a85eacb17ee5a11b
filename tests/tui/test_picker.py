"""The picker: typing ranks, keys and the mouse choose, sources may be slow or fail, any number of rows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from chatterm.client.errors import ClientError
from chatterm.tui import theme
from chatterm.tui.picker import ManyPicker, Picker, PickerScreen, Row
from tests.support.tui import wait_until

FRUIT = [Row(name, name, detail=f"{name}@example.org") for name in ("Apple", "Apricot", "Bánana", "Grape", "Pear")]


class Stage(App[None]):
    """Shows one picker and keeps its result."""

    def __init__(self, picker: PickerScreen[Any, Any]) -> None:
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name
        self.picker = picker
        self.result: object = "nothing yet"

    async def on_mount(self) -> None:
        self.run_worker(self._pick())

    async def _pick(self) -> None:
        self.result = await self.picker.pick(self)

    @property
    def rows(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)


@contextlib.asynccontextmanager
async def staged(
    picker: PickerScreen[Any, Any], size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Stage, Pilot[None]]]:
    app = Stage(picker)
    async with app.run_test(size=size) as pilot:
        await wait_until(pilot, lambda: app.screen is picker and picker.focused is picker.line)
        yield app, pilot


async def test_typing_narrows_enter_chooses_and_what_matched_is_underlined() -> None:
    picker = Picker("Fruit \x1b[31m", FRUIT, hint="any of them")
    async with staged(picker) as (app, pilot):
        await wait_until(pilot, lambda: "Pear" in app.text)
        assert all(text in app.text for text in ("Fruit ␛[31m", "type to find", "Enter choose", "any of them"))
        await pilot.press(*"bana")
        await wait_until(pilot, lambda: "Pear" not in app.text)
        assert any(row.lstrip(" │›").startswith("Bánana") and "Bánana@example.org" in row for row in app.rows)
        strip = picker.rows.render_line(0)
        underlined = "".join(each.text for each in strip if each.style and each.style.underline)
        assert underlined == "Bána"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.result == "Bánana")


async def test_keys_move_and_escape_leaves_with_nothing() -> None:
    picker = Picker("Fruit", FRUIT)
    async with staged(picker) as (app, pilot):
        await wait_until(pilot, lambda: picker.rows.current is not None)
        for key, label in (("down", "Apricot"), ("tab", "Bánana"), ("up", "Apricot"), ("pagedown", "Pear")):
            await pilot.press(key)
            current = picker.rows.current
            assert current is not None
            assert current.label == label
        await pilot.press("x", "y", "z")
        await wait_until(pilot, lambda: "Nothing matches. Backspace shortens what you typed." in app.text)
        await pilot.press("enter", "ctrl+u")
        await wait_until(pilot, lambda: "Pear" in app.text)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.result is None)


async def test_the_mouse_alone_chooses_and_leaves() -> None:
    picker = Picker("Fruit", FRUIT)
    async with staged(picker) as (app, pilot):
        await wait_until(pilot, lambda: "Grape" in app.text)
        await pilot.click(picker.rows, offset=(5, 3))
        await wait_until(pilot, lambda: app.result == "Grape")
    picker = Picker("Fruit", FRUIT)
    async with staged(picker) as (app, pilot):
        await pilot.click(offset=(0, 0))
        await wait_until(pilot, lambda: app.result is None)
        await picker.dismiss("Pear")  # as a second click would, that came before the picker was gone
        assert app.result is None


async def test_many_are_marked_by_tab_and_click_and_stay_marked_while_searching() -> None:
    picker = ManyPicker("Fruit", FRUIT)
    async with staged(picker) as (app, pilot):
        await pilot.press(*"pear", "tab", "ctrl+u")
        await wait_until(pilot, lambda: "Apple" in app.text and "✓ Pear" in app.text)
        await pilot.click(picker.rows, offset=(5, 0))
        await wait_until(pilot, lambda: "✓ Apple" in app.text and "take 2 marked" in app.text)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.result == ("Pear", "Apple"))


async def test_a_slow_source_is_marked_cancelled_by_the_next_key_and_enter_waits_for_it() -> None:
    gates: dict[str, asyncio.Event] = {}

    async def source(needle: str) -> Sequence[Row[str]]:
        gate = gates.setdefault(needle, asyncio.Event())
        await gate.wait()
        return [Row(f"found {needle}", needle)]

    picker: Picker[str] = Picker("People", source)
    async with staged(picker) as (app, pilot):
        await wait_until(pilot, lambda: "searching…" in app.text)
        await pilot.press("a", "b", "enter")
        await wait_until(pilot, lambda: "ab" in gates)
        gates["a"].set()
        await pilot.pause()
        assert app.result == "nothing yet"
        gates["ab"].set()
        await wait_until(pilot, lambda: app.result == "ab")


async def test_a_source_may_bring_rows_piece_by_piece_and_the_cursor_stays() -> None:
    more = asyncio.Event()

    async def source(needle: str) -> AsyncIterator[Sequence[Row[int]]]:
        yield [Row(f"row {number}", number) for number in range(3)]
        await more.wait()
        yield [Row(f"row {number}", number) for number in range(9)]

    picker: Picker[int] = Picker("Rows", source)
    async with staged(picker) as (app, pilot):
        await wait_until(pilot, lambda: "row 2" in app.text)
        await pilot.press("down", "down")
        more.set()
        await wait_until(pilot, lambda: "row 8" in app.text)
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.result == 2)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ClientError("notConnected", "There is no connection.", "Try again."), "There is no connection. Try again."),
        (RuntimeError("broken\x07"), "The search failed: RuntimeError: broken␇."),
    ],
)
async def test_a_source_that_fails_is_told_in_place_of_rows_and_can_be_left(error: Exception, told: str) -> None:
    async def source(needle: str) -> Sequence[Row[str]]:
        raise error

    picker: Picker[str] = Picker("People", source)
    async with staged(picker) as (app, pilot):
        await wait_until(pilot, lambda: told in app.text)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.result is None)


async def test_a_hundred_thousand_rows_open_and_are_searched() -> None:
    """Only rows in sight are drawn; the last of them is found by letters of its name."""
    people = [Row(f"Person {number:06}", number) for number in range(100_000)] + [Row("Zsófia Álmos", -1)]
    picker = Picker("People", people)
    async with staged(picker) as (app, pilot):
        await wait_until(pilot, lambda: "Person 000000" in app.text and "100,001" in app.text)
        await pilot.press("ctrl+end")
        await wait_until(pilot, lambda: "Zsófia Álmos" in app.text)
        await pilot.press(*"zsalm", "enter")
        await wait_until(pilot, lambda: app.result == -1)


@pytest.mark.parametrize("size", [(40, 12), (60, 20), (300, 80)])
async def test_it_fits_every_terminal(size: tuple[int, int]) -> None:
    people = [Row(f"Person {number}", number, detail=f"u{number}@example.org", sign="○") for number in range(200)]
    picker = Picker("Choose somebody", people)
    async with staged(picker, size) as (app, pilot):
        await wait_until(pilot, lambda: "Person 5" in app.text)
        assert all(text in app.text for text in ("Choose somebody", "Enter choose", "Esc leave", "200"))
        assert picker.rows.size.height >= 7
