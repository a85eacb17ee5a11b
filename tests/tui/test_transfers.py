"""Files on their way, on screen: how far they are, what can be done with them, and where they are saved."""

import asyncio
import os
from pathlib import Path

import pytest

from chatproto.models import Chat
from chatterm.client.model import Target, Transfer, TransferState
from chatterm.tui import opening
from chatterm.tui.features.transfers import progress_text
from chatterm.tui.picker import Picker
from tests.support.client import sign_in
from tests.support.files import noise, put
from tests.support.proxy import proxied
from tests.support.server import WAIT_S, Person, RunningServer, outgoing
from tests.support.tui import Desk, running_app

BIG = 6_000_000


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for downloads, on a machine without a desktop."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    monkeypatch.setenv("XDG_DOWNLOAD_DIR", str(folder))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return folder


async def show_files(author: Person, chat: Chat, **files: bytes) -> None:
    """Have somebody send a message with files."""
    ids = [(await put(author, data, name.replace("_", "."))).id for name, data in files.items()]
    async with author.socket() as socket:
        (result,) = await socket.send_messages(outgoing("look", chat_id=chat.id, file_ids=ids))
        assert result.error is None


def told(desk: Desk) -> str:
    """What the notices on screen say, however they are wrapped."""
    return "\n".join(notice.message for notice in desk.app._notifications)


async def choose(desk: Desk, *words: str) -> None:
    """Pick in the list that is on screen, by typing."""
    for word in words:
        await desk.until(lambda: isinstance(desk.app.screen, Picker))
        before = desk.app.screen
        await desk.press(*word, "enter")
        await desk.until(lambda before=before: desk.app.screen is not before)  # type: ignore[misc]  # mypy: no types


async def test_an_upload_is_seen_paused_resumed_and_cancelled(tmp_path: Path, server: RunningServer) -> None:
    """In the message, in the status line and in the list; the list does what is asked by keys."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await anna.direct(ben)
    path = tmp_path / "orchard.bin"
    path.write_bytes(noise(BIG))
    home = tmp_path / "home"
    async with proxied(server.url) as proxy, running_app(home, sign_in(home, anna, proxy.url)) as desk:
        await desk.sees("● online", "Ben")
        desk.screen.open(desk.engine.cache.entries()[0].ref)
        proxy.to_server.hold_at = proxy.to_server.passed + BIG // 2
        await desk.engine.send(Target(chat_id=chat.id), "trees", files=(path,))
        await desk.until(proxy.to_server.held.is_set)
        await desk.sees("▤ orchard.bin  6.0 MB · ↑", "MB of 6.0 MB", "1 sending")
        await desk.press("ctrl+t")
        await desk.sees("Uploads and downloads", "↑ orchard.bin", "to Ben")
        await choose(desk, "orchard", "pause")
        await desk.sees("‖ paused", "‖ 1 paused")
        assert "1 sending" not in desk.text
        await desk.sees("Space go on")
        await desk.press("space")
        await desk.sees("1 sending", "Space pause")
        await desk.press("space")
        await desk.sees("‖ 1 paused", "Delete cancel")
        proxy.to_server.release()
        foot = next(index for index, text in enumerate(desk.rows) if "Delete cancel" in text)
        assert await desk.pilot.click(offset=(desk.rows[foot].index("Delete cancel") + 4, foot))
        await desk.sees("✗ You cancelled the upload of orchard.bin.")
        await choose(desk, "orchard", "again")
        await desk.sees("✓ 6.0 MB")
        await desk.press("escape")
        await desk.until(lambda: desk.engine.outbox.counts() == (0, 0))
        await desk.sees("▤ orchard.bin", "trees")
        assert "MB of" not in desk.text


async def test_files_of_messages_are_saved_and_opened(
    tmp_path: Path, server: RunningServer, downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/download` saves them and says where; without a desktop that is all; with one, what may run is asked about."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await ben.direct(anna)
    async with running_app(tmp_path / "home", sign_in(tmp_path / "home", anna)) as desk:
        await desk.sees("● online", "Ben")
        await show_files(ben, chat, plan_txt=b"plan", run_sh=b"#!/bin/sh\n")
        await desk.until(lambda: desk.engine.cache.head(chat.id) == 1)
        desk.screen.open(desk.engine.cache.entries()[0].ref)
        await desk.sees("plan.txt", "run.sh")
        await desk.type("/download")
        await desk.press("enter")
        await desk.until(lambda: "Saved 2 files in" in told(desk))
        assert sorted(path.name for path in downloads.iterdir()) == ["plan.txt", "run.sh"]
        assert not (downloads / "run.sh").stat().st_mode & 0o111
        await desk.type("/open 1")
        await desk.press("enter")
        await desk.until(lambda: "There is no desktop" in told(desk))
        assert len(list(downloads.iterdir())) == 2, "what is saved already is not saved again"
        opened: list[Path] = []

        async def note(path: Path) -> None:
            opened.append(path)

        monkeypatch.setattr(opening, "opener", lambda: "/usr/bin/true")
        monkeypatch.setattr(opening, "open_outside", note)
        await desk.type("/open")
        await desk.press("enter")
        await desk.sees("run.sh is of a kind that can run programs")
        assert opened == [downloads / "plan.txt"]
        await desk.press("escape")
        await desk.type("/download /nowhere/at/all")
        await desk.press("enter")
        await desk.until(lambda: "/nowhere/at/all does not exist" in told(desk))
        await desk.press("ctrl+t")
        await desk.sees("↓ plan.txt", "✓ 4 bytes")
        await choose(desk, "plan", "folder")
        await desk.until(lambda: opened[-1] == downloads)
        await desk.press("escape")


async def test_a_desktop_opens_exactly_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program gets the absolute path as its one argument; no shell reads it."""
    told = tmp_path / "told"
    program = tmp_path / "xdg-open"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$#" "$@" > {told}.new && mv {told}.new {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":9")
    path = tmp_path / "$(touch evil) -x.txt"
    path.write_text("x")
    await opening.open_outside(path)
    async with asyncio.timeout(WAIT_S):
        while not told.exists():
            await asyncio.sleep(0.01)
    assert told.read_text() == f"1|{path}|"
    opening._started.pop().wait()
    assert not opening.may_run(path)
    assert opening.may_run(Path("a.DESKTOP"))


@pytest.mark.parametrize(
    ("state", "done", "rate", "said"),
    [
        (TransferState.WAITING, 0, 0.0, "waits · 2.0 KB"),
        (TransferState.RUNNING, 1_024, 512.0, "1.0 KB of 2.0 KB · 512 bytes/s"),
        (TransferState.PAUSED, 1_024, 0.0, "‖ paused · 1.0 KB of 2.0 KB"),
        (TransferState.FAILED, 0, 0.0, "✗ failed"),
        (TransferState.DONE, 2_048, 0.0, "✓ 2.0 KB"),
    ],
)
def test_progress_in_words(state: TransferState, done: int, rate: float, said: str) -> None:
    """Each state says what it is without colour."""
    assert progress_text(Transfer("a", "upload", "a", 2_048, done, state, rate)) == said
