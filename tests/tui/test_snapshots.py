"""How the window looks in the states that matter, compared with pictures that somebody has looked at."""

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
from msgspec.structs import replace
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.app import App
from textual.widgets import Input

from chatproto.errors import ErrorInfo
from chatproto.models import Chat, ChatCreated, FileInfo, Message, Reaction, User, event_id
from chatterm.client import backoff, link, outbox, session
from chatterm.client.model import Account, Target
from chatterm.client.paths import account_files
from chatterm.client.settings import Look, Settings
from chatterm.client.uistate import UiState
from chatterm.tui.app import ChatApp
from chatterm.tui.status import StatusLine
from tests.support.client import at_home
from tests.support.files import image
from tests.support.pictures import difference, picture
from tests.support.tui import (
    ANNA,
    BELA,
    CSILLA,
    GARDEN,
    WITH_BELA,
    Desk,
    fill_cache,
    message,
    offline_account,
    running_app,
    wait_until,
)

DENES: Final = User(id=4, email="denes@example.org", display_name="Dénes", rev=4)
EMMA: Final = User(id=5, email="emma@example.org", display_name="Emma Szabó-Kovács", rev=5)
MORNING: Final = 1_605_600_000_000_000
"""Tuesday, 17 November 2020, 08:00 UTC, in microseconds."""
MINUTE: Final = 60_000_000
LATER: Final = MORNING + 65 * MINUTE
"""When the window is looked at, for all that tells a time of its own."""
ORCHARD: Final = FileInfo(
    id=7, name="orchard.png", size=3_482, media_type="image/png", width=240, height=128, thumbnail=True
)
NO_PORT: Final = 1
"""Nothing listens there, and unlike a free port it is always the same."""
CODE: Final = """The rows, for those who like to count:
```python
rows, places = range(4), range(6)
print(len(rows) * len(places), "trees")  # 24
```"""
PLAN: Final = """Then we can start. **Saturday at nine?**
- [x] spades: me
- [ ] compost: Dénes, who has the *long* [list](https://example.org/list)"""
PICTURES: Final = Path(__file__).parent / "__snapshots__" / "test_snapshots"
UPDATE: Final = "scripts/test tests/tui/test_snapshots.py --snapshot-update"
REFUSED: Final = ErrorInfo(code="rateLimited", message="Too many messages.", hint="Wait a minute, then send it again.")
REPLY: Final = 7
"""The message of one's own that has every mark."""


class Picture(SingleFileSnapshotExtension):
    """A file of its own for each picture, so that it can be looked at."""

    file_extension = "svg"
    _write_mode = WriteMode.TEXT


class Album:
    """Compares what an app shows with pictures of these names, and tells of all that differ at the end."""

    def __init__(self, snapshot: SnapshotAssertion, folder: Path) -> None:
        self._snapshot = snapshot
        self._folder = folder
        self._wrong: list[str] = []

    def show(self, app: App[None], name: str) -> None:
        """The app shows now what the picture shows."""
        shown = picture(app, name)
        if self._snapshot(name=name) == shown:
            return
        file = self._folder / f"{name}.svg"
        file.write_text(shown, encoding="utf-8")
        expected = next(PICTURES.glob(f"*[[]{name}].svg"), None)
        differs = difference(expected.read_text(encoding="utf-8"), shown) if expected else "There is no picture yet."
        self._wrong.append(f"{name}: {differs}\nnow:      {file}\nexpected: {expected}\n")

    def judge(self) -> None:
        """Fail if anything differed, and say what to do."""
        if self._wrong:
            advice = "Look at both in a browser. If the change is meant:\n    " + UPDATE
            pytest.fail("The window does not look as in its pictures.\n\n" + "\n".join([*self._wrong, advice]), False)


@pytest.fixture
def album(snapshot: SnapshotAssertion, tmp_path: Path) -> Album:
    return Album(snapshot.use_extension(Picture), tmp_path)


