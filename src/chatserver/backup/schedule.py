"""Has a backup made whenever one is due, for as long as the server serves; the work is another process's."""

import asyncio
import contextlib
import logging
import shutil
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from chatserver import measures
from chatserver.backup.job import Job, Outcome, PlaceState, encode_job
from chatserver.measures import Gauge
from chatserver.ops.retries import Retries
from chatserver.settings import Settings

FIRST_S: Final = 10.0
"""Seconds after the start until the first look, so that the start itself is not slowed down."""
RETRY_S: Final = 60.0
"""Seconds after the first failure until the next try; twice as many after each further one."""
_RETRY_MAX_S: Final = 3_600.0
_SLEEP_MAX_S: Final = 6 * 3_600.0
"""Clocks are set, and folders emptied: so it is looked at the places now and then."""
_END_S: Final = 5.0
"""Seconds that the worker gets to tidy up when the server ends."""

_failures = measures.counter("chatserver_backup_failures", "Backups that were due and could not be made or verified.")
_retries = Retries("backup")
_log = logging.getLogger("chatserver.backup")


class Schedule:
    """When the next backup is due is told by the newest one, so a restart changes nothing."""

    def __init__(
        self,
        settings: Settings,
        config_file: Path | None,
        *,
        first_s: float = FIRST_S,
        retry_s: float = RETRY_S,
        worker: "Worker | None" = None,
    ) -> None:
        """`worker` holds a round in another process; tests may give another."""
        self._job = Job(settings=settings, config_file=config_file)
        self._first_s = first_s
        self._retry_s = retry_s
        self._worker = worker or run_worker
        self._states: dict[str, PlaceState] = {}
        self._seconds: dict[str, float] = {}
        self._failed = 0
        self.rounds = 0
        """How many rounds have ended."""
        self.round_ended = asyncio.Event()

    def gauges(self) -> list[Gauge]:
        """What is known of the newest backup in each place."""

        def newest(value: Callable[[PlaceState], float]) -> dict[tuple[str, ...], float]:
            return {(place,): value(state) for place, state in self._states.items()}

        return [
            Gauge(
                "chatserver_backup_interval_seconds",
                "How often a backup is due.",
                lambda: self._job.settings.backup_interval_s,
            ),
            Gauge(
                "chatserver_backup_last_success_timestamp_seconds",
                "When the newest backup was made; 0: there is none.",
                lambda: newest(lambda state: state.newest.created_at if state.newest else 0),
                ("place",),
            ),
            Gauge(
                "chatserver_backup_bytes",
                "Size of the newest backup.",
                lambda: newest(lambda state: state.newest.bytes if state.newest else 0),
                ("place",),
            ),
            Gauge(
                "chatserver_backup_seconds",
                "How long making and verifying the newest backup took; only if this process has seen it.",
                lambda: {(place,): seconds for place, seconds in self._seconds.items()},
                ("place",),
            ),
        ]

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.sleep(self._first_s)
        while True:
            outcome = await self._worker(self._job)
            pause = self._take(outcome)
            self.rounds += 1
            self.round_ended.set()
            await asyncio.sleep(pause)

    def _take(self, outcome: Outcome) -> float:
        """Say and note what became of a round; seconds until the next."""
        errors = [outcome.error] if outcome.error else []
        for state in outcome.places:
            self._states[state.place] = state
            if state.error:
                errors.append(state.error)
            elif state.made_s is not None and state.newest is not None:
                self._seconds[state.place] = state.made_s
                self._tell(state)
        if errors:
            _failures.value += 1
            self._failed += 1
            pause: float = min(self._retry_s * 2.0 ** min(self._failed - 1, 16), _RETRY_MAX_S)
            _retries.failed(pause)
            for error in errors:
                _log.error("a backup failed, and is tried again in %.0f s: %s", pause, error)
            return pause
        self._failed = 0
        _retries.succeeded()
        due = min((state.due_at for state in outcome.places), default=time.time() + _SLEEP_MAX_S)
        return max(1.0, min(due - time.time(), _SLEEP_MAX_S))

    def _tell(self, state: PlaceState) -> None:
        assert state.newest is not None
        made = state.newest
        _log.info(
            "a backup was made",
            extra={
                "backup": made.name,
                "place": state.place,
                "bytes": made.bytes,
                "seconds": round(state.made_s or 0, 1),
                "verified": made.verified_at is not None,
                "removed": state.removed,
            },
        )
        if made.problems:
            _log.error(
                "stored files are missing or damaged on this server: %d; 'chatserver verify' names the first",
                made.problems,
            )


Worker = Callable[[Job], Awaitable[Outcome]]


@contextlib.asynccontextmanager
async def scheduled_backups(
    settings: Settings,
    config_file: Path | None,
    gauges: list[Gauge],
    first_s: float = FIRST_S,
    retry_s: float = RETRY_S,
) -> AsyncIterator[Schedule | None]:
    """Backups as the settings want them, while the block runs; none if they name no place. Adds to `gauges`."""
    if settings.backup_dir is None and not settings.backup_s3_bucket:
        yield None
        return
    schedule = Schedule(settings, config_file, first_s=first_s, retry_s=retry_s)
    gauges += schedule.gauges()
    task = asyncio.get_running_loop().create_task(schedule.run(), name="backups")
    try:
        yield schedule
    finally:
        task.cancel()
        await asyncio.wait([task])


async def run_worker(job: Job) -> Outcome:
    """Hold a round in a process of its own. When cancelled, the process tidies up and ends."""
    polite = ("ionice", "-t", "-c", "3") if shutil.which("ionice") else ()
    process = await asyncio.create_subprocess_exec(
        *(*polite, sys.executable, "-m", "chatserver.backup.worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate(encode_job(job))
    finally:
        if process.returncode is None:
            await asyncio.shield(_ended(process))
    try:
        return msgspec.json.decode(said, type=Outcome)
    except msgspec.DecodeError:
        return Outcome(error=f"The process that makes backups ended with code {process.returncode}.")


async def _ended(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_END_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
