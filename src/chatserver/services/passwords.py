"""Password hashing with Argon2id in a bounded thread pool, so that a flood of logins cannot stall the chat."""

import asyncio
import logging
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter
from typing import Final, TypeVar

import argon2

from chatproto import limits
from chatproto.errors import ChatError
from chatserver import measures

MEMORY_KIB: Final = 19_456
TIME_COST: Final = 2
PARALLELISM: Final = 1
"""OWASP's minimum for Argon2id: 19 MiB, two passes, one lane (Password Storage Cheat Sheet)."""
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16


_log = logging.getLogger("chatserver.auth")

_seconds = measures.histogram("chatserver_password_seconds", "For hashing or checking a password, waiting included.")
_turned_away = measures.counter("chatserver_passwords_turned_away", "Passwords not looked at, as too many waited.")

_busy = measures.counter("chatserver_password_busy_seconds", "Of the hashing threads' time, what hashing took.")

T = TypeVar("T")


def _unpadded(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")


NOBODYS_HASH: Final = (
    f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p={PARALLELISM}"
    f"${_unpadded(bytes(_SALT_BYTES))}${_unpadded(bytes(_HASH_BYTES))}"
)
"""Well formed, but no password is known for it: checking it costs what checking a real one costs."""


class PasswordPool:
    """Hashes and checks passwords on a few threads with a bounded waiting line.

    Both methods raise `ChatError` `overloaded`, with a time to wait, when the line is full.
    """

    def __init__(self, *, threads: int = 1, waiting: int = 64) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=TIME_COST,
            memory_cost=MEMORY_KIB,
            parallelism=PARALLELISM,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        self._threads = threads
        self._capacity = threads + waiting
        self._pending = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")

    async def hash(self, password: str) -> str:
        """The PHC string of a new password. Raises `passwordInvalid` for one that is too short or too long."""
        check_length(password)
        return await self._submit(partial(self._hasher.hash, _prepared(password)))

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is right; for an unknown account (None) no, after the same work."""
        known = password_hash is not None and password_hash.startswith("$argon2id$")
        tried = password_hash if known and password_hash else NOBODYS_HASH
        return await self._submit(partial(self._matches, tried, _prepared(password))) and known

    @property
    def pending(self) -> int:
        """Passwords that are being hashed or wait for it."""
        return self._pending

    @property
    def threads(self) -> int:
        """Threads that hash."""
        return self._threads

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """End the threads after the hash in hand; waiting callers are cancelled."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _matches(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except argon2.exceptions.VerifyMismatchError:
            return False
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError) as error:
            _log.error("a stored password hash cannot be checked: %s", error)
            return False

    async def _submit(self, work: Callable[[], T]) -> T:
        if self._pending >= self._capacity:
            _turned_away.value += 1
            raise ChatError("overloaded", retry_after=max(1.0, 0.05 * self._pending / self._threads))
        self._pending += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, partial(_timed, work))
        future.add_done_callback(self._finished)
        with _seconds.time():
            return (await future)[0]

    def _finished(self, future: "asyncio.Future[tuple[T, float]]") -> None:
        self._pending -= 1
        if not future.cancelled() and future.exception() is None:
            _busy.value += future.result()[1]


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = perf_counter()
    return work(), perf_counter() - started


def check_length(password: str) -> None:
    """Raise `passwordInvalid` for a password that is too short or too long."""
    if not limits.PASSWORD_MIN_CHARS <= len(password) <= limits.PASSWORD_MAX_CHARS:
        raise ChatError("passwordInvalid")


def _prepared(password: str) -> bytes:
    # Keyboards differ in how they compose accents (RFC 8265, section 4.2.2, asks for NFC).
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
