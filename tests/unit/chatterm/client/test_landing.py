"""Files that arrive: under a safe name in their folder, whole or not at all, without touching what is there."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatterm.client.errors import ClientError
from chatterm.client.landing import Landing, numbered

HOSTILE = (
    *("../../etc/passwd", "/etc/passwd", "..", ".", "", "~/.ssh/authorized_keys", "a/../../b", "..\\..\\b"),
    *("C:\\boot.ini", ".bashrc", ".chatterm-evil.part", "nul", "CON.txt", "a\x00b", "a\nb", "\x1b]52;c;eA==\x07"),
    *("\u202egnp.exe", "a" * 5_000, "é" * 400, "a" * 300 + ".txt", '*?<>|"', "trailing. ", " leading", "\u2028"),
    *("\ud800", "-rf", "%2e%2e%2f", "x" * 126 + ".tar.gz", "👩\u200d👧" * 99, "\u2044etc\u2044passwd"),
    *("file:///etc/passwd", "$(reboot)", "`id`", "a;b", "con"),
    *(f"{'../' * depth}up" for depth in range(1, 30)),
    *(f"{chr(code)}name" for code in range(1, 32)),
    *(f"lpt{digit}.txt" for digit in range(6)),
)


def landed(folder: Path, name: str, data: bytes = b"data", key: str = "k") -> Path:
    """A file that has arrived."""
    landing = Landing(folder, name, key)
    try:
        landing.append(data)
        return landing.land()
    finally:
        landing.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def test_a_hundred_hostile_names_all_land_in_the_folder(folder: Path, tmp_path: Path) -> None:
    """Whatever the sender calls it, it is one visible plain file in the folder, and nothing else appears anywhere."""
    assert len(set(HOSTILE)) >= 100
    paths = {landed(folder, name) for name in HOSTILE}
    assert len(paths) == len(HOSTILE)
    assert {path.parent for path in paths} == {folder}
    assert sorted(folder.iterdir()) == sorted(paths)
    assert [path.name for path in tmp_path.iterdir()] == ["downloads"]
    for path in paths:
        assert not path.name.startswith(".")
        assert path.name.replace("\u200d", "").isprintable()  # families of emoji are held together by it
        status = path.lstat()
        assert stat.S_ISREG(status.st_mode)
        assert not status.st_mode & 0o111
        assert path.read_bytes() == b"data"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_any_name_lands_in_the_folder(folder: Path, name: str) -> None:
    """No text leads out of the folder or onto a file that is there."""
    before = set(folder.iterdir())
    path = landed(folder, name)
    assert path.parent == folder
    assert path not in before
    assert set(folder.iterdir()) == before | {path}


def test_nothing_is_overwritten_and_no_link_followed(folder: Path, tmp_path: Path) -> None:
    """A file, a link to a file, a dangling link and a folder of that name all stay as they are."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / "plan.txt").write_text("mine")
    (folder / "plan (2).txt").symlink_to(secret)
    (folder / "plan (3).txt").symlink_to(tmp_path / "nowhere")
    (folder / "plan (4).txt").mkdir()
    assert landed(folder, "plan.txt").name == "plan (5).txt"
    assert (folder / "plan.txt").read_text() == "mine"
    assert secret.read_text() == "secret"
    assert not (tmp_path / "nowhere").exists()


def test_a_disk_without_links_is_served_the_same_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hard links are impossible, names are still not taken from others."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    (folder / "plan.txt").write_text("mine")
    assert landed(folder, "plan.txt").name == "plan (2).txt"
    assert (folder / "plan.txt").read_text() == "mine"
    assert len(list(folder.iterdir())) == 2


def test_what_arrived_is_taken_up_again_but_never_by_two(folder: Path) -> None:
    """A download that was cut goes on; a second one at the same time has a file of its own."""
    first = Landing(folder, "a.bin", "key")
    first.append(b"12345")
    second = Landing(folder, "a.bin", "key")
    assert second.size == 0
    second.append(b"other")
    first.close()
    again = Landing(folder, "a.bin", "key")
    assert (again.size, b"".join(again.pieces())) == (5, b"12345")
    again.append(b"678")
    assert again.land().read_bytes() == b"12345678"
    assert second.land().name == "a (2).bin"
    again.close()
    second.close()


def test_a_planted_partial_file_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    """A link or pipe under the hidden name is neither followed nor waited for."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (folder / ".chatterm-link.part").symlink_to(victim)
    os.mkfifo(folder / ".chatterm-pipe.part")
    os.link(victim, folder / ".chatterm-hard.part")
    for key in ("link", "pipe", "hard"):
        assert landed(folder, f"{key}.txt", b"data", key).read_bytes() == b"data"
    assert victim.read_text() == "untouched"


def test_a_folder_that_is_replaced_meanwhile_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    """The folder is the one that was open at the start, not what has its name later."""
    landing = Landing(folder, "a.txt", "k")
    landing.append(b"data")
    moved = folder.rename(tmp_path / "moved")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    landing.land()
    landing.close()
    assert (moved / "a.txt").read_bytes() == b"data"
    assert list(elsewhere.iterdir()) == []


def test_a_missing_folder_and_a_full_disk_are_told(folder: Path) -> None:
    """Before a byte is fetched."""
    with pytest.raises(ClientError) as caught:
        Landing(folder / "missing", "a", "k")
    assert caught.value.code == "folderMissing"
    landing = Landing(folder, "a", "k")
    with pytest.raises(ClientError) as caught:
        landing.check_room(1 << 60)
    assert caught.value.code == "diskFull"
    landing.discard()
    landing.close()
    assert list(folder.iterdir()) == []


def test_stale_partial_files_are_swept(folder: Path) -> None:
    """What a kill left and nobody went on with goes after a week."""
    stale, fresh = folder / ".chatterm-old.part", folder / ".chatterm-new.part"
    for path in (stale, fresh):
        path.write_bytes(b"x")
    os.utime(stale, (0, 0))
    landed(folder, "a")
    assert not stale.exists()
    assert fresh.exists()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=260))
def test_numbered_names_fit_and_differ(name: str) -> None:
    """However long the name is, its copies have names of their own within 255 bytes."""
    names = [each for each, _ in zip(numbered(name), range(12), strict=False)]
    assert len(set(names)) == 12
    assert all(len(each.encode()) <= 255 for each in names[1:])
