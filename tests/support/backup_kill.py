"""The proof that backups hold what was acknowledged, while backups, server and clients are killed with SIGKILL."""

import asyncio
import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chatproto.models import Message
from chatserver.backup import manifest
from chatserver.backup.archive import read_archive
from chatserver.backup.contents import write_file
from chatserver.backup.names import parse_name
from chatserver.backup.unpacking import opened
from chatterm.client.accounts import Accounts
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from tests.support.backup_process import RunningBackup, pass_a_day, start_by_hand, start_scheduled
from tests.support.client import at_home
from tests.support.forking import forker
from tests.support.homes import PASSWORD, command, run_command, sign_in
from tests.support.kill import STEP_TIMEOUT_S, SenderProcess, check_copy, check_log, log_of_server, pressure
from tests.support.server import ServerProcess

PASSPHRASE = "correct horse"
_FATES = ("none", "backup", "server", "both", "client")
_ROUNDS_TO_DISASTER = 15
_SENDING = ("--acks", "--file-every=8")

Row = tuple[object, ...]


@dataclass(slots=True)
class BackupVerdict:
    """What was counted."""

    finished: int = 0
    """Backups that came to their end."""
    backup_kills: int = 0
    server_kills: int = 0
    client_kills: int = 0
    verified: int = 0
    """Backups that passed `chatserver verify` and held what they must."""
    checked: int = 0
    """How often a message that was acknowledged before a backup began was found in it, over all backups."""
    restores: int = 0
    restore_kills: int = 0
    stored: int = 0
    """Messages in the log at the end."""
    set_back: int = 0
    """Messages that were stored after the backup that was restored."""
    sign_ins: int = 0
    """Clients that had to sign in again after a restore."""


