"""A server on this machine, a seeded conversation, a bot that answers, and the client signed in."""

import asyncio
import contextlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from chatproto.models import Message
from chatproto.text import terminal_safe
from chatterm.client.accounts import Accounts
from chatterm.client.bot import Bot, Incoming, sign_in
from chatterm.client.cache import Cache
from chatterm.client.model import Account, Enclosed, EventsStored, Notice, Target
from chatterm.client.paths import account_files
from chatterm.client.session import Session
from chatterm.client.uistate import UiState

PASSWORD = "only for this demonstration"
STEP_TIMEOUT_S = 30.0
YOU = "anna"
BOT = "robin"
PEOPLE = {"bela": "Béla", "csilla": "Csilla", "denes": "Dénes", BOT: "Robin (bot)", YOU: "Anna"}
GROUP = "garden"
ALL = "*"
READ_TO = "last read"
"""The line of the group up to which you have read."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the play: who says what, to a person or to everybody in the group."""

    who: str
    to: str
    text: str
    picture: str = ""
    """The name of a picture that is sent with it."""
    name: str = ""
    """What other lines call it."""
    answers: str = ""
    """The line that it is a reply to."""
    reactions: tuple[tuple[str, str], ...] = ()
    """Who reacts with what, once it is said."""
    pinned: bool = False
    """Pinned by whoever said it."""


PLAY = [
    Line("csilla", ALL, "Good morning! Who has seen the first tulips? 🌷"),
    Line("denes", ALL, "By the south wall, three of them. The frost on Tuesday did no harm.", name="tulips"),
    Line(
        "csilla",
        ALL,
        "This is what we are aiming for:",
        picture="orchard.png",
        reactions=(("bela", "💚"), ("denes", "💚"), (YOU, "🍎")),
    ),
    Line(
        "bela",
        ALL,
        "Then we can start. **Saturday at nine?**\n- [x] spades: me\n- [ ] compost: Dénes\n- [ ] coffee: everybody",
        reactions=(("csilla", "👍"), ("denes", "👍")),
        pinned=True,
    ),
    Line(
        "denes",
        ALL,
        "The rows, for those who like to count:\n"
        "```python\nrows, places = range(4), range(6)\n"
        'print(len(rows) * len(places), "trees")  # 24\n```',
    ),
    Line(
        "csilla",
        ALL,
        "The *early* ones, then: [how to plant them](https://example.org/apple-trees)",
        answers="tulips",
    ),
    Line("bela", YOU, "Shall we plant the apple trees on Friday, before the others come?"),
    Line(YOU, "bela", "Yes. Bring the spade."),
    Line("bela", YOU, "The long one. See you at nine!"),
    Line(YOU, BOT, "Robin, what is the time?"),
    Line(YOU, ALL, "Saturday at nine is good. I bring the seedlings and 日本 radishes.", name=READ_TO),
    Line(
        BOT,
        ALL,
        "I am a bot: write my name here, and I answer. "
        "`Ctrl+K` goes to anybody, `Ctrl+F` searches, `F1` shows all keys.",
    ),
]


def email(name: str) -> str:
    return f"{name}@example.org"


# --- processes


