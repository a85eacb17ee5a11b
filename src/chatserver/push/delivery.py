"""Delivers pushes: a bounded queue, a few workers, retries with backoff, and endpoints pruned that are gone."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from chatproto.errors import ChatError
from chatserver import measures
from chatserver.clock import Clock
from chatserver.ops.retries import Retries
from chatserver.push.client import Answer, PushClient
from chatserver.push.sealing import Sealed, Signer
from chatserver.store.base import Store
from chatserver.store.interfaces.push import PushRecord

_WORKERS: Final = 4
_WAITING_MAX: Final = 1_000
_ATTEMPTS_MAX: Final = 6
_BACKOFF_CAP_S: Final = 300.0
_TTL_S: Final = 86_400
"""How long a push service keeps a push for a receiver that is off."""
_PRUNE_AFTER_US: Final = 3 * 86_400 * 1_000_000
"""An endpoint that has refused everything for so long is removed."""
_GONE: Final = {404, 410}
_AGAIN: Final = {408, 425, 429}

logger = logging.getLogger(__name__)

_outcomes = measures.counter(
    "chatserver_pushes",
    "Pushes delivered, failed, retried, dropped from a full queue, and endpoints pruned.",
    "outcome",
    values=("delivered", "failed", "retried", "dropped", "pruned"),
)
_seconds = measures.histogram("chatserver_push_seconds", "For one attempt to post a push, until it is answered.")
_retries = Retries("push")


@dataclass(frozen=True, slots=True)
class Job:
    """One push to one endpoint. `topic` lets a newer push replace one that still waits at the push service."""

    record: PushRecord
    content: bytes
    topic: str
    urgent: bool
    still_wanted: Callable[[], Awaitable[bool]]
    attempt: int = 1


class Delivery:
    """Takes pushes and posts them in the background. What waits is lost with the process; the messages are not."""

    def __init__(self, store: Store, client: PushClient, signer: Signer, *, clock: Clock, backoff_s: float) -> None:
        """`backoff_s`: the first retry comes after up to so many seconds, each later one after up to twice as many."""
        self._store = store
        self._client = client
        self._signer = signer
        self._clock = clock
        self._backoff_s = backoff_s
        self._waiting: deque[Job] = deque()
        self._wanted = asyncio.Semaphore(0)
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: dict[asyncio.TimerHandle, object] = {}

    @property
    def waiting(self) -> int:
        """Pushes that are not delivered yet, those that wait for a retry among them."""
        return len(self._waiting) + len(self._later)

    def start(self) -> None:
        """Begin to deliver."""
        for number in range(_WORKERS):
            self._tasks.add(asyncio.get_running_loop().create_task(self._work(), name=f"push-{number}"))

    async def close(self) -> None:
        """Stop; what waits is lost. Idempotent."""
        for timer, pause in self._later.items():
            timer.cancel()
            _retries.end(pause)
        self._later.clear()
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._client.close()

    def take(self, job: Job) -> None:
        """Deliver soon. When too many wait, the oldest is dropped: the newest says more."""
        if self.waiting >= _WAITING_MAX and self._waiting:
            self._waiting.popleft()
            _outcomes.add(1, "dropped")
        else:
            self._wanted.release()
        self._waiting.append(job)

    async def deliver_now(self, record: PushRecord, content: bytes) -> Answer:
        """One attempt, for a user who wants to try an endpoint. Raises `OSError` if there was no answer."""
        return await self._post(Job(record, content, "", True, _always))

    async def _work(self) -> None:
        while True:
            await self._wanted.acquire()
            if self._waiting:
                await self._attempt(self._waiting.popleft())

    async def _attempt(self, job: Job) -> None:
        try:
            if await job.still_wanted():
                await self._settle(job, await self._answer(job))
        except ChatError as error:
            logger.warning("a push is given up: %s", error.code)
        except Exception:  # a defect met by one push must not end the worker
            logger.exception("a push failed unexpectedly")

    async def _answer(self, job: Job) -> Answer | None:
        try:
            return await self._post(job)
        except OSError as error:
            logger.info("push endpoint %d cannot be reached: %s", job.record.id, error)
            return None

    async def _post(self, job: Job) -> Answer:
        now_s = self._clock() / 1_000_000
        sealed: Sealed = await asyncio.to_thread(self._signer.seal, job.record, job.content, int(now_s))
        headers = {
            "Authorization": sealed.authorization,
            "Content-Type": "application/octet-stream",
            "Content-Encoding": "aes128gcm",
            "Content-Length": str(len(sealed.body)),
            "TTL": str(_TTL_S),
            "Urgency": "high" if job.urgent else "normal",
        }
        if job.topic:
            headers["Topic"] = job.topic
        with _seconds.time():
            return await self._client.post(job.record.endpoint, sealed.body, headers, now_s)

    async def _settle(self, job: Job, answer: Answer | None) -> None:
        record = job.record
        if answer is not None and 200 <= answer.status < 300:
            _outcomes.add(1, "delivered")
            if record.failing_since is not None:
                await self._store.note_push(record.id, failed=False)
            return
        if answer is not None and answer.status in _GONE:
            await self._prune(record)
            return
        again = answer is None or answer.status in _AGAIN or answer.status >= 500
        pause = (answer.retry_after if answer is not None else None) or 0.0
        if again and pause <= _TTL_S and job.attempt < _ATTEMPTS_MAX and len(self._later) < _WAITING_MAX:
            self._retry(job, pause)
            return
        _outcomes.add(1, "failed")
        if answer is not None:
            logger.info("push endpoint %d answers %d", record.id, answer.status)
        if record.failing_since is not None and self._clock() - record.failing_since > _PRUNE_AFTER_US:
            await self._prune(record)
        else:
            await self._store.note_push(record.id, failed=True)

    async def _prune(self, record: PushRecord) -> None:
        await self._store.remove_push(record.id)
        _outcomes.add(1, "pruned")
        logger.info("push endpoint %d of user %d is gone and was removed", record.id, record.user_id)

    def _retry(self, job: Job, least_s: float) -> None:
        """Let the workers take it once more, after a random delay of at least so many seconds."""
        _outcomes.add(1, "retried")
        most = min(_BACKOFF_CAP_S, self._backoff_s * 2 ** (job.attempt - 1))
        delay = max(random.uniform(0, most), least_s)  # noqa: S311 - jitter is no secret
        timer: asyncio.TimerHandle

        def begin() -> None:
            _retries.end(self._later.pop(timer, None))
            self.take(replace(job, attempt=job.attempt + 1))

        timer = asyncio.get_running_loop().call_later(delay, begin)
        self._later[timer] = _retries.begin(delay)


async def _always() -> bool:
    return True