@pytest.fixture(autouse=True)
def fixed_surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One zone, one clock, one delay and cursors that stay, whatever the machine has."""
    for name in ("COLORFGBG", "NO_COLOR", "TERM_PROGRAM", "KITTY_WINDOW_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    clock = SimpleNamespace(**{**vars(time), "time": lambda: LATER / 1_000_000, "time_ns": lambda: LATER * 1_000})
    for module in (link, outbox, session):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    monkeypatch.setattr(backoff.Backoff, "next_delay", lambda self, retry_after=None: 60.0)
    yield
    monkeypatch.undo()
    time.tzset()


def said(seq: int, sender: User, text: str, **more: Any) -> Message:
    return replace(message(GARDEN, seq, sender.id, text, MORNING + seq * 3 * MINUTE), **more)


def conversation() -> dict[str, Any]:
    """A group with everything that a conversation can have, and others in the list around it."""
    created = ChatCreated(id=event_id(GARDEN, 1), seq=1, at=MORNING, sender_id=CSILLA.id, title="garden")
    garden = [
        created,
        said(2, CSILLA, "Good morning! Who has seen the first tulips?"),
        said(3, DENES, "By the south wall, three of them. The frost on Tuesday did no harm.", edited_at=MORNING, rev=3),
        said(4, CSILLA, "This is what we are aiming for:", files=[ORCHARD]),
        said(5, BELA, PLAN, pinned=True, reactions=[Reaction(emoji="👍", user_ids=[1, 3, 4])]),
        said(6, DENES, CODE),
        said(
            7,
            ANNA,
            "The *early* ones, then: `Tulipa kaufmanniana`. @Béla, bring the 日本 radishes, too.",
            reply_to=3,
            mentions=[BELA.id],
            edited_at=LATER,
            pinned=True,
            rev=7,
            reactions=[Reaction(emoji="❤️", user_ids=[3]), Reaction(emoji="🌷", user_ids=[1, 2])],
        ),
        said(8, BELA, "@Anna, shall I?", mentions=[ANNA.id]),
    ]
    bela = [message(WITH_BELA, 1, BELA.id, "Shall we plant the apple trees on Friday?", MORNING)]
    muted = [message(102, 1, EMMA.id, "Nightly build: green", MORNING - 60 * MINUTE)]
    old = [message(103, 1, EMMA.id, "See you", MORNING - 90 * MINUTE)]

    def chat(ident: int, log: list[Any], **more: Any) -> Chat:
        return Chat(id=ident, member_count=5, head=len(log), head_at=log[-1].at, **more)

    return {
        "users": (BELA, CSILLA, DENES, EMMA),
        "chats": [
            chat(GARDEN, garden, kind="group", title="garden", topic="What grows where", seen=8, owner_id=CSILLA.id),
            chat(WITH_BELA, bela, kind="direct", peer_id=BELA.id, unread=1),
            chat(102, muted, kind="group", title="builds and deployments", muted_until=2**52, seen=1),
            chat(103, old, kind="direct", peer_id=EMMA.id, seen=1, pinned=True),
        ],
        "events": [(GARDEN, garden), (WITH_BELA, bela), (102, muted), (103, old)],
    }


def prepare(home: Path) -> Account:
    """Fill the cache, keep the small picture, and have the garden open first."""
    account = offline_account(home, NO_PORT)
    fill_cache(home, account, **conversation())
    with at_home(home):
        files = account_files(account.key)
        files.pictures.mkdir(parents=True)
        (files.pictures / "7.small").write_bytes(image("PNG", (ORCHARD.width, ORCHARD.height)))
        state = UiState.open(files.folder / "interface.db")
        state.save_setting("lastChat", f"chat:{GARDEN}")
        state.close()
    return account


def has_picture(desk: Desk) -> bool:
    """The picture is drawn as half cells."""
    return desk.text.count("▀") + desk.text.count("▄") > 100


def has_coloured_code(desk: Desk) -> bool:
    """The keywords of the code have a colour of their own."""
    strips = desk.app.screen._compositor.render_strips()
    (strip,) = [strip for strip in strips if "print(len(rows)" in strip.text]
    return len({segment.style.color for segment in strip if segment.style}) > 3


async def resize(desk: Desk, width: int, height: int) -> None:
    await desk.pilot.resize_terminal(width, height)
    await desk.until(lambda: desk.app.size == (width, height) and len(desk.rows) == height)


LOOKS: Final = Settings(look=Look(theme="chatterm-dark", images="cells"))


async def test_the_window(home: Path, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide, narrow, with what is unsent, while writing, with a message selected, while searching; in both themes."""
    account = prepare(home)
    async with running_app(home, account, size=(200, 50), settings=LOOKS) as desk:
        monkeypatch.setattr(desk.screen.query_one(StatusLine), "_clock", lambda: LATER / 1_000_000)
        desk.engine._signals.take_readers(GARDEN, [(BELA.id, 8), (CSILLA.id, 7), (DENES.id, 5)], whole=True)
        await desk.sees("@Anna, shall I?", "offline since", "retrying in 60 s", "tulips", "✓2")
        await desk.until(lambda: has_picture(desk) and has_coloured_code(desk))
        album.show(desk.app, "wide")
        await resize(desk, 100, 30)
        await selecting(desk, album)
        await writing(desk, album)
        await searching(desk, album)
        await unsent(desk, album)
        await other_looks(desk, album)
    album.judge()


