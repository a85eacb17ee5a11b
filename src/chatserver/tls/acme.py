"""Gets a certificate by ACME and renews it in time, with bounded tries; the one in use is never put at risk."""

import asyncio
import contextlib
import logging
import os
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from chatserver import measures
from chatserver.ops.retries import Retries
from chatserver.settings import Settings
from chatserver.tls.acme_words import (
    ADVICE,
    DIRECTORIES,
    Answer,
    Challenges,
    Failed,
    Issued,
    Order,
    Question,
    RenewalQuestion,
    RenewalTime,
)
from chatserver.tls.certificate import ACME_FOLDER, Certificate, CertificateError, PairFiles, read
from chatserver.tls.files import replace_file
from chatserver.tls.live import LiveCertificate
from chatserver.tls.plain import PlainHttp

_log = logging.getLogger("chatserver.tls")

_RENEWAL_SHARE: Final = 2 / 3
"""Share of a certificate's life after which it is renewed, unless its CA says otherwise."""
_JITTER: Final = 0.02
"""Share of a certificate's life by which renewals of many servers are spread."""
_HOUR_S: Final = 3_600.0
_TRIES_PER_HOUR: Final = 4
"""Let's Encrypt takes five failures an hour for a name, https://letsencrypt.org/docs/rate-limits/."""
_BACKOFF_S: Final = 60.0
_BACKOFF_MAX_S: Final = 12 * _HOUR_S
_REST_S: Final = 60.0
"""Least seconds from one certificate to the next, however short it lives."""
_ASK_S: Final = 12 * _HOUR_S
"""Seconds between two questions whether the CA wants an early renewal (RFC 9773)."""
_WORK_S: Final = 240.0
_LINE_MAX_BYTES: Final = 1 << 20

_retries = Retries("acme")
_orders = measures.counter("chatserver_acme_orders", "Certificates asked for by ACME, by what became of it.", "outcome")


class _State(msgspec.Struct):
    """What is remembered of earlier tries, so that restarts do not use up what the CA allows."""

    directory: str = ""
    """Where the certificate is from."""
    failures: int = 0
    """In a row."""
    tries: list[float] = []
    """Unix times of failures in the last hour."""
    next_try: float = 0.0
    reason: str = ""
    told_until: float = 0.0
    """Unix time before which the CA will not hear again of what `told_of` names: where it is, and the names."""
    told_of: list[str] = []