async def command(*args: str, home: Path, stdin: str = "") -> str:
    """Run a command of the product; returns its output, or ends the demonstration with its words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CHATTERM_HOME": str(home)},
    )
    out, err = await process.communicate(stdin.encode())
    if process.returncode:
        raise SystemExit(f"run: '{' '.join(args[:3])}' failed:\n{err.decode()}")
    return out.decode()


@contextlib.asynccontextmanager
async def running_server(folder: Path) -> AsyncIterator[str]:
    """A server process on a free port; yields its URL, and stops it at the end."""
    log = folder / "server.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chatserver", "serve", "--host", "127.0.0.1", "--port", "0"),
            *("--data", str(folder / "server")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # keys typed into this terminal are not for the server
        )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(STEP_TIMEOUT_S):
            url = (await process.stdout.readline()).decode().strip()
        if not url:
            raise SystemExit(f"run: the server did not start:\n{log.read_text(errors='replace')}")
        yield url
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(12):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


# --- people


async def sign_everybody_in(url: str, folder: Path, home: Path) -> dict[str, Session]:
    """Make the accounts on the server and log each in; all share one home of the client."""
    data = str(folder / "server")
    add = ("chatserver", "user", "add", "--password-stdin", "--data", data)
    await asyncio.gather(
        *(command(*add, email(name), "--name", shown, home=home, stdin=PASSWORD) for name, shown in PEOPLE.items())
    )
    os.environ["CHATTERM_HOME"] = str(home)
    others = [email(name) for name in PEOPLE if name != YOU]
    await sign_in(url, email(YOU), PASSWORD)  # the first is the default account
    await asyncio.gather(*(sign_in(url, other, PASSWORD) for other in others))
    await command("chatterm", "group", GROUP, *others, home=home)
    accounts = Accounts()
    return {name: Session(accounts.get(email(name))) for name in PEOPLE}


class Reader:
    """What one client's cache receives, in the order it arrives."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._arrived: asyncio.Queue[Message] = asyncio.Queue()
        self._known: set[tuple[int, int]] = set()
        session.subscribe(self._hear)

    def _hear(self, notice: Notice) -> None:
        if not isinstance(notice, EventsStored):
            return
        for event in self._session.cache.events(notice.chat_id, notice.first_seq, notice.last_seq):
            place = (notice.chat_id, event.seq)
            if isinstance(event, Message) and place not in self._known:
                self._known.add(place)
                self._arrived.put_nowait(event)

    async def next(self, wanted: Callable[[Message], bool]) -> Message:
        """The next message that is wanted; others are passed over."""
        async with asyncio.timeout(STEP_TIMEOUT_S):
            while True:
                message = await self._arrived.get()
                if wanted(message):
                    return message

    async def message_of(self, client_id: bytes) -> Message:
        """The message with this client id, once it has arrived."""
        return await self.next(lambda heard: heard.client_id == client_id)


def answer(incoming: Incoming, count: int) -> str:
    """What the bot says to a message."""
    text = incoming.message.text.casefold()
    if re.search(r"\b(time|clock|late)\b", text):
        return f"It is {time.strftime('%H:%M')}."
    if re.search(r"\b(dice|die|roll)\b", text):
        return f"🎲 {random.randint(1, 6)}"
    if re.search(r"\b(count|how many)\b", text):
        return f"This chat has {count} messages."
    name = incoming.sender.display_name if incoming.sender else "friend"
    return f"Hello {name}! Ask me for the time, a dice roll, or how many messages we have."


async def serve_bot(session: Session) -> None:
    """Answer everything said to the bot directly, and in groups whatever names it."""
    bot = Bot(session)
    async for incoming in bot.messages():
        chat = session.cache.chat(incoming.chat_id)
        if (chat is not None and chat.kind == "direct") or BOT in incoming.message.text.casefold():
            await bot.reply(incoming, answer(incoming, session.cache.head(incoming.chat_id)))


async def target_of(line: Line, session: Session) -> Target:
    if line.to == ALL:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            await session.wait_synced()
        return Target(chat_id=session.cache.group_by_title(GROUP)[0])
    return Target(email=email(line.to))


def paint_orchard(path: Path) -> None:
    """A picture of trees in the evening, since a demonstration must not need a network."""
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only the play needs it

    width, height = 400, 160
    image = Image.linear_gradient("L").resize((width, height))
    sky = Image.composite(Image.new("RGB", image.size, "#f2b880"), Image.new("RGB", image.size, "#31527a"), image)
    draw = ImageDraw.Draw(sky)
    draw.ellipse((276, 36, 340, 100), fill="#fde3a7")
    draw.rectangle((0, 112, width, height), fill="#3f5d3a")
    for number in range(6):
        x, y = 18 + number * 65, 122 + number % 2 * 14
        draw.rectangle((x + 14, y - 34, x + 20, y), fill="#5b4032")
        draw.ellipse((x - 6, y - 74, x + 40, y - 24), fill="#2f6b3a" if number % 2 else "#3c7f45")
        for across, down in ((6, -58), (24, -62), (14, -42), (28, -40)):
            draw.ellipse((x + across, y + down, x + across + 6, y + down + 6), fill="#c8423a")
    sky.save(path)


def pictures(line: Line) -> list[Path]:
    """The files of a line; the client copies them before `send` returns, but it is the play that cleans up."""
    if not line.picture:
        return []
    path = Path(os.environ["CHATTERM_HOME"]).parent / line.picture
    paint_orchard(path)
    return [path]


