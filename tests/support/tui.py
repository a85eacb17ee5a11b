"""The real app on real engines for tests: what is on its screen, keys, and waiting for what they bring."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from textual.events import Key
from textual.keys import _character_to_key
from textual.pilot import Pilot

from chatproto.models import Chat, LogEvent, Message, User, event_id
from chatterm.client.accounts import Accounts
from chatterm.client.cache import Cache
from chatterm.client.credentials import Credentials, CredentialStore
from chatterm.client.model import Account
from chatterm.client.paths import account_files
from chatterm.client.session import Session
from chatterm.client.settings import Settings
from chatterm.client.uistate import UiState
from chatterm.tui.app import ChatApp
from chatterm.tui.composer import Composer
from chatterm.tui.screen import ChatScreen
from tests.support.client import at_home

WAIT_S: Final = 15.0
"""Far longer than anything takes; a test that reaches it has failed."""
ANNA: Final = User(id=1, email="anna@example.org", display_name="Anna", rev=1)
BELA: Final = User(id=2, email="bela@example.org", display_name="Béla", rev=2)
CSILLA: Final = User(id=3, email="csilla@example.org", display_name="Csilla", rev=3)
WITH_BELA: Final = 100
GARDEN: Final = 101
NOW: Final = int(time.time()) * 1_000_000
FAR_AWAY: Final = 3_600 * 1_000_000
"""Microseconds of an hour."""


async def wait_until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Let an app work until a condition holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            shown = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
            raise AssertionError(f"it did not happen; on the screen is:\n{shown}")
        await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys as a quick typist does: letters follow each other as soon as the one before was heard.

    `Pilot.press` waits after every letter until the process has idled twice, which takes most of the time of a test.
    """
    letters: list[str] = []
    for key in keys:
        if len(key) == 1:
            letters.append(key)
            continue
        await _write(pilot, letters)
        letters = []
        await pilot.press(key)
    await _write(pilot, letters)


async def _write(pilot: Pilot[None], letters: Sequence[str]) -> None:
    if not letters:
        return
    for letter in letters[:-1]:
        name = letter if letter.isalnum() else _character_to_key(letter)
        event = Key(name, letter)
        event.set_sender(pilot.app)
        assert pilot.app._driver is not None
        pilot.app._driver.send_message(event)
        await pilot._wait_for_screen()
    await pilot.press(letters[-1])


class Desk:
    """A running app with its engine, and a person in front of it."""

    def __init__(self, app: ChatApp, pilot: Pilot[None], engine: Session, state: UiState) -> None:
        self.app = app
        self.pilot = pilot
        self.engine = engine
        self.state = state

    @property
    def screen(self) -> ChatScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ChatScreen)
        return screen

    @property
    def composer(self) -> Composer:
        return self.screen.conversation.composer

    @property
    def rows(self) -> list[str]:
        """What is on the screen, row by row."""
        return [strip.text for strip in self.app.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the app work until a condition holds."""
        await wait_until(self.pilot, condition)

    async def sees(self, *texts: str) -> None:
        """Wait until all of these are on the screen."""
        await self.until(lambda: all(text in self.text for text in texts))

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def type(self, text: str) -> None:
        await press(self.pilot, *text)
        await self.until(lambda: self.app.focused is not self.composer or text in self.composer.text)


@contextlib.asynccontextmanager
async def running_app(
    home: Path,
    account: Account,
    *,
    size: tuple[int, int] = (100, 30),
    defects: int = 0,
    settings: Settings | None = None,
    **options: Any,
) -> AsyncIterator[Desk]:
    """The app of an account whose files lie in `home`; in the end it must have met just so many unexpected errors."""
    with at_home(home):
        engine = Session(account, **options)
        folder = account_files(account.key).folder
        state = UiState.open(folder / "interface.db")
        app = ChatApp(engine, state, folder, settings=settings)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Desk(app, pilot, engine, state)
            assert app.survival.defects == defects, [problem.details for problem in app.survival.problems]
    finally:
        await engine.stop()
        state.close()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """A port of the loopback interface that refuses every connection for as long as the block lasts."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


def offline_account(home: Path, port: int) -> Account:
    """Anna, signed in once on a server that nobody can reach now; nothing is cached."""
    account = Account("anna@offline", f"http://127.0.0.1:{port}", ANNA.email, ANNA.id, ANNA.display_name)
    expiry = NOW + 24 * FAR_AWAY
    with at_home(home):
        tokens = Credentials(access_token="a", access_expires_at=expiry, refresh_token="r", session_id=1)
        CredentialStore(account_files(account.key).credentials).save(tokens)
        Accounts().add(account)
    return account


def message(chat_id: int, seq: int, sender_id: int, text: str, at: int) -> Message:
    client_id = chat_id.to_bytes(8) + seq.to_bytes(8)
    return Message(id=event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, client_id=client_id, text=text)


def fill_cache(
    home: Path,
    account: Account,
    *,
    users: Sequence[User] = (BELA, CSILLA),
    chats: Sequence[Chat] = (),
    events: Sequence[tuple[int, Sequence[LogEvent]]] = (),
) -> None:
    """Put into the cache what an earlier session would have left there."""
    with at_home(home):
        cache = Cache.open(account_files(account.key).cache)
    cache.adopt("epoch", ANNA)
    cache.store_users([ANNA, *users])
    cache.store_chats(list(chats))
    for chat_id, log in events:
        cache.store_events(chat_id, list(log))
    cache.close()


def direct_chat(*texts: str) -> dict[str, Any]:
    """A conversation with Béla in which each in turn has said these texts, for `fill_cache`."""
    start = NOW - 2 * FAR_AWAY
    log = [
        message(WITH_BELA, seq, BELA.id if seq % 2 else ANNA.id, text, start + seq * 60_000_000)
        for seq, text in enumerate(texts, 1)
    ]
    chat = Chat(
        id=WITH_BELA, kind="direct", peer_id=BELA.id, member_count=2, head=len(log), head_at=log[-1].at, seen=len(log)
    )
    return {"chats": [chat], "events": [(WITH_BELA, log)]}


async def first(awaitable: "asyncio.Future[Any]") -> Any:
    """Wait for one thing, not for ever."""
    async with asyncio.timeout(WAIT_S):
        return await awaitable
