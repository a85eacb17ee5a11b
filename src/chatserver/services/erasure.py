"""Erases the words of people with their accounts: resumable, in small steps, and again after an old backup is back."""

import asyncio
import contextlib
import logging
import os
from pathlib import Path
from typing import Final

import msgspec

from chatproto.errors import ChatError
from chatserver import measures
from chatserver.clock import Clock, now_us
from chatserver.services.resting import Rests
from chatserver.store.base import Store
from chatserver.store.interfaces.erasures import Erasure

FILE_NAME: Final = "erased.jsonl"
"""In the data folder: who was erased, so that a database restored from before loses them again."""
INTERVAL_S: Final = 30.0
BATCH: Final = 8
"""Messages that one commit erases: each is some statements, and whoever sends meanwhile waits for the commit."""
_LOOKED_AT: Final = 2_000
_FORGOTTEN_AT_ONCE: Final = 200
_REST_IDLE: Final = 8.0
"""Rests with nobody else writing, as multiples of the time that a commit took."""
_OTHERS_US: Final = 60_000_000
"""An erasure that somebody worked at within this time is left to them."""

_log = logging.getLogger("chatserver.erasure")

_erased = measures.counter("chatserver_messages_erased", "Messages erased with their authors' accounts.")


class Erased(msgspec.Struct, frozen=True, rename="camel"):
    """One line of the file. An id is a random number: without the database it says nothing of anybody."""

    user_id: int
    epoch: str
    at: int


class Eraser:
    """Carries out erasures, those asked for here and those that a killed process has left. All users are equal."""

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        interval_s: float = INTERVAL_S,
        rests: bool = True,
        clock: Clock = now_us,
    ) -> None:
        """`folder` is that of the database. Without `rests` whoever else writes has to wait much."""
        self._store = store
        self._file = folder / FILE_NAME
        self._interval_s = interval_s
        self._rests = Rests(store, idle=_REST_IDLE) if rests else Rests(store, idle=0, busy=0)
        self._clock = clock
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Work in the background, until `close`."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="erasure")

    async def close(self) -> None:
        """Stop after the step in hand; the next start goes on there. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def begin(self, user_id: int, *, expected: str | None = None) -> bool:
        """Delete the account, if that is not done yet, and have its words erased. Durable on return. Idempotent.

        False if the password hash is not the `expected` one any more. Raises `userNotFound`.
        """
        if not await self._store.begin_erasure(user_id, expected=expected, at_work=self._task is None):
            return False
        # After the account is deleted: a name here that was refused there would be erased after the next restore.
        await self._note(user_id)
        self._wanted.set()
        return True

    async def finish(self, user_id: int) -> Erasure | None:
        """Work until an erasure is done; what it did in all, None if there was none."""
        done: Erasure | None = None
        while await self._some_messages(user_id) or await self._some_traces(user_id):
            pass
        for erasure in await self._store.erasures():
            if erasure.user_id == user_id:
                done = erasure
        await self.forget(user_id)
        if done is not None:
            _log.info("erased a user", extra={"user": user_id, "messages": done.messages, "copies": done.copies})
        return done

    async def forget(self, user_id: int) -> None:
        """Forget what is kept of a user besides messages, and an erasure that was begun."""
        while await self._some_removed(user_id):
            pass
        await self._store.finish_erasure(user_id)

    async def reapply(self) -> int:
        """Begin again what an older database, put in this one's place, does not know of; how many users."""
        known = await asyncio.to_thread(self._read)
        epochs: dict[int, str] = {line.user_id: line.epoch for line in known}
        again = 0
        for user_id, epoch in epochs.items():
            if epoch == self._store.epoch:
                continue
            account = await self._store.account(user_id)
            if account is None:  # made after that backup
                continue
            if not account.user.deleted or await self._store.has_messages(user_id):
                again += await self._store.begin_erasure(user_id)
            await self._note(user_id)
        return again

    async def _note(self, user_id: int) -> None:
        line = msgspec.json.encode(Erased(user_id, self._store.epoch, self._clock())) + b"\n"
        try:
            await asyncio.to_thread(self._append, line)
        except OSError as error:
            # The account is deleted already, and what is not noted is erased all the same.
            _log.error(
                "%s cannot be written: %s. After a restore of an older backup erase user %d again.",
                self._file,
                error.strerror,
                user_id,
            )

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._file, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # somebody was killed at this
                line = b"\n" + line
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read(self) -> list[Erased]:
        lines: list[Erased] = []
        with contextlib.suppress(FileNotFoundError):
            for number, line in enumerate(self._file.read_bytes().splitlines(), start=1):
                try:
                    lines.append(msgspec.json.decode(line, type=Erased))
                except msgspec.DecodeError:
                    _log.warning("line %d of %s cannot be read, and is passed over", number, self._file)
        return lines

    async def _some_messages(self, user_id: int) -> bool:
        self._rests.begin()
        count = await self._store.erase_messages(user_id, BATCH)
        _erased.value += count
        await self._rests.rest()
        return count == BATCH

    async def _some_removed(self, user_id: int) -> bool:
        self._rests.begin()
        count = await self._store.forget_removed(user_id, _FORGOTTEN_AT_ONCE)
        await self._rests.rest()
        return count == _FORGOTTEN_AT_ONCE

    async def _some_traces(self, user_id: int) -> bool:
        places, next_place = await self._store.traces(user_id, _LOOKED_AT)
        for start in range(0, len(places), BATCH):
            self._rests.begin()
            await self._store.erase_traces(user_id, places[start : start + BATCH], None)
            await self._rests.rest()
        if next_place is not None:
            self._rests.begin()
            await self._store.erase_traces(user_id, [], next_place)
            await self._rests.rest()
        return next_place is not None

    async def _reapply_and_tell(self) -> None:
        try:
            again = await self.reapply()
        except ChatError:
            return  # told where it was raised; the next start tries again
        except OSError as error:
            _log.error(
                "%s cannot be read: %s. Make it a file of the server's user and restart; until then nobody who was "
                "erased before a restored backup is erased again.",
                self._file,
                error.strerror,
            )
            return
        if again:
            _log.warning("%d users who were erased are in this database, and are erased again", again)

    async def _run(self) -> None:
        await self._reapply_and_tell()
        while True:
            try:
                for erasure in await self._store.erasures():
                    if erasure.worked_at < self._clock() - _OTHERS_US:
                        await self.finish(erasure.user_id)
            except ChatError as error:
                _log.warning("an erasure could not go on: %s", error.code)
            except Exception:
                # It must outlive a mistake, or what should be gone stays without a sign.
                _log.exception("erasing failed unexpectedly")
            self._wanted.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._wanted.wait()
