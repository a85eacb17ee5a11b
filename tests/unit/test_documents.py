"""What is made from the code is what the code makes now, and readers can show it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

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


LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def written_pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", written_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
    assert [target for target in LINK.findall(text) if not (page.parent / target).exists()] == []


def test_the_guide_and_the_readme_name_every_page_of_the_guide() -> None:
    pages = {path.name for path in (ROOT / "docs/guide").glob("*.md")} - {"README.md"}
    index = set(LINK.findall((ROOT / "docs/guide/README.md").read_text(encoding="utf-8")))
    front = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert pages <= index
    assert {f"docs/guide/{name}" for name in pages} <= front


FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")


def codes(page: Path) -> list[str]:
    return CODE.findall(FENCED.sub("", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", sorted((ROOT / "docs/guide").glob("*.md")), ids=lambda page: str(page.name))
def test_the_guide_names_only_keys_and_commands_that_exist(page: Path) -> None:
    """As the table of keys has them, which is made from the code; for keys in any of the three sets."""
    table = set(codes(ROOT / "docs/guide/keys.md"))
    commands = {code.split()[0] for code in table if code.startswith("/")}
    written = codes(page)
    slashed = [code for code in written if re.fullmatch(r"/[a-z][a-z-]*( .*)?", code)]
    pressed = [key for code in written if re.match(r"(Ctrl|Alt|Shift)\+.|F\d", code) for key in code.split()]
    assert [code for code in slashed if code.split()[0] not in commands] == []
    assert [key for key in pressed if key not in table] == []


def test_every_metric_that_is_declared_has_a_line_on_its_page() -> None:
    """A test with a real server finds what is told too much."""
    declared = re.compile(r"(counter|histogram|gauge|Gauge|_usage)\(\s*\"(chatserver_\w+)\"")
    found = {
        name + ("_total" if kind == "counter" else "")
        for path in sorted((ROOT / "src" / "chatserver").rglob("*.py"))
        for kind, name in declared.findall(path.read_text())
    }
    assert len(found) > 80
    told = set(re.findall(r"`(chatserver_\w+)", (ROOT / "docs" / "monitoring.md").read_text()))
    assert {name for name in found if name not in told and f"{name}_total" not in told} == set()
