"""Keys: presets, the user's own, what is wrong with them, and everything that names keys."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.client.model import Account
from chatterm.client.settings import Keys, Settings, read_settings, settings_path
from chatterm.tui.action_rows import action_rows
from chatterm.tui.actions import ACTIONS, Keymap, key_label, named
from chatterm.tui.actions.binding import normal_key, read_keys
from chatterm.tui.actions.model import OVERLAPPING
from chatterm.tui.actions.presets import PRESETS
from chatterm.tui.keys_screen import KeysScreen
from tests.support.client import at_home
from tests.support.tui import direct_chat, fill_cache, running_app


def doubled(keymap: Keymap) -> list[str]:
    """Keys that mean two things in one place."""
    found: list[str] = []
    for scopes in OVERLAPPING:
        keys = Counter(key for action in ACTIONS if action.scope in scopes for key in keymap.keys(action))
        found += [key for key, count in keys.items() if count > 1]
    return found


@pytest.mark.parametrize("preset", PRESETS)
def test_in_every_preset_no_key_means_two_things_and_nothing_loses_its_last_key(preset: str) -> None:
    keymap, problems = read_keys(preset, {})
    assert problems == ()
    assert doubled(keymap) == []
    assert [action.name for action in ACTIONS if action.keys and not keymap.keys(action)] == []
    for name, keys in PRESETS[preset].items():
        assert set(keys) <= set(keymap.keys(named(name))), name
        assert [normal_key(key) for key in keys] == list(keys), name


@pytest.mark.parametrize(
    ("preset", "name", "key"),
    [
        ("vim", "message_down", "j"),
        ("vim", "last_message", "G"),
        ("vim", "to_writing", "i"),
        ("vim", "cursor_up", "k"),
        ("emacs", "down", "ctrl+n"),
        ("emacs", "message_page_up", "alt+v"),
        ("emacs", "delete_to_end", "ctrl+k"),
    ],
)
def test_hands_find_what_they_know(preset: str, name: str, key: str) -> None:
    assert key in read_keys(preset, {}).keymap.keys(named(name))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ctrl+K", "ctrl+k"),
        ("ctrl+shift+up", "ctrl+shift+up"),
        ("/", "slash"),
        ("G", "G"),
        ("shift+g", "G"),
        ("alt+<", "alt+less_than_sign"),
        ("ctrl++", "ctrl+plus"),
        ("PgUp", "pageup"),
        ("Esc", "escape"),
        ("f12", "f12"),
        ("ctrl+nothing", None),
        ("hyperspace+k", None),
        ("", None),
    ],
)
def test_keys_are_read_as_people_write_them(text: str, key: str | None) -> None:
    assert normal_key(text) == key


@pytest.mark.parametrize(
    ("bindings", "told"),
    [
        ({"jmp": ["f8"]}, ("no action 'jmp'", "Did you mean jump?")),
        ({"jump": ["ctrl+i"]}, ("“ctrl+i”", "as for Tab")),
        ({"jump": ["ctrl+what"]}, ("“ctrl+what”", "there is no such key")),
        ({"submit": ["x"]}, ("“x”", "writes a character")),
        ({"jump": ["ctrl+r"]}, ("Ctrl+R is “Find a person or group”", "not “Connect now")),
    ],
)
def test_what_cannot_be_done_is_told_and_the_rest_works(bindings: dict[str, list[str]], told: tuple[str, str]) -> None:
    keymap, problems = read_keys("default", {**bindings, "next_chat": ["f8"]})
    (problem,) = problems
    assert all(each in f"{problem.message} {problem.hint}" for each in told)
    assert keymap.keys(named("next_chat")) == ("f8",)
    assert doubled(keymap) == []


NAMES = st.sampled_from([action.name for action in ACTIONS] + ["nothing"])
KEYS = st.sampled_from(["ctrl+k", "f1", "k", "enter", "ctrl+i", "", "alt+x", "tab", "ctrl+q", "/"])


@settings(max_examples=60, deadline=None)
@given(preset=st.sampled_from(list(PRESETS)), bindings=st.dictionaries(NAMES, st.lists(KEYS, max_size=3), max_size=6))
def test_whatever_is_bound_each_key_means_one_thing(preset: str, bindings: dict[str, list[str]]) -> None:
    assert doubled(read_keys(preset, bindings).keymap) == []


async def test_keys_set_in_the_file_are_in_force_at_once_and_said_everywhere(home: Path, account: Account) -> None:
    """Screen bindings, footer, status and help name what is really bound; also Ctrl+Q, and while the app runs."""
    with at_home(home):
        path = settings_path()
    first = Settings(keys=Keys(bindings={"leave": ["ctrl+x"], "help": ["f9"]}))
    async with running_app(home, account, settings=first, size=(200, 30)) as desk:
        await desk.sees("F9 help", "^X quit")
        preferences = desk.app.preferences
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('[keys.bindings]\nhelp = ["f8"]\nnothing = ["f7"]\n')
        await preferences.look()
        await desk.sees("F8 help", "^Q quit", "no action 'nothing'")
        kept = [problem.text for problem in desk.app.survival.problems]
        assert any("no action 'nothing'" in text for text in kept), "/problems shows it later"
        await desk.press("f8")
        await desk.sees("type to find")
        assert any(row.keys == "F8" and "help" in row.text for row in action_rows())
        await desk.press("escape", "ctrl+q")
        await desk.until(lambda: not desk.app.is_running)


async def test_a_key_is_bound_by_pressing_it(home: Path, account: Account) -> None:
    """Conflicts are told, the file is written, and Reset brings the old key back."""
    with at_home(home):
        path = settings_path()
    async with running_app(home, account, size=(100, 40)) as desk:
        desk.screen.perform("configure_keys")
        await desk.until(lambda: isinstance(desk.app.screen, KeysScreen))
        await desk.sees("› Ctrl+K")
        await desk.press("enter", "ctrl+r")
        await desk.sees("› Ctrl+R", "not “Connect now")
        await desk.until(lambda: read_settings(path).settings.keys.bindings == {"jump": ["ctrl+r"]})
        await desk.press("plus", "f8", "enter", "escape")
        await desk.sees("› Ctrl+R, F8")
        await desk.press("r")
        await desk.sees("› Ctrl+K")
        await desk.press("enter", "tab")
        await desk.until(lambda: read_settings(path).settings.keys.bindings == {"jump": ["tab"]})
        assert key_label("tab") == "Tab"


async def test_vims_letters_act_in_the_messages_and_write_in_the_composer(home: Path, account: Account) -> None:
    """`j` and `k` move, `/` searches, `:` opens the palette, `i` goes back to writing, where all of them are text."""
    fill_cache(home, account, **direct_chat("one", "two", "three"))
    async with running_app(home, account, settings=Settings(keys=Keys(preset="vim")), size=(100, 30)) as desk:
        await desk.sees("three")
        await desk.press("escape")
        await desk.until(lambda: desk.app.focused is desk.screen.conversation.timeline)
        timeline = desk.screen.conversation.timeline
        await desk.press("k", "k")
        await desk.until(lambda: timeline.selected is not None and timeline.selected.seq == 1)
        await desk.press("j")
        await desk.until(lambda: timeline.selected is not None and timeline.selected.seq == 2)
        for key in ("slash", "colon"):
            await desk.press(key)
            await desk.until(lambda: desk.app.screen is not desk.screen)
            await desk.press("escape")
            await desk.until(lambda: desk.app.screen is desk.screen)
        await desk.press("i")
        await desk.until(lambda: desk.app.focused is desk.composer)
        await desk.press("colon", "j", "slash", "k")
        await desk.until(lambda: desk.composer.text == ":j/k")
