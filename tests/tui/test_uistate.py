"""Drafts and settings on disk: private, kept by a kill, never lost to a damaged file without a word."""

import sqlite3
from pathlib import Path

import pytest

from chatterm.client.errors import ClientError
from chatterm.client.uistate import HISTORY_MAX, Draft, UiState


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


def test_a_file_of_the_first_version_opens_with_its_drafts(tmp_path: Path) -> None:
    """The schema of the first release, as it was written then: nothing of it is lost, and new things can be kept."""
    path = tmp_path / "interface.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(
        """
        CREATE TABLE draft (place TEXT PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
        PRAGMA application_id = 0x43545549; PRAGMA user_version = 1;
        INSERT INTO draft VALUES ('chat:1', 'half a thought', 1700000000);
        INSERT INTO setting VALUES ('lastChat', 'chat:1');
        """
    )
    connection.close()
    path.chmod(0o600)
    state = UiState.open(path)
    assert state.problem is None
    assert state.draft("chat:1") == Draft(text="half a thought")
    assert state.setting("lastChat") == "chat:1"
    whole = Draft(
        text="@Anna yes",
        marks=((0, 0, 5, 7),),
        reply_to=3,
        before=Draft(text="earlier", reply_to=2),
        files=("/tmp/plan.txt",),
    )
    state.save_draft("chat:2", whole)
    state.remember_sent("sent")
    other = UiState.open(path)
    assert other.draft("chat:2") == whole
    assert other.history() == ["sent"]
    state.close()
    other.close()


def test_a_reply_without_text_is_a_draft_too(tmp_path: Path) -> None:
    state = UiState.open(tmp_path / "interface.db")
    state.save_draft("chat:1", Draft(reply_to=5))
    assert state.draft("chat:1").reply_to == 5
    state.save_draft("chat:1", Draft(text=" "))
    assert state.draft("chat:1").is_blank
    state.close()


def test_what_another_version_wrote_beside_the_text_does_not_cost_the_text(tmp_path: Path) -> None:
    state = UiState.open(tmp_path / "interface.db")
    state._write("INSERT INTO draft VALUES (?, ?, ?, ?)", "chat:1", "precious", 1, '{"marks": "?"}')
    assert state.draft("chat:1") == Draft(text="precious")
    state.close()


def test_the_history_is_bounded_and_has_each_text_once(tmp_path: Path) -> None:
    state = UiState.open(tmp_path / "interface.db")
    for number in range(HISTORY_MAX + 5):
        state.remember_sent(f"text {number}")
    state.remember_sent("text 10")
    texts = state.history()
    assert len(texts) == HISTORY_MAX
    assert (texts[0], texts[-1]) == ("text 5", "text 10")
    assert texts.count("text 10") == 1
    state.close()
