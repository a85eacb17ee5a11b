"""The table of actions: no key twice, every action exists, help and footer come from it."""

from collections import Counter
from importlib import import_module

import pytest

from chatterm.tui.action_rows import action_rows, filtered
from chatterm.tui.actions import ACTIONS, APP_ACTIONS, Keymap, key_label, of_scope
from chatterm.tui.app import ChatApp
from chatterm.tui.clients import ClientList
from chatterm.tui.composer import OWN as COMPOSER_OWN
from chatterm.tui.composer import Composer
from chatterm.tui.editor import Editor
from chatterm.tui.help import help_rows
from chatterm.tui.screen import ChatScreen
from chatterm.tui.timeline.hands import Hands


def test_no_key_means_two_things_in_one_place() -> None:
    """Global keys go before all others, so they appear nowhere else; the composer hands on what it does not use."""
    for scopes in (("global", "timeline", "composer"), ("global", "list"), ("global", "message")):
        keys = Counter(key for action in ACTIONS if action.scope in scopes for key in action.keys)
        assert [key for key, count in keys.items() if count > 1] == []


def test_no_name_and_no_command_means_two_things() -> None:
    names = Counter(action.name for action in ACTIONS)
    assert [name for name, count in names.items() if count > 1] == []
    commands = Counter(command for action in ACTIONS for command in action.commands)
    assert [command for command, count in commands.items() if count > 1] == []
    assert all(command == command.casefold() for command in commands)


def test_every_action_can_be_done() -> None:
    for action in (*of_scope("global"), *of_scope("timeline")):
        if not action.feature:
            owner = ChatApp if action.name in APP_ACTIONS else ChatScreen
            assert callable(getattr(owner, f"action_{action.name}"))
    for action in ACTIONS:
        if action.feature:
            module = import_module(f"chatterm.tui.features.{action.feature}")
            owner = getattr(module, "".join(part.capitalize() for part in action.feature.split("_")))
            assert callable(getattr(owner, action.name))
    for name in Keymap().table("list").values():
        assert callable(getattr(ClientList, f"_do_{name}"))
    for name in Keymap().table("composer").values():
        assert hasattr(Editor, name) or name in COMPOSER_OWN
    for action in of_scope("message"):
        assert action.feature or callable(getattr(Hands, f"_do_{action.name}"))
    assert Composer.can_focus


def test_the_help_names_every_action_and_every_key() -> None:
    text = "\n".join(f"{row.keys} {row.sought} {row.text}" for row in help_rows())
    for action in ACTIONS:
        assert action.title in text
        for key in action.keys:
            assert key_label(key) in text


@pytest.mark.parametrize(
    ("key", "label"), [("ctrl+k", "Ctrl+K"), ("alt+up", "Alt+↑"), ("pageup", "PgUp"), ("f1", "F1")]
)
def test_keys_are_written_as_people_write_them(key: str, label: str) -> None:
    assert key_label(key) == label


def test_the_footer_names_help_and_quit() -> None:
    assert [hint for _, hint, _ in Keymap().footer_hints()] == ["jump", "search", "help", "quit"]


def test_keys_that_only_count_up_are_said_as_a_run_and_others_one_by_one() -> None:
    rows = {row.name: row.keys for row in action_rows()}
    assert "Alt+1 … Alt+9" in rows.values()
    assert rows["search_here"] == "Ctrl+Shift+F, Alt+S"
    assert [row.keys for row in filtered(help_rows(), "alt+5") if not row.is_heading] == ["Alt+1 … Alt+9"]
