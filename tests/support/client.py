"""Real client engines for tests: each with a home of its own on disk, signed in without a password."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from chatproto.models import Chat, LogEvent, Message
from chatterm.client.accounts import Accounts, account_key
from chatterm.client.connection import Timing
from chatterm.client.credentials import CredentialStore
from chatterm.client.model import Account, Entry, EntryRef, Link, Notice, Target
from chatterm.client.paths import account_files
from chatterm.client.session import Session
from chatterm.client.tokens import credentials_of
from tests.support.server import WAIT_S, Person

IMPATIENT = Timing(open_timeout=5.0, answer_timeout=1.0, ping_interval=0.2, ping_timeout=0.3, close_timeout=0.5)
"""Notices a dead line within half a second."""


@contextlib.contextmanager
def at_home(home: Path) -> Iterator[None]:
    """What is opened within lies in `home`."""
    before = os.environ.get("CHATTERM_HOME")
    os.environ["CHATTERM_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["CHATTERM_HOME"]
        else:
            os.environ["CHATTERM_HOME"] = before


def sign_in(home: Path, person: Person, url: str | None = None) -> Account:
    """Put a person's account and tokens into `home`, as a login does; `url` if the server is reached by a detour."""
    url = url or person.server.url
    account = Account(account_key(person.user.email, url), url, person.user.email, person.id, person.user.display_name)
    with at_home(home):
        CredentialStore(account_files(account.key).credentials).save(credentials_of(person.tokens))
        Accounts().add(account)
    return account


class Client:
    """A session, all its notices, and waiting for what they bring."""

    def __init__(self, home: Path, account: Account, **options: Any) -> None:
        self.home = home
        with at_home(home):
            self.session = Session(account, **options)
        self.notices: list[Notice] = []
        self._news = asyncio.Event()
        self.session.subscribe(self._noticed)

    def _noticed(self, notice: Notice) -> None:
        self.notices.append(notice)
        self._news.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; it is looked at after each notice."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def online(self) -> "Client":
        await self.until(lambda: self.session.status.link is Link.ONLINE)
        return self

    async def offline(self) -> "Client":
        """Wait until an attempt has failed, or the connection was lost."""
        await self.until(lambda: self.session.status.link is Link.OFFLINE and self.session.status.problem)
        return self

    async def link(self, link: Link) -> None:
        await self.until(lambda: self.session.status.link is link)

    async def synced(self) -> "Client":
        async with asyncio.timeout(WAIT_S):
            await self.session.wait_synced()
        return self

    async def outbox_at_most(self, queued: int) -> None:
        await self.until(lambda: self.session.outbox.counts()[0] <= queued)

    async def has_texts(self, chat: Chat, *texts: str) -> None:
        """Wait until these are the cached messages of a chat."""
        await self.until(lambda: self.texts(chat.id) == list(texts))

    async def outbox_empty(self) -> None:
        await self.until(lambda: self.session.outbox.counts() == (0, 0))

    async def say(self, target: Chat | Person, text: str) -> None:
        place = Target(chat_id=target.id) if isinstance(target, Chat) else Target(user_id=target.id)
        await self.session.send(place, text)

    async def told_of(self, notice: Notice) -> None:
        await self.until(lambda: notice in self.notices)

    def log(self, chat_id: int) -> list[LogEvent]:
        """All cached events of a chat."""
        return self.session.cache.events(chat_id, 1, max(1, self.session.cache.head(chat_id)))

    def texts(self, chat_id: int) -> list[str]:
        return [event.text for event in self.log(chat_id) if isinstance(event, Message)]

    def entries(self) -> list[Entry]:
        return self.session.cache.entries(limit=10_000)

    def entry(self, chat: Chat) -> Entry:
        entry = self.session.cache.entry(EntryRef("chat", chat.id))
        assert entry is not None
        return entry

    def count(self, kind: type[Notice]) -> int:
        return sum(isinstance(notice, kind) for notice in self.notices)


@contextlib.asynccontextmanager
async def running_client(
    home: Path, person: Person, *, url: str | None = None, **options: Any
) -> AsyncIterator[Client]:
    """A started client of a person."""
    client = Client(home, sign_in(home, person, url), **options)
    try:
        await client.session.start()
        yield client
    finally:
        await client.session.stop()
