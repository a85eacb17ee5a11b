"""Dialogs: every field by keys and by mouse, errors in place, work that can be left, and safe text."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from textual.app import App
from textual.events import Key, Paste
from textual.pilot import Pilot

from chatterm.client.errors import ClientError
from chatterm.tui import theme
from chatterm.tui.dialog import (
    CANCEL,
    Answers,
    Button,
    ChoiceField,
    Dialog,
    LinesField,
    PasswordField,
    PickField,
    SwitchField,
    TextField,
    ask,
    confirm,
)
from chatterm.tui.fields import Push
from tests.support.tui import wait_until


class Bare(App[None]):
    """An app with nothing in it but our colours."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.DEFAULTS

    def on_mount(self) -> None:
        self.register_theme(theme.DARK)
        self.theme = theme.DARK.name


@contextlib.asynccontextmanager
async def bare(size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Bare, Pilot[None]]]:
    app = Bare()
    async with app.run_test(size=size) as pilot:
        yield app, pilot


def asked(app: App[None], dialog: Dialog[Any]) -> "asyncio.Task[Any]":
    return asyncio.create_task(ask(app, dialog))


def shown(app: App[None]) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


FIELDS = (
    TextField(name="email", label="Email"),
    PasswordField(name="password", label="Password"),
    SwitchField(name="keep", label="Keep", value=False),
    ChoiceField(name="who", label="Who", options=(("a", "Anna"), ("b", "Béla"), ("c", "Csilla"))),
    LinesField(name="note", label="Note", rows=2),
)


async def _answers(answers: Answers) -> Answers:
    return answers


async def test_every_field_is_filled_in_with_keys_alone() -> None:
    async with bare() as (app, pilot):
        dialog = Dialog("Fill in", "Please.", FIELDS, submit=_answers)
        waiting = asked(app, dialog)
        await pilot.pause()
        await pilot.press(*"anna", "tab", *"secret", "tab", "space", "tab", "right", "right", "tab", *"one", "enter")
        await pilot.press(*"two", "tab", "enter")
        answers = await waiting
        assert answers is not None
        assert (answers["email"], answers["password"], answers.on("keep")) == ("anna", "secret", True)
        assert (answers["who"], answers["note"], answers.button) == ("c", "one\ntwo", "ok")
        assert "secret" not in repr(answers)


async def test_every_control_works_with_the_mouse_alone() -> None:
    async with bare() as (app, pilot):
        dialog = Dialog("Fill in", "", FIELDS[1:4], submit=_answers)
        waiting = asked(app, dialog)
        await pilot.pause()
        await pilot.press(*"secret")
        assert "secret" not in shown(app)
        reveal, *_ = dialog.query(Push)
        await pilot.click(reveal)
        await pilot.pause()
        assert "secret" in shown(app)
        await pilot.click("Toggle")
        await pilot.click("Choice", offset=(6, 0))
        await pilot.click(next(push for push in dialog.query(Push) if push.key == "ok"))
        answers = await waiting
        assert answers is not None
        assert (answers.on("keep"), answers["who"]) == (True, "b")


async def test_an_error_is_shown_in_place_and_what_was_filled_in_stays() -> None:
    tries: list[str] = []

    async def submit(answers: Answers) -> str:
        tries.append(answers["email"])
        if len(tries) == 1:
            raise ClientError("wrong", "[b]That[/b] is\x1b[31m wrong.", "Say it again.")
        return answers["email"]

    async with bare() as (app, pilot):
        waiting = asked(app, Dialog("Name", "", FIELDS[:1], submit=submit))
        await pilot.pause()
        await pilot.press(*"anna", "enter")
        await pilot.pause()
        assert "✗ [b]That[/b] is␛[31m wrong. Say it again." in shown(app)
        assert not waiting.done()
        await pilot.press("x", "enter")
        assert await waiting == "annax"


