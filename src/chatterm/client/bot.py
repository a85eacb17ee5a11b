"""A program as a chat partner: what arrives, in order and at least once, answered through the engine of everybody.

The names of this module are stable: they are the Python interface of chatterm (docs/guide/bots.md).
"""

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from chatproto.models import Chat, LogEvent, Message, User
from chatproto.text import normalize_email
from chatterm.client.accounts import Accounts, account_key
from chatterm.client.addresses import parse_server_address
from chatterm.client.bot_commands import Call, Commands, Handler
from chatterm.client.credentials import CredentialStore
from chatterm.client.errors import ClientError
from chatterm.client.following import News, onward
from chatterm.client.mentioning import mentioned
from chatterm.client.model import Account, Enclosed, OutboxRow, OutboxState, Target
from chatterm.client.paths import account_files
from chatterm.client.session import Session
from chatterm.client.signing import sign_in as begin_session
from chatterm.client.targets import parse_target

__all__ = ["Bot", "Call", "Happening", "Incoming", "sign_in"]

_LOOKED_AT = 500


async def sign_in(url: str, email: str, password: str) -> Account:
    """The account of this machine, signed in with a password only if it is not signed in yet.

    Raises `ClientError`: a wrong address, a server that cannot be reached or is another, a wrong password.
    """
    origin = parse_server_address(url).origin
    key = account_key(normalize_email(email), origin)
    for account in Accounts().all():
        if account.key == key and CredentialStore(account_files(key).credentials).load() is not None:
            return account
    return await begin_session(origin, email, password)


@dataclass(frozen=True, slots=True)
class Incoming:
    """Somebody else's message. `sender` and `chat` are None while the cache does not know them."""

    chat_id: int
    message: Message
    sender: User | None
    chat: Chat | None = None

    @property
    def text(self) -> str:
        """What was written; empty if it is only files."""
        return self.message.text

    @property
    def is_direct(self) -> bool:
        """Whether it was said to the bot alone."""
        return self.chat is not None and self.chat.kind == "direct"


@dataclass(frozen=True, slots=True)
class Happening:
    """Any event of a chat's log: messages of all, changes of messages, members, titles."""

    chat_id: int
    event: LogEvent
    sender: User | None
    chat: Chat | None = None


