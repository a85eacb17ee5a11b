"""The proof that nothing is lost, doubled or reordered while server and clients are killed with SIGKILL."""

import asyncio
import os
import random
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx

from chatproto import codec, limits
from chatproto.models import LogEvent, Message, event_id
from chatproto.rest import LoginRequest, MessagesPage, Tokens
from chatterm.client.accounts import Accounts
from chatterm.client.cache import Cache
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from tests.support.client import at_home
from tests.support.forking import Child, forker, read_pipe
from tests.support.homes import PASSWORD, SignedIn, command, sign_in
from tests.support.server import ServerProcess

TEXT = re.compile(r"s(\d+) r(\d+) (\d+)")
STEP_TIMEOUT_S = 60.0
_CLOSED = -1


@dataclass(slots=True)
class SenderProcess:
    """One sender: its account, its process while it lives, and every text it reported as queued."""

    number: int
    person: SignedIn
    chat_id: int
    options: tuple[str, ...] = ()
    """More arguments for its process."""
    run: int = 0
    queued: list[str] = field(default_factory=list)
    acked: set[str] = field(default_factory=set)
    """Texts that it reported as acknowledged, if it was asked to."""
    process: Child | None = None
    instructions: int = _CLOSED
    """Its standard input, while it is open."""
    reader: asyncio.Task[None] | None = None
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)
    drained: bool = False

    async def start(self) -> None:
        """Start the process; each run numbers its messages anew under its own prefix."""
        self.run += 1
        self.drained = False
        their_input, self.instructions = os.pipe()
        output, their_output = os.pipe()
        with (
            os.fdopen(their_input, "rb") as stdin,
            os.fdopen(their_output, "wb") as stdout,
            self.complaints.open("ab") as complaints,
        ):
            arguments = [f"--chat={self.chat_id}", f"--prefix=s{self.number} r{self.run}", *self.options]
            files = (stdin, stdout, complaints)
            self.process = forker().start("sender", arguments, self.person.environment(), files)
        self.reader = asyncio.create_task(self._read(output))

    @property
    def complaints(self) -> Path:
        """What its processes wrote to standard error; a client that reconnects has nothing to complain of."""
        return self.person.home / "stderr.txt"

    async def _read(self, output: int) -> None:
        async for line in await read_pipe(output):
            if not line.endswith(b"\n"):
                continue  # cut off by the kill, so it was not reported
            word, _, text = line.decode().rstrip("\n").partition(" ")
            async with self.progress:
                if word == "queued":
                    self.queued.append(text)
                elif word == "acked":
                    self.acked.add(text)
                else:
                    self.drained = word == "drained"
                self.progress.notify_all()
        async with self.progress:
            self.progress.notify_all()

    async def wait_for_more(self, count: int) -> None:
        """Wait until this sender reported `count` more messages than now."""
        goal = len(self.queued) + count
        async with asyncio.timeout(STEP_TIMEOUT_S), self.progress:
            await self.progress.wait_for(lambda: len(self.queued) >= goal)

    async def wait_for_acks(self, count: int) -> None:
        """Wait until it reported `count` more acknowledgements than now."""
        goal = len(self.acked) + count
        async with asyncio.timeout(STEP_TIMEOUT_S), self.progress:
            await self.progress.wait_for(lambda: len(self.acked) >= goal)

    async def kill(self) -> None:
        """SIGKILL, at whatever it is doing; harmless when it has ended."""
        if self.process is None:
            return
        self.process.kill()
        await self._ended()

    async def finish(self) -> None:
        """Let it send what is left, and end."""
        os.write(self.instructions, b"finish\n")
        async with asyncio.timeout(2 * STEP_TIMEOUT_S):
            code = await self._ended()
        assert self.drained, f"sender {self.number} ended with {code} before its outbox was empty"

    async def _ended(self) -> int:
        assert self.process is not None
        assert self.reader is not None
        code = await self.process.ended()
        await self.reader
        if self.instructions != _CLOSED:
            os.close(self.instructions)
            self.instructions = _CLOSED
        return code


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the proof counted: events stored, messages that senders reported as queued, kills, and events removed."""

    stored: int
    reported: int
    server_kills: int
    client_kills: int
    removed: int = 0


async def prove(
    folder: Path, *, rounds: int, senders: int = 4, seed: int, retention_s: float = 0, say: Callable[[str], None]
) -> Verdict:
    """Kill server and clients `rounds` times each at random points of a busy conversation, then check everything.

    With `retention_s` the server removes meanwhile what is older than so many seconds; a trigger in its database keeps
    what was ever stored. Raises `AssertionError` with what was lost, doubled or reordered. `seed` repeats the choice of
    victims and distances, though not the scheduling of the processes.
    """
    rng = random.Random(seed)
    arguments = _retaining(folder, retention_s) if retention_s else ()
    async with ServerProcess(folder / "server", arguments=arguments) as server:
        if retention_s:
            _set_witness(server.data)
        people = [
            await sign_in(
                server.url, server.data, folder / f"home{number}", f"s{number}@example.org", f"Sender {number}"
            )
            for number in range(senders)
        ]
        made = await command(
            "chatterm", "group", "proof", *(person.email for person in people[1:]), home=people[0].home
        )
        chat_id = int(made)
        crew = [SenderProcess(number, person, chat_id) for number, person in enumerate(people)]
        try:
            for sender in crew:
                await sender.start()
            await _kill_repeatedly(server, crew, rounds, rng, say)
            await asyncio.gather(*(sender.finish() for sender in crew))
        finally:
            for sender in crew:
                await sender.kill()
        events, floor = await log_of_server(server.url, people[0], chat_id)
        if retention_s:
            witnessed = _witnessed(server.data, chat_id)
            assert events == [event for event in witnessed if event.seq > floor], "the log is not what was stored"
            assert floor > 0, "nothing was removed: take more rounds, or fewer seconds"
            events = witnessed
        stored = check_log(events, crew, first_seq=2)
        for sender in crew:
            check_copy(sender, events, floor)
    reported = sum(len(sender.queued) for sender in crew)
    return Verdict(stored, reported, server_kills=rounds, client_kills=rounds, removed=floor)


def _retaining(folder: Path, seconds: float) -> tuple[str, ...]:
    config = folder / "retention.toml"
    config.write_text(f"retention_days = {seconds / 86_400:.9f}\nretention_interval_s = 1\n", encoding="utf-8")
    return ("--config", str(config))


def _set_witness(data: Path) -> None:
    """Keep a copy of each event in the transaction that stores it."""
    with closing(sqlite3.connect(data / "chat.db", timeout=STEP_TIMEOUT_S)) as connection:
        connection.executescript(
            "CREATE TABLE witness AS SELECT * FROM events WHERE 0;"
            "CREATE TRIGGER witness_all AFTER INSERT ON events BEGIN INSERT INTO witness VALUES"
            " (NEW.chat_id, NEW.seq, NEW.at, NEW.sender_id, NEW.client_id, NEW.kind, NEW.body, NEW.extra); END;"
        )


def _witnessed(data: Path, chat_id: int) -> list[LogEvent]:
    with closing(sqlite3.connect(data / "chat.db")) as connection:
        found = connection.execute(
            "SELECT seq, at, sender_id, client_id, body FROM witness"
            " WHERE chat_id = ? AND kind = 'message' ORDER BY rowid",
            (chat_id,),
        ).fetchall()
    return [
        Message(id=event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, client_id=client_id, text=text)
        for seq, at, sender_id, client_id, text in found
    ]


async def _kill_repeatedly(
    server: ServerProcess, crew: Sequence[SenderProcess], rounds: int, rng: random.Random, say: Callable[[str], None]
) -> None:
    for number in range(1, rounds + 1):
        await pressure(crew, rng)
        await server.kill()
        if rng.random() < 0.5:
            await server.start()
            await pressure(crew, rng)
            victim = rng.choice(crew)
            await victim.kill()
        else:  # both dead at once
            victim = rng.choice(crew)
            await victim.kill()
            await server.start()
        await victim.start()
        say(f"round {number}: server killed, sender {victim.number} killed; {sum(len(s.queued) for s in crew)} queued")


async def pressure(crew: Sequence[SenderProcess], rng: random.Random) -> None:
    """Wait until a random sender, or whoever is first, got some way further: kills fall at any point of the work."""
    distance = rng.randint(1, 60)
    if rng.random() < 0.3:
        await rng.choice(crew).wait_for_more(distance)
        return
    waits = [asyncio.create_task(sender.wait_for_more(distance)) for sender in crew]
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


async def log_of_server(url: str, person: SignedIn, chat_id: int) -> tuple[list[LogEvent], int]:
    """All messages of a chat as the REST API tells them to a client that has nothing, and the floor of its log."""
    events: list[LogEvent] = []
    floor = 0
    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=url, timeout=STEP_TIMEOUT_S, headers=headers) as http:
        login = LoginRequest(email=person.email, password=PASSWORD, device="proof")
        answer = await http.post("/auth/login", content=codec.encode(login))
        token = codec.decode_body(answer.content, Tokens).access_token
        more, after = True, 0
        while more:
            answer = await http.get(
                f"/chats/{chat_id}/messages",
                params={"afterSeq": after, "limit": limits.PAGE_MAX},
                headers={"Authorization": f"Bearer {token}"},
            )
            page = codec.decode_body(answer.content, MessagesPage, max_bytes=limits.SERVER_FRAME_MAX_BYTES)
            floor = page.floor
            events = [event for event in [*events, *page.messages] if event.seq > floor]
            more, after = page.has_more, page.messages[-1].seq if page.messages else after
    return events, floor


def check_log(events: Sequence[LogEvent], senders: Sequence[SenderProcess], first_seq: int) -> int:
    """Assert that the log holds each reported message exactly once, without holes, in each sender's order."""
    assert [event.seq for event in events] == list(range(first_seq, first_seq + len(events))), "seq has holes"
    times = [event.at for event in events]
    assert all(earlier < later for earlier, later in pairwise(times)), "time does not increase"
    order: dict[int, list[tuple[int, int]]] = defaultdict(list)
    stored: set[str] = set()
    for event in events:
        assert isinstance(event, Message)
        assert event.text not in stored, f"doubled: {event.text}"
        stored.add(event.text)
        found = TEXT.fullmatch(event.text)
        assert found is not None
        number, run, place = map(int, found.groups())
        order[number].append((run, place))
    for sender in senders:
        lost = [text for text in sender.queued if text not in stored]
        assert not lost, f"lost of sender {sender.number}: {lost[:5]}"
        assert order[sender.number] == sorted(order[sender.number]), f"sender {sender.number} is out of order"
    return len(events)


def check_copy(sender: SenderProcess, events: Sequence[LogEvent], floor: int) -> None:
    """Assert that whatever a killed client holds is what the server holds, and that nothing is left unsent."""
    complaints = sender.complaints.read_text()
    assert not complaints, f"sender {sender.number} complained: {complaints[-2_000:]}"
    with at_home(sender.person.home):
        account = Accounts().get(sender.person.email)
        files = account_files(account.key)
        with closing(Outbox.open(files.outbox)) as outbox, closing(Cache.open(files.cache)) as cache:
            assert outbox.counts() == (0, 0), f"sender {sender.number} kept {outbox.counts()}"
            copy = cache.events(sender.chat_id, 2, len(events) + 1)
    held = {cached.seq for cached in copy}
    assert copy == [event for event in events if event.seq in held]
    assert copy or floor, f"sender {sender.number} has an empty cache"