@dataclass(slots=True)
class _Proof:
    folder: Path
    server: ServerProcess
    crew: list[SenderProcess]
    chance: random.Random
    say: Callable[[str], None]
    verdict: BackupVerdict = field(default_factory=BackupVerdict)
    known: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Size and time of change of each backup that was checked."""
    newest: tuple[Path, list[Row]] | None = None
    """The backup that was checked last, and its log."""
    lost: set[str] = field(default_factory=set)
    """Texts that a restored server may lack, because its backup did."""
    unsent: set[str] = field(default_factory=set)
    """Texts that were in the outbox of a killed client when a restored server started."""
    scheduled_before: bool = False
    """Whether a scheduled backup was there."""
    seconds: float = 1.0
    """How long the last backup took."""

    async def round(self, number: int) -> None:
        """A backup that is made, or killed, while the server or a client is."""
        await pressure(self.crew, self.chance)
        acked = {text for sender in self.crew for text in sender.acked} - self.lost
        scheduled = self.chance.random() < 0.5
        (fate,) = self.chance.choices(_FATES, (3, 3, 2, 1, 1))
        running = await (self._scheduled() if scheduled else self._by_hand())
        began = time.monotonic()
        ended = asyncio.create_task(running.ended())
        if fate != "none":
            await asyncio.wait([ended], timeout=self.chance.uniform(0.1, 1.0) * self.seconds)
            await self._strike(fate, running)
        async with asyncio.timeout(STEP_TIMEOUT_S):
            code, complaint = await ended
        if fate not in {"backup", "both"}:
            assert (code, complaint) == (0, ""), f"the backup ended with {code}: {complaint}"
            self.seconds = time.monotonic() - began
        fresh = [path for path in self._backups() if path not in self.known]
        assert code or fresh, "a backup came to its end, and is nowhere"
        self.verdict.finished += not code
        for path in fresh:
            await self._check(path, acked)
        self._check_untouched()
        kind = "scheduled" if scheduled else "by hand"
        self.say(f"round {number}: backup {kind}, killed: {fate}; {len(fresh)} new, {len(acked)} acknowledged before")

    async def _by_hand(self) -> RunningBackup:
        return start_by_hand(self.server.data, self._folders[0], self.folder / "complaints")

    async def _scheduled(self) -> RunningBackup:
        folder = self._folders[1]
        for old, new in pass_a_day(folder).items():
            if old in self.known:
                self.known[new] = self.known.pop(old)
            if self.newest is not None and self.newest[0] == old:
                self.newest = (new, self.newest[1])
        return await start_scheduled(self.server.data, folder, self.folder / "passphrase")

    async def _strike(self, fate: str, running: RunningBackup) -> None:
        if fate in {"backup", "both"}:
            running.kill()
            self.verdict.backup_kills += 1
        if fate in {"server", "both"}:
            await self.server.kill()
            self.verdict.server_kills += 1
            await self.server.start()
        if fate == "client":
            victim = self.chance.choice(self.crew)
            await victim.kill()
            self.verdict.client_kills += 1
            await self._start(victim)

    async def _start(self, sender: SenderProcess) -> None:
        """Start a sender, and wait until it has got an acknowledgement."""
        await sender.start()
        await self._follow(sender)

    async def _sign_in_again(self, sender: SenderProcess) -> None:
        await sender.kill()
        said = sender.complaints.read_text()
        assert said == "signed out\n", f"sender {sender.number} ended: {said[-2_000:]}"
        sender.complaints.unlink()
        email = sender.person.email
        login = ("chatterm", "login", self.server.url, "--email", email, "--password-stdin")
        await command(*login, home=sender.person.home, stdin=PASSWORD)
        self.verdict.sign_ins += 1
        await sender.start()
        await sender.wait_for_acks(1)

    def _backups(self) -> list[Path]:
        found = [path for folder in self._folders for path in folder.glob("*") if parse_name(path.name)]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    async def _check(self, path: Path, acked: set[str]) -> None:
        """A backup is whole, is a beginning of the server's log, and has all that was acknowledged before it began."""
        done = await run_command("chatserver", "verify", str(path), *self._opening(path))
        assert done.code == 0, f"{path.name} does not pass: {done.err}"
        rows = await asyncio.to_thread(_rows_in_backup, path, self._chat_id)
        live = _rows(self.server.data / "chat.db", self._chat_id)
        assert rows == live[: len(rows)], f"the log in {path.name} is not the beginning of the server's"
        missing = acked - _texts(rows)
        assert not missing, f"acknowledged before {path.name} was begun, and not in it: {sorted(missing)[:5]}"
        self.verdict.verified += 1
        self.verdict.checked += len(acked)
        self.known[path] = _mark(path)
        self.newest = (path, rows)

    def _check_untouched(self) -> None:
        """What was there is as it was, or was thinned out; a schedule always leaves one that is verified."""
        there = {path: _mark(path) for path in self._backups()}
        for path, mark in list(self.known.items()):
            if path in there:
                assert there[path] == mark, f"{path.name} was changed"
            else:
                assert path.parent == self._folders[1], f"{path.name} is gone"
                del self.known[path]
        kept = any(path.parent == self._folders[1] for path in there)
        assert kept or not self.scheduled_before, "the schedule has left no backup"
        self.scheduled_before = kept

    @property
    def _folders(self) -> tuple[Path, Path]:
        """Of backups by hand, and of scheduled ones."""
        return self.folder / "by-hand", self.folder / "scheduled"

    @property
    def _chat_id(self) -> int:
        return self.crew[0].chat_id

    def _opening(self, path: Path) -> tuple[str, ...]:
        return ("--passphrase-file", str(self.folder / "passphrase")) if path.suffix == ".age" else ()

    async def disaster(self, number: int) -> None:
        """The server and its data are lost, and half of the clients die; the last backup is put in place."""
        assert self.newest is not None, "no backup came to its end: take more rounds"
        path, rows = self.newest
        await pressure(self.crew, self.chance)
        victims = self.chance.sample(self.crew, len(self.crew) // 2)
        for victim in victims:
            await victim.kill()
            self.verdict.client_kills += 1
        await self.server.kill()
        self.verdict.server_kills += 1
        old = _rows(self.server.data / "chat.db", self._chat_id)
        behind = _texts(old) - _texts(rows)
        self.lost |= behind
        self.verdict.set_back += len(behind)
        self.unsent -= self.lost
        self.unsent |= {text for victim in victims for text in _outbox(victim)}
        target = self.folder / f"restored-{number}" / "data"
        await self._restore(path, target)
        self.server.data = target
        await self.server.start()
        for sender in victims:
            await self._start(sender)
        await asyncio.gather(*(self._follow(sender) for sender in self.crew if sender not in victims))
        self.say(f"restored {path.name}: {len(behind)} messages set back, {len(self.unsent)} unsent")

    async def _follow(self, sender: SenderProcess) -> None:
        """Wait until a client gets an acknowledgement; it signs in again first if it must."""
        assert sender.reader is not None
        more = asyncio.create_task(sender.wait_for_acks(1))
        await asyncio.wait([more, sender.reader], return_when=asyncio.FIRST_COMPLETED)
        if more.done():
            await more
        else:
            more.cancel()
            await self._sign_in_again(sender)

    async def _restore(self, path: Path, target: Path) -> None:
        """Restore, killed once on the way: then the folder is not there, and nothing keeps the next try from it."""
        words = ("restore", str(path), "--data", str(target), *self._opening(path))
        with Path(os.devnull).open("r+b") as nothing:
            child = forker().start("chatserver", words, dict(os.environ), (nothing, nothing, nothing))
        ended = asyncio.create_task(child.ended())
        await asyncio.wait([ended], timeout=self.chance.uniform(0.05, 1.0) * self.seconds)
        child.kill()
        if await ended:
            self.verdict.restore_kills += 1
        if not target.exists():
            done = await run_command("chatserver", *words)
            assert done.code == 0, f"{path.name} is not restored: {done.err}"
        assert [entry.name for entry in target.parent.iterdir()] == ["data"], "the killed restore left something"
        self.verdict.restores += 1

    async def finish(self) -> None:
        """All that was queued is there once, in order, but for what a restored backup lacked; the copies agree."""
        await asyncio.gather(*(sender.finish() for sender in self.crew))
        events, floor = await log_of_server(self.server.url, self.crew[0].person, self._chat_id)
        for sender in self.crew:
            sender.queued = [text for text in sender.queued if text not in self.lost]
        self.verdict.stored = check_log(events, self.crew, first_seq=2)
        gone = self.unsent - {event.text for event in events if isinstance(event, Message)}
        assert not gone, f"unsent when the server was restored, and lost: {sorted(gone)[:5]}"
        for sender in self.crew:
            check_copy(sender, events, floor)
        for start in (self._by_hand, self._scheduled):
            assert await (await start()).ended() == (0, "")
        left = [path for folder in self._folders for path in folder.glob(".*")]
        assert not left, f"killed backups left {left}"


async def prove_backups(
    folder: Path, *, rounds: int, senders: int = 4, seed: int, say: Callable[[str], None]
) -> BackupVerdict:
    """Make `rounds` backups of a busy server while they, the server or a client are killed; restore some of them.

    Raises `AssertionError` with what was wrong. `seed` repeats the choices, though not the scheduling of the processes.
    """
    (folder / "passphrase").write_text(PASSPHRASE + "\n")
    async with ServerProcess(folder / "data") as server:
        people = [
            await sign_in(server.url, server.data, folder / f"home{number}", f"s{number}@example.org", f"S {number}")
            for number in range(senders)
        ]
        others = (person.email for person in people[1:])
        chat_id = int(await command("chatterm", "group", "proof", *others, home=people[0].home))
        crew = [SenderProcess(number, person, chat_id, _SENDING) for number, person in enumerate(people)]
        proof = _Proof(folder, server, crew, random.Random(seed), say)
        try:
            for sender in crew:
                await sender.start()
            for number in range(1, rounds + 1):
                await proof.round(number)
                if number % _ROUNDS_TO_DISASTER == 0 or number == rounds:
                    await proof.disaster(number)
            await proof.finish()
        finally:
            for sender in crew:
                await sender.kill()
    return proof.verdict


def _rows(database: Path, chat_id: int) -> list[Row]:
    """The log of a chat as it is stored."""
    with closing(sqlite3.connect(database, timeout=STEP_TIMEOUT_S)) as connection:
        return connection.execute(
            "SELECT seq, at, sender_id, client_id, kind, body, extra FROM events WHERE chat_id = ? ORDER BY seq",
            (chat_id,),
        ).fetchall()


def _rows_in_backup(path: Path, chat_id: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder, path.open("rb") as file:
        for member in read_archive(opened(file, lambda: PASSPHRASE)):
            if member.name == manifest.DATABASE:
                write_file(Path(folder) / "chat.db", member.parts())
                return _rows(Path(folder) / "chat.db", chat_id)
    raise AssertionError(f"{path.name} has no database")


def _texts(rows: list[Row]) -> set[str]:
    return {str(row[5]) for row in rows if row[4] == "message"}


def _outbox(sender: SenderProcess) -> list[str]:
    """What a client that is dead has not sent, as far as it knows."""
    with at_home(sender.person.home):
        files = account_files(Accounts().get(sender.person.email).key)
        with closing(Outbox.open(files.outbox)) as outbox:
            return [row.text for row in outbox.rows()]


def _mark(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