async def selecting(desk: Desk, album: Album) -> None:
    """The cursor of the messages on one that has every mark: a reply, edited, pinned, seen, reactions."""
    await desk.press("escape", "up")
    timeline = desk.screen.conversation.timeline
    await desk.until(lambda: timeline.selected is not None and timeline.selected.seq == REPLY)
    await desk.sees("shall I?", "y copy")
    album.show(desk.app, "selected")
    await desk.press("escape")
    await desk.until(lambda: desk.app.focused is desk.composer)


async def writing(desk: Desk, album: Album) -> None:
    """A text of several lines, with the list of those whom it may name."""
    await desk.type("Coffee is on me,")
    await desk.press("alt+enter", *"ask @")
    await desk.sees("@ Csilla", "@ Dénes", "@ all")
    album.show(desk.app, "completing")
    await desk.press("escape")
    desk.composer.clear()
    await desk.until(lambda: "Write to garden" in desk.text)


async def searching(desk: Desk, album: Album) -> None:
    """Hits as one types, with what is found set off."""
    await desk.press("ctrl+f", *"tul*")
    await desk.sees("2 found", "offline: only what is on this device")
    album.show(desk.app, "search")
    await desk.press("escape")
    await desk.until(lambda: desk.app.screen is desk.screen)


async def unsent(desk: Desk, album: Album) -> None:
    """Messages that wait, and one that was refused."""
    garden = Target(chat_id=GARDEN)
    failed = await desk.engine.send(garden, "This one was too much.")
    await desk.engine._context.storage.outbox(lambda box: box.refused(failed.client_id, REFUSED))
    await desk.engine.send(garden, "I am on the train, without a network.")
    await desk.engine.send(garden, "Nine is good.")
    await desk.sees("Nine is good.", "2 queued", "1 failed", "Wait a minute")
    await desk.until(lambda: any("# garden" in row and "✗" in row for row in desk.rows))
    album.show(desk.app, "unsent")


async def other_looks(desk: Desk, album: Album) -> None:
    """Narrow with the list over it and without, compact, and by day."""
    await resize(desk, 40, 12)
    await desk.sees("Nine is good.", "offline · 1 unread · ✗ 1 failed")
    album.show(desk.app, "narrow")
    await desk.press("f9")
    await desk.sees("builds and depl", "type to filter")
    album.show(desk.app, "narrow_list")
    await desk.press("escape")
    await desk.until(lambda: desk.app.focused is desk.composer)
    await resize(desk, 100, 30)
    desk.app.change_settings(Settings(look=replace(LOOKS.look, density="compact")))
    await desk.sees("08:24 Béla")
    await desk.until(lambda: has_picture(desk) and has_coloured_code(desk))
    album.show(desk.app, "compact")
    desk.app.change_settings(Settings(look=replace(LOOKS.look, theme="chatterm-day")))
    await resize(desk, 120, 50)
    await desk.until(lambda: desk.app.theme == "chatterm-day" and has_picture(desk) and has_coloured_code(desk))
    album.show(desk.app, "day")


async def test_the_first_start(home: Path, album: Album) -> None:
    """Without an account the window asks for one."""
    with at_home(home):
        home.mkdir()
        app = ChatApp(None, None, home, settings=LOOKS)
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            strips = app.screen._compositor
            await wait_until(pilot, lambda: "Password" in "".join(strip.text for strip in strips.render_strips()))
            album.show(app, "login")
            await app.close_account()
    album.judge()