class Bot:
    """Reads what arrives and answers. It holds no state of its own: the seen marker says what was handled.

    So everything is handled at least once, whatever is killed in between, and in the order of its chat; what was
    being handled at a kill comes again. Answers are on disk when the method returns, and each is sent exactly once.
    Only one process at a time may be an account's bot. All methods belong to the event loop's thread, and raise
    `ClientError` or `ChatError` for what cannot be done.
    """

    def __init__(self, session: Session) -> None:
        """`session` is started and stopped by the caller; or use `Bot.running`."""
        self.session = session
        self.commands = Commands()
        self._stopping = asyncio.Event()
        self._news: News | None = None

    @classmethod
    @asynccontextmanager
    async def running(cls, account: Account | str | None = None, *, signals: bool = True) -> AsyncIterator[Self]:
        """A connected bot of an account of this machine, by key or email; by default of the default account.

        With `signals`, SIGTERM and SIGINT let it finish what it handles and end its loops. Raises `ClientError`
        with `notSignedIn` or `accountUnknown`. Without a network it starts all the same, and connects when it can.
        """
        chosen = account if isinstance(account, Account) else _account(account)
        async with Session(chosen) as session:
            bot = cls(session)
            with bot._stopped_by_signals() if signals else nullcontext():
                yield bot

    # --- what arrives

    async def messages(self) -> AsyncGenerator[Incoming, None]:
        """Others' messages after the seen marker, until `stop`; asking for the next one marks the last as seen.

        Leave it through `contextlib.aclosing`, so that it ends with the block.
        """
        own = self.session.account.user_id
        async with aclosing(self.events()) as events:
            async for happening in events:
                event = happening.event
                if isinstance(event, Message) and event.sender_id != own and not event.deleted:
                    yield Incoming(happening.chat_id, event, happening.sender, happening.chat)

    async def events(self) -> AsyncGenerator[Happening, None]:
        """Everything after the seen marker, as `messages`; also one's own messages, and changes of messages."""
        session = self.session
        news = News(session, session.cache.chat_ids)
        self._news = news
        try:
            while not self._stopping.is_set():
                chat_id = news.take()
                if chat_id is None:
                    await news.wait()
                    continue
                for event in onward(session, chat_id, session.cache.seen(chat_id)):
                    sender = session.cache.user(event.sender_id)
                    yield Happening(chat_id, event, sender, session.cache.chat(chat_id))
                    await session.mark_seen(chat_id, event.seq)
                    news.look_at(chat_id)  # there may be more; other chats come in between
                    if self._stopping.is_set():
                        return
        finally:
            self._news = None
            news.close()

    async def run(self) -> None:
        """Answer commands (`bot.command`) until `stop`. What a handler raises is logged, and the bot goes on."""
        async with aclosing(self.messages()) as messages:
            async for incoming in messages:
                answer = await self.commands.answer(self, incoming)
                if answer:
                    await self.reply(incoming, answer)

    def command(self, name: str, about: str = "") -> Callable[[Handler], Handler]:
        """Decorate the coroutine that does `!name words` in `run`; what it returns, unless None, is the answer.

        `about` is its line in `!help`. Raises `ValueError` for a name that is taken.
        """

        def register(handler: Handler) -> Handler:
            self.commands.add(name, handler, about)
            return handler

        return register

    def stop(self) -> None:
        """End `messages`, `events` and `run` once what is being handled is done. Idempotent."""
        self._stopping.set()
        if self._news is not None:
            self._news.stop_waiting()

    # --- what is done about it

    async def reply(
        self, incoming: Incoming, text: str, *, quote: bool = False, files: Sequence[Path] = ()
    ) -> OutboxRow:
        """Answer in the chat the message came from; durable when this returns. `quote`: as a reply to that message."""
        enclosed = Enclosed(
            reply_to=incoming.message.seq if quote else 0,
            mentions=mentioned(self.session.cache, incoming.chat_id, text),
        )
        return await self.session.send(Target(chat_id=incoming.chat_id), text, enclosed, files)

    async def send(self, target: Target | str, text: str, *, files: Sequence[Path] = ()) -> OutboxRow:
        """Write to an email, a group's title or a name (`str`), or a `Target`; durable when this returns."""
        place = parse_target(self.session.cache, target) if isinstance(target, str) else target
        ids = () if place.chat_id is None else mentioned(self.session.cache, place.chat_id, text)
        return await self.session.send(place, text, Enclosed(mentions=ids), files)

    async def delivered(self, row: OutboxRow) -> Message:
        """Wait until the server has a message, and return it. Raises `ClientError` with the reason if it is refused."""
        changed = asyncio.Event()
        unsubscribe = self.session.subscribe(lambda _: changed.set())
        try:
            while True:
                changed.clear()
                current = self.session.outbox.row(row.client_id)
                if current is None:
                    message = self._sent(row)
                    if message is not None:
                        return message
                elif current.state in (OutboxState.FAILED, OutboxState.HELD) and current.error is not None:
                    raise ClientError.of(current.error)
                await changed.wait()
        finally:
            unsubscribe()

    async def react(self, incoming: Incoming, emoji: str, *, on: bool = True) -> None:
        """Put an emoji under a message, or take it away; durable when this returns."""
        await self.session.changes.react(incoming.chat_id, incoming.message.seq, emoji, on=on)

    async def edit(self, chat_id: int, seq: int, text: str) -> None:
        """Give one of the bot's own messages another text; durable when this returns."""
        await self.session.changes.edit(chat_id, seq, text, mentions=mentioned(self.session.cache, chat_id, text))

    async def delete(self, chat_id: int, seq: int) -> None:
        """Take one of the bot's own messages back; durable when this returns."""
        await self.session.changes.delete(chat_id, seq)

    @contextmanager
    def typing(self, chat_id: int) -> Iterator[None]:
        """Others see, while the block runs, that the bot is writing in a chat; for a few seconds at most."""
        self.session.write_in(chat_id, on=True)
        try:
            yield
        finally:
            self.session.write_in(chat_id, on=False)

    # --- within

    def _sent(self, row: OutboxRow) -> Message | None:
        """The message in the cache, by its client id."""
        cache = self.session.cache
        chats = [row.target.chat_id] if row.target.chat_id is not None else cache.chat_ids()[:_LOOKED_AT]
        for chat_id in chats:
            head = cache.head(chat_id)
            for event in reversed(cache.events(chat_id, max(1, head - _LOOKED_AT + 1), head)):
                if isinstance(event, Message) and event.client_id == row.client_id:
                    return event
        return None

    @contextmanager
    def _stopped_by_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.stop)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def _account(name: str | None) -> Account:
    if name is not None:
        return Accounts().get(name)
    account = Accounts().default()
    if account is None:
        raise ClientError("notSignedIn", "Nobody is signed in on this machine.", "Run 'chatterm login URL'.")
    return account
