"""What is told of backups without opening them, and the lock that keeps files' content while they are made."""

from pathlib import Path

import pytest

from chatserver import config
from chatserver.backup.catalog import list_backups, newest_backup, write_note
from chatserver.backup.errors import PlaceError
from chatserver.backup.folder import FolderPlace
from chatserver.backup.names import Note, new_name, parse_name
from chatserver.files.keeping import ContentLock
from chatserver.settings import Settings


def _put(folder: Path, at: int, size: int = 3, *, encrypted: bool = False) -> str:
    name = new_name(at, encrypted=encrypted)
    with FolderPlace(folder).writing(name) as file:
        file.write(b"x" * size)
    return name


def test_names_tell_when_and_whether_encrypted() -> None:
    """What was put in comes out; names of anything else are not ours."""
    assert parse_name(new_name(1_700_000_000, encrypted=False)) == (1_700_000_000, False)
    assert parse_name(new_name(1_700_000_000, encrypted=True)) == (1_700_000_000, True)
    for name in ("chat.db", "chat-20260230T000000Z-00000000.tar.zst", "chat-20260228T000000Z-00000000.tar.zst.json"):
        assert parse_name(name) is None


def test_the_newest_backup_and_what_its_note_says(tmp_path: Path) -> None:
    """Newest first; a note counts only for a file of its size, and a broken one for nothing."""
    folder = tmp_path / "backups"
    settings = Settings(data=tmp_path, backup_dir=folder)
    assert newest_backup(settings) is None
    old, new, other = _put(folder, 1_000), _put(folder, 3_000, encrypted=True), _put(folder, 2_000)
    place = FolderPlace(folder)
    write_note(place, new, Note(bytes=3, sha256="", verified_at=3_005, problems=2))
    write_note(place, other, Note(bytes=4, sha256="", verified_at=1))
    (folder / f"{old}.json").write_text("{")
    (folder / "letters.txt").touch()
    found = list_backups(settings)
    assert [backup.name for backup in found] == [new, other, old]
    assert [(backup.verified_at, backup.problems, backup.encrypted) for backup in found] == [
        (3_005, 2, True),
        (None, 0, False),
        (None, 0, False),
    ]
    assert newest_backup(settings) == found[0]
    assert found[0].age_s() > 1_000_000


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """A file in the way is named."""
    (tmp_path / "file").touch()
    with pytest.raises(PlaceError, match="file cannot be read"):
        list_backups(Settings(data=tmp_path, backup_dir=tmp_path / "file"))


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    """Neither the older file nor its name is touched, and no partial file stays."""
    place = FolderPlace(tmp_path)
    with place.writing("a") as file:
        file.write(b"old")
    with pytest.raises(RuntimeError), place.writing("a") as file:
        file.write(b"new")
        raise RuntimeError
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"backup_s3_endpoint": "http://localhost:1"}, "backup_s3_bucket"),
        ({"backup_dir": "{data}"}, "data folder itself"),
        ({"backup_dir": "/b", "backup_passphrase_file": "{data}/none"}, "cannot be read"),
        ({"backup_dir": "/b", "backup_passphrase_file": "{data}/empty"}, "is empty"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, values: dict[str, str], words: str) -> None:
    """Each is refused with its name."""
    (tmp_path / "empty").write_text("\nsecond line\n")
    environ = {f"CHATSERVER_{name.upper()}": value.format(data=tmp_path) for name, value in values.items()}
    with pytest.raises(config.ConfigError, match=words):
        config.load({"data": str(tmp_path)}, environ=environ)


def test_content_is_not_removed_while_somebody_keeps_it(tmp_path: Path) -> None:
    """Several may keep it; removing is allowed again when the last of them has gone."""
    lock = ContentLock(tmp_path)
    with lock.keeping(), ContentLock(tmp_path).keeping(), lock.removing() as allowed:
        assert not allowed
    with lock.removing() as allowed:
        assert allowed
    assert (tmp_path / "content.lock").stat().st_mode & 0o777 == 0o600