class AcmeKeeper:
    """Keeps one certificate for the names in the settings."""

    def __init__(self, settings: Settings, plain: PlainHttp, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._plain = plain
        self._share = _RENEWAL_SHARE - random.uniform(0, _JITTER)  # noqa: S311 - no secret
        self._clock = clock
        self._folder = settings.data / ACME_FOLDER
        self._path = self._folder / "certificate.pem"
        self._directory = DIRECTORIES.get(settings.acme_directory, settings.acme_directory)
        self._state = self._load()
        self._early: float | None = None
        self._ask_at = 0.0

    async def first(self) -> None:
        """Have a certificate: the one that is there, however old, or a new one. Raises `CertificateError`."""
        if self._usable():
            return
        now = self._clock()
        recent = [at for at in self._state.tries if now - at < _HOUR_S]
        waiting = self._state.next_try if len(recent) >= _TRIES_PER_HOUR else 0.0
        if self._state.told_of == self._asked_for():
            waiting = max(waiting, self._state.told_until)
        if waiting > now:
            raise CertificateError(
                "acmeWaiting",
                f"There is no certificate yet, and after {len(recent)} failures within an hour the CA is not asked "
                f"again before {_moment(waiting)}. The last one: {self._state.reason}",
            )
        _log.info("asking for a certificate", extra={"names": ",".join(self._settings.domain), "ca": self._directory})
        await self._try()

    async def keep(self, live: LiveCertificate) -> None:
        """Renew in time, until cancelled."""
        while True:
            wait = max(await self._due(live.certificate), self._state.next_try) - self._clock()
            if wait > 0:  # in short steps: a machine may sleep, and its clock be set
                await asyncio.sleep(min(wait, _HOUR_S))
                continue
            try:
                await self._try()
            except CertificateError as error:
                _log.error("%s The next try: %s", error, _moment(self._state.next_try))
            else:
                live.reload()

    def _usable(self) -> bool:
        try:
            found, _ = read(PairFiles(self._path, self._path))
        except CertificateError:
            return False
        return any(found.covers(name) for name in self._settings.domain)

    async def _due(self, found: Certificate) -> float:
        """When to renew; at once if the certificate is another CA's or lacks a name."""
        names = self._settings.domain
        if self._state.directory != self._directory or not all(found.covers(name) for name in names):
            return 0.0
        at = found.not_before + (found.not_after - found.not_before) * self._share
        now = self._clock()
        if now >= self._ask_at and now < at:
            self._ask_at = now + _ASK_S
            self._early = await self._wanted()
        return at if self._early is None else min(at, self._early)

    async def _wanted(self) -> float | None:
        try:
            chain = self._path.read_text(encoding="ascii")
        except (OSError, ValueError):  # the plan without the CA's wish stays
            return None
        question = RenewalQuestion(directory=self._directory, ca_file=self._ca_file(), chain=chain)
        answer = await self._work(question)
        return answer.at if isinstance(answer, RenewalTime) else None

    async def _try(self) -> None:
        """Get one now. Raises `CertificateError`, after which `next_try` is later."""
        order = Order(
            directory=self._directory,
            ca_file=self._ca_file(),
            account=str(self._folder / f"account-{_file_name(self._directory)}.json"),
            email=self._settings.acme_email,
            domains=self._settings.domain,
        )
        answer = await self._work(order)
        if isinstance(answer, Issued):
            try:
                self._take(answer)
            except OSError as error:
                answer = Failed("other", f"{self._folder} cannot be written: {error.strerror}")
            else:
                return
        failed = answer if isinstance(answer, Failed) else Failed("other", "the helper process gave no answer")
        raise self._failure(failed)

    def _take(self, issued: Issued) -> None:
        replace_file(self._path, (issued.key + issued.chain).encode())
        now = self._clock()
        self._save(_State(directory=self._directory, next_try=now + _REST_S))
        self._early = None
        self._ask_at = now + _ASK_S
        _orders.add(1, "issued")
        _retries.succeeded()

    def _failure(self, failed: Failed) -> CertificateError:
        now, state = self._clock(), self._state
        code, advice = ADVICE.get(failed.kind, ADVICE["other"])
        error = CertificateError(
            code, f"No certificate for {', '.join(self._settings.domain)}: {failed.detail.rstrip('.')}. {advice}"
        )
        _orders.add(1, code)
        tries = [at for at in state.tries if now - at < _HOUR_S] + [now]
        wait = min(_BACKOFF_MAX_S, _BACKOFF_S * 2.0**state.failures) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        if len(tries) >= _TRIES_PER_HOUR:
            wait = max(wait, tries[-_TRIES_PER_HOUR] + _HOUR_S - now)
        again = max(now + wait, failed.retry_at or 0.0)
        _retries.failed(again - now)
        told = failed.retry_at or 0.0
        self._save(
            _State(state.directory, min(state.failures + 1, 20), tries, again, str(error), told, self._asked_for())
        )
        return error

    def _asked_for(self) -> list[str]:
        return [self._directory, *self._settings.domain]

    async def _work(self, question: Question) -> Answer | None:
        """Let a process of its own do it; None if it does not answer as it should."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "chatserver.tls.acme_worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if not name.startswith("CHATSERVER_")},
            limit=_LINE_MAX_BYTES,
        )
        try:
            async with asyncio.timeout(_WORK_S):
                return await self._converse(process, question)
        except TimeoutError:
            return Failed("timeout", f"it took longer than {_WORK_S:.0f} seconds")
        except (OSError, ValueError):  # it ended, or said what it should not
            return None
        finally:
            self._plain.challenges = {}
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())

    async def _converse(self, process: asyncio.subprocess.Process, question: Question) -> Answer:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(question) + b"\n")
        answer: Answer = msgspec.json.decode(await process.stdout.readline(), type=Answer)
        if isinstance(answer, Challenges):
            self._plain.challenges = answer.answers
            process.stdin.write(b"\n")
            answer = msgspec.json.decode(await process.stdout.readline(), type=Answer)
        process.stdin.close()
        return answer

    def _ca_file(self) -> str | None:
        return str(self._settings.acme_ca_file) if self._settings.acme_ca_file else None

    def _load(self) -> _State:
        try:
            return msgspec.json.decode((self._folder / "state.json").read_bytes(), type=_State)
        except (OSError, msgspec.DecodeError):
            return _State()

    def _save(self, state: _State) -> None:
        self._state = state
        with contextlib.suppress(OSError):  # a full disk: it is remembered as long as the process lives
            replace_file(self._folder / "state.json", msgspec.json.encode(state))


def _file_name(directory: str) -> str:
    """A CA as part of a file's name: each has accounts of its own."""
    return "".join(character if character.isalnum() else "-" for character in directory.removeprefix("https://"))[:100]


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
