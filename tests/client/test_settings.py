"""The settings file: read whatever is in it, said what is wrong, written with everything else kept."""

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.client.errors import ClientError
from chatterm.client.settings import PARTS, Keys, Look, Settings, read_settings
from chatterm.client.settings_check import check_value
from chatterm.client.settings_file import edited, write_settings


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "config.toml") == (Settings(), ())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[look]\n\ndensty = "compact"', ("config.toml:3", "look.densty", "Did you mean density?")),
        ("[lok]\n", ("config.toml:1", "[lok]", "Did you mean look?")),
        ('[look]\ndensity = "tight"', ("config.toml:2", "'tight'", '"comfortable", "compact"')),
        ("[look]\nlist_width = 1000", ("config.toml:2", "1000", "from 16 to 80")),
        ("[look]\nmarkdown = 1", ("config.toml:2", "look.markdown", "true or false")),
        ("look = 3", ("config.toml:1", "is a table")),
        ('[keys.bindings]\njump = "ctrl+k"', ("keys.bindings", "lists of keys")),
        ("[look\n", ("cannot be read", "defaults")),
        ("\udcff", ("cannot be read",)),
        ("#" * 1_048_577, ("more than",)),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_is_used(tmp_path: Path, text: str, told: tuple[str, ...]) -> None:
    path = tmp_path / "config.toml"
    rest = "\n[notifications]\nbell = true\n"
    path.write_bytes((text + rest).encode(errors="surrogateescape"))
    found = read_settings(path)
    (problem,) = found.problems
    assert all(each in f"{problem.message} {problem.hint}" for each in told)
    assert found.settings.notifications.bell is (problem.code != "configBroken")
    assert found.settings.look == Look()


def test_a_folder_in_its_place_is_told_and_does_not_stop_anything(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    found = read_settings(tmp_path / "config.toml")
    assert (found.settings, len(found.problems)) == (Settings(), 1)


def _values(part: Any) -> st.SearchStrategy[Any]:
    names = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)
    texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    special = {
        "bindings": st.dictionaries(names, st.lists(texts, max_size=3), max_size=3),
        "list_width": st.integers(16, 80),
        "quiet_hours": st.sampled_from(["", "22:00-07:00"]),
    }
    fields = {
        field.name: special.get(field.name, texts if field.type is str else st.from_type(field.type))
        for field in msgspec.structs.fields(part)
    }
    return st.builds(part, **fields)


ANY = st.builds(Settings, **{part.name: _values(part.type) for part in PARTS})
COMMENTED = """\
# My settings.
[notifications]  # what may ring
bell = true # loud
future = 1

[look]
# as the night
theme = 'mine'
"""


@settings(max_examples=60, deadline=None)
@given(first=ANY, second=ANY)
def test_what_is_written_is_read_again_and_comments_stay(first: Settings, second: Settings) -> None:
    """Also by a second change over the first, in a file with comments, an unknown key and an order of its own."""
    known = msgspec.toml.decode(COMMENTED, type=Settings)
    text = edited(edited(COMMENTED, known, first), first, second)
    assert msgspec.toml.decode(text, type=Settings) == second
    for kept in ("# My settings.", "# what may ring", "# loud", "future = 1", "# as the night"):
        assert kept in text
    assert text.index("[notifications]") < text.index("[look]")


def test_writing_is_private_and_changes_only_what_changed(tmp_path: Path) -> None:
    path = tmp_path / "inner" / "config.toml"
    wanted = Settings(look=Look(theme="mine"), keys=Keys(bindings={"jump": ["ctrl+g"]}))
    write_settings(wanted, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_settings(path) == (wanted, ())
    assert "bell" not in path.read_text()
    before = path.stat().st_ino
    write_settings(wanted, path)
    assert path.stat().st_ino == before


def test_a_value_that_was_wrong_stays_until_it_is_set(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[look]\ndensity = "tight"\n')
    write_settings(Settings(look=Look(theme="mine")), path)
    assert 'density = "tight"' in path.read_text()
    write_settings(Settings(look=Look(theme="mine", density="compact")), path)
    assert read_settings(path).settings.look.density == "compact"


def test_a_file_that_cannot_be_understood_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[look\n")
    with pytest.raises(ClientError, match="cannot be changed"):
        write_settings(Settings(look=Look(theme="mine")), path)
    assert path.read_text() == "[look\n"


def test_a_single_value_is_checked_with_the_same_rules() -> None:
    assert check_value("look", "list_width", 20) == ""
    assert "from 16 to 80" in check_value("look", "list_width", 2)
    with pytest.raises(KeyError):
        check_value("look", "nothing", 1)
