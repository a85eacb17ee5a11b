"""Files of exports: found in folders and archives alike, never outside of them."""

import io
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from chatserver.importing.model import ImportFailedError
from chatserver.importing.tree import Tree, open_tree
from tests.support.exports import tarred, zipped


def content(tree: Tree, name: str) -> bytes:
    with tree.open(name) as stream:
        return stream.read()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files, one of them within a folder, and links that lead out."""
    folder = tmp_path / "export"
    (folder / "inner/uploads").mkdir(parents=True)
    (folder / "inner/realm.json").write_text("{}")
    (folder / "inner/uploads/a.txt").write_text("a")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("key")
    (folder / "inner/uploads/link").symlink_to(secret / "key")
    (folder / "inner/uploads/there").symlink_to(secret)
    return folder


def test_folders_and_archives_hold_the_same(folder: Path, tmp_path: Path) -> None:
    """Names begin where the marker is; links are no files."""
    (folder / "inner/uploads/link").unlink()
    (folder / "inner/uploads/there").unlink()
    for path in (folder, zipped(folder, tmp_path / "x.zip"), tarred(folder, tmp_path / "x.tar.gz")):
        with closing(open_tree(path, tmp_path)) as tree:
            assert not tree.enter("nothing.json")
            assert tree.enter("realm.json")
            assert list(tree.names()) == ["realm.json", "uploads/a.txt"]
            assert (content(tree, "uploads/a.txt"), tree.size("uploads/a.txt")) == (b"a", 1)
            assert not tree.has("inner/realm.json")


def test_links_are_not_followed(folder: Path) -> None:
    with closing(open_tree(folder)) as tree:
        assert list(tree.names()) == ["inner/realm.json", "inner/uploads/a.txt"]
        with pytest.raises(ImportFailedError, match="link"):
            content(tree, "inner/uploads/link")


@pytest.mark.parametrize("name", ["/etc/passwd", "../up", "a/../../up", "a\\b"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    with pytest.raises(ImportFailedError, match="outside of its own folder"):
        open_tree(tmp_path / "x.tar")


def test_links_and_devices_in_a_tar_file_are_no_files(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"x{kind.decode()}")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    with closing(open_tree(tmp_path / "x.tar")) as tree:
        assert list(tree.names()) == []


def test_a_cut_archive_says_so(folder: Path, tmp_path: Path) -> None:
    for path in (zipped(folder, tmp_path / "x.zip"), tarred(folder, tmp_path / "x.tar.gz")):
        path.write_bytes(path.read_bytes()[:-40])
        with pytest.raises(ImportFailedError, match="again"):
            open_tree(path, tmp_path)