async def play(sessions: dict[str, Session], show: Callable[[str, str, Message], None]) -> None:
    """Say each line in turn, once everybody concerned has read the one before; the bot answers what it is asked."""
    reader = Reader(sessions[YOU])
    said: dict[str, Message] = {}
    group, robin = 0, sessions[BOT].account.user_id
    for line in PLAY:
        session, target = sessions[line.who], await target_of(line, sessions[line.who])
        group = target.chat_id or group
        enclosed = Enclosed(reply_to=said[line.answers].seq if line.answers else 0)
        row = await session.send(target, line.text, enclosed, files=pictures(line))
        message = said[line.name] = await reader.message_of(row.client_id)
        show(PEOPLE[line.who], GROUP if line.to == ALL else PEOPLE[line.to], message)
        if line.to == BOT:
            show(PEOPLE[BOT], PEOPLE[YOU], await reader.next(lambda heard: heard.sender_id == robin))
        await respond(line, sessions, group, message.seq)
    await sessions[YOU].mark_seen(group, said[READ_TO].seq)


async def respond(line: Line, sessions: dict[str, Session], chat_id: int, seq: int) -> None:
    """Read what was said to everybody, react to it and pin it, as the line says; you see it in the end."""
    if line.to != ALL:
        return
    for name in PEOPLE.keys() - {YOU}:
        await until(sessions[name], lambda heard: seq in heard.cache.messages(chat_id, [seq]))
        await sessions[name].mark_seen(chat_id, seq)
    for name, emoji in line.reactions:
        await sessions[name].changes.react(chat_id, seq, emoji, on=True)
    if line.pinned:
        await sessions[line.who].changes.pin(chat_id, seq, on=True)

    def is_whole(yours: Session) -> bool:
        message = yours.cache.messages(chat_id, [seq])[seq]
        given = {(user_id, reaction.emoji) for reaction in message.reactions for user_id in reaction.user_ids}
        return len(given) == len(line.reactions) and message.pinned == line.pinned

    await until(sessions[YOU], is_whole)


async def until(session: Session, condition: Callable[[Session], bool]) -> None:
    """Wait until something holds for a client; it is looked at whenever the client has news."""
    news = asyncio.Event()
    stop = session.subscribe(lambda _: news.set())
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            while not condition(session):
                await news.wait()
                news.clear()
    finally:
        stop()


def open_first(account: Account, title: str) -> None:
    """Have the window open with a group, as if it had been read last."""
    files = account_files(account.key)
    cache, state = Cache.open(files.cache), UiState.open(files.folder / "interface.db")
    state.save_setting("lastChat", f"chat:{cache.group_by_title(title)[0]}")
    state.close()
    cache.close()


def print_message(who: str, to: str, message: Message) -> None:
    clock = time.strftime("%H:%M:%S", time.localtime(message.at / 1_000_000))
    text = terminal_safe(message.text, multiline=True).replace("\n", "\n" + " " * 33)
    text += "".join(f" [{terminal_safe(file.name)}]" for file in message.files)
    print(f"{clock}  {terminal_safe(f'{who} → {to}'):<22} {text}", flush=True)


# --- the two ways to run


async def open_window(home: Path) -> int:
    """The client itself, in this terminal, until its user quits."""
    window = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chatterm", env={**os.environ, "CHATTERM_HOME": str(home)}
    )
    try:
        return await window.wait()
    finally:
        if window.returncode is None:
            window.terminate()
            await window.wait()


async def demonstrate(folder: Path, interactive: bool) -> int:
    home = folder / "home"
    print("run: starting a server and seeding a conversation ...", file=sys.stderr, flush=True)
    async with running_server(folder) as url, contextlib.AsyncExitStack() as cleanup:
        sessions = await sign_everybody_in(url, folder, home)
        for session in sessions.values():
            await cleanup.enter_async_context(session)
        answering = asyncio.create_task(serve_bot(sessions[BOT]))
        try:
            await play(sessions, (lambda *_: None) if interactive else print_message)
            if not interactive:
                print(f"run: played through {url} by {len(sessions)} real clients", file=sys.stderr)
                return 0
            await sessions[YOU].stop()
            open_first(sessions[YOU].account, GROUP)
            return await open_window(home)
        finally:
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering


async def until_told() -> int:
    """Run the demonstration; a signal to end still stops what was started."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    folder = Path(tempfile.mkdtemp(prefix="chatterm-"))
    try:
        return await demonstrate(folder, interactive=sys.stdin.isatty() and sys.stdout.isatty())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    try:
        return asyncio.run(until_told())
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


if __name__ == "__main__":
    sys.exit(main())
