"""What is made from the code is what the code makes now, and readers can show it."""

import os
import shutil
import subprocess

import pytest

from scripts.documents import KINDS, ROOT, stale


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_generated_documents_are_those_of_this_code(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of what they are made from: scripts/docs KIND."""
    monkeypatch.setenv("COLUMNS", "80")
    assert stale(KINDS[kind][1]()) == []


@pytest.mark.skipif(
    shutil.which("groff") is None and not os.environ.get("CI"),
    reason="there is no groff here to read the pages with; continuous integration installs it",
)
def test_every_manual_page_is_read_without_a_warning() -> None:
    """All macros are known, and what a page says of examples is there line by line."""
    pages = sorted((ROOT / "docs/man").glob("*.1"))
    assert len(pages) > 20
    for path in pages:
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", str(path)], capture_output=True, text=True, timeout=30, check=True
        )
        assert done.stderr == "", path
        assert path.stem.upper() in done.stdout
    send = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", str(ROOT / "docs/man/chatterm-send.1")],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "git log -1 --format=%s | chatterm send" in send.stdout
