"""Drafts and settings on disk: private, kept by a kill, never lost to a damaged file without a word."""

import sqlite3
from pathlib import Path

import pytest

from chatterm.client.errors import ClientError
from chatterm.client.uistate import Draft, UiState


def test_drafts_and_settings_are_kept(tmp_path: Path) -> None:
    state = UiState.open(tmp_path / "interface.db")
    state.save_draft("chat:1", Draft(text="half a\nthought ✍"))
    state.save_draft("chat:2", Draft(text="gone"))
    state.save_draft("chat:2", Draft(text=" \n"))
    state.save_setting("theme", "day")
    other = UiState.open(tmp_path / "interface.db")  # the first was not closed: as after a kill
    assert other.draft("chat:1").text == "half a\nthought ✍"
    assert other.draft("chat:2").text == ""
    assert (other.setting("theme"), other.setting("nothing")) == ("day", None)
    assert (tmp_path / "interface.db").stat().st_mode & 0o777 == 0o600
    state.close()
    other.close()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_damaged_file_is_kept_aside_and_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "interface.db"
    path.write_bytes(content)
    state = UiState.open(path)
    assert state.problem is not None
    assert str(path) in state.problem.hint
    assert path.with_name("interface.db.broken-1").read_bytes() == content
    state.save_draft("chat:1", Draft(text="works"))
    assert state.draft("chat:1").text == "works"
    state.close()


def test_a_full_disk_is_an_error_with_words_and_changes_nothing(tmp_path: Path) -> None:
    state = UiState.open(tmp_path / "interface.db")
    state.save_draft("chat:1", Draft(text="before"))
    connection: sqlite3.Connection = state._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ClientError) as caught:
        state.save_draft("chat:1", Draft(text="x" * 100_000))
    assert caught.value.code == "diskFull"
    assert state.draft("chat:1").text == "before"
    state.close()