async def test_work_under_way_is_marked_and_can_be_left() -> None:
    """A second Enter does not do it twice; Esc cancels it and the dialog is gone."""
    begun, cancelled = asyncio.Event(), asyncio.Event()
    count = 0

    async def submit(_: Answers) -> str:
        nonlocal count
        count += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return "never"

    async with bare() as (app, pilot):
        waiting = asked(app, Dialog("Slow", "", FIELDS[:1], submit=submit, busy="Asking"))
        await pilot.pause()
        await pilot.press("enter")
        await begun.wait()
        await pilot.press("enter")
        await pilot.pause()
        assert "◌ Asking…" in shown(app)
        await pilot.press("escape")
        assert await waiting is None
        await asyncio.wait_for(cancelled.wait(), 10)
        assert count == 1
        await pilot.pause()
        assert not isinstance(app.screen, Dialog)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["enter"], False),
        (["escape"], False),
        (["shift+tab", "enter"], True),
        (["up", "space"], True),
        (["left", "enter"], True),
    ],
)
async def test_a_question_is_answered_with_yes_only_on_purpose(keys: list[str], expected: bool) -> None:
    async with bare() as (app, pilot):
        waiting = asyncio.create_task(confirm(app, "Delete [red]this[/red]?", "It cannot\nbe undone.", "Delete"))
        await pilot.pause()
        assert "Delete [red]this[/red]?" in shown(app)
        await pilot.press(*keys)
        assert await waiting is expected


async def test_a_paste_cannot_bring_terminal_codes_into_a_field() -> None:
    async with bare() as (app, pilot):
        waiting = asked(app, Dialog("Name", "", FIELDS[:1], submit=_answers))
        await pilot.pause()
        assert app.focused is not None
        app.focused.post_message(Paste("an\x1b]52;c;eA==\x07na\u202e\nnext"))
        await pilot.pause()
        await pilot.press("enter")
        answers = await waiting
        assert answers is not None
        assert answers["email"] == "anna‹U+202E› next"


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (300, 80)])
async def test_the_buttons_and_the_error_are_on_screen_at_every_size(size: tuple[int, int]) -> None:
    async def submit(_: Answers) -> None:
        raise ClientError("wrong", "That is wrong.", "Do it otherwise.")

    async with bare(size) as (app, pilot):
        buttons = (Button("go", "Go on"), Button(CANCEL, "Cancel"))
        dialog = Dialog("A title", "Some text.", FIELDS, submit=submit, buttons=buttons)
        waiting = asked(app, dialog)
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.pause()
        for text in ("A title", "Some text.", "Email", "✗ That is wrong.", "Go on", "Cancel"):
            assert text in shown(app)
        await pilot.press("escape")
        assert await waiting is None


async def test_rows_to_pick_from_are_one_line_each_and_chosen_by_a_click() -> None:
    options = tuple((name, f"{name} {'long ' * 30}") for name in ("one", "two", "three"))
    async with bare() as (app, pilot):
        waiting = asked(app, Dialog("Pick", "", [PickField(name="it", label="", options=options)], submit=_answers))
        await pilot.pause()
        await pilot.click("Pick", offset=(4, 2))
        await pilot.press("up", "down", "enter")
        answers = await waiting
        assert answers is not None
        assert answers["it"] == "three"


async def test_what_is_typed_at_once_goes_to_the_fields_it_is_meant_for() -> None:
    """A password manager types an email, Tab, the password and Enter without a pause."""
    async with bare() as (app, pilot):
        waiting = asked(app, Dialog("Sign in", "", FIELDS[:2], submit=_answers))
        await pilot.pause()
        for key in (*"anna", "tab", *"secret", "enter"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        answers = await waiting
        assert answers is not None
        assert (answers["email"], answers["password"]) == ("anna", "secret")


async def test_a_password_that_was_refused_is_replaced_by_typing() -> None:
    async def submit(answers: Answers) -> str:
        if answers["password"] != "right":
            raise ClientError("invalidCredentials", "That is wrong.")
        return answers["password"]

    async with bare() as (app, pilot):
        waiting = asked(app, Dialog("Sign in", "", (PasswordField(name="password", label="Password"),), submit=submit))
        await pilot.pause()
        await pilot.press(*"wrong", "enter")
        await wait_until(pilot, lambda: "That is wrong." in shown(app))
        await pilot.press(*"right", "enter")
        async with asyncio.timeout(5):
            assert await waiting == "right"
