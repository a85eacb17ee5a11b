"""What takes a moment to find out (sizes, free space, readiness), for the metrics: looked at when they are read."""

import asyncio
import logging
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from chatproto.errors import ChatError
from chatserver.measures import Gauge, Reading
from chatserver.ops.health import HealthChecks
from chatserver.store.base import Store
from chatserver.store.interfaces.state import StoreState

FRESH_S: Final = 1.0
"""For so long what was found is used again, however often the metrics are read."""
_PATIENCE_S: Final = 3.0
"""Seconds that metrics wait for it; then they tell what is known, so that a stuck disk does not hide all the rest."""

_log = logging.getLogger("chatserver.metrics")


class Survey:
    """Looks once for all who ask at the same time. What could not be looked at is left out, not told as it was."""

    def __init__(
        self, store: Store, data: Path, health: HealthChecks, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`data` is the folder whose disk counts; `clock` gives seconds."""
        self._store = store
        self._data = data
        self._health = health
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -FRESH_S
        self._state: StoreState | None = None
        self._disk: tuple[int, int] | None = None
        self._ready: Mapping[tuple[str, ...], float] = {}

    async def refresh(self) -> None:
        """Look again, unless somebody has just done so; waits for at most three seconds."""
        now = self._clock()
        if self._looking is None or (self._looking.done() and now - self._looked_at >= FRESH_S):
            self._looked_at = now
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="survey")
        done, _ = await asyncio.wait((self._looking,), timeout=_PATIENCE_S)
        if not done:
            self._state, self._disk = None, None

    async def close(self) -> None:
        """Stop looking. Idempotent."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait((self._looking,))

    async def _look(self) -> None:
        readiness = await self._health.readiness()
        self._ready = {(check.name,): float(check.ok) for check in readiness.checks}
        try:
            usage = await asyncio.to_thread(shutil.disk_usage, self._data)
            self._disk = (usage.total, usage.free)
            self._state = await self._store.state()
        except (ChatError, OSError) as error:
            self._state = None
            _log.warning("sizes cannot be told in the metrics: %s", error)

    def gauges(self) -> list[Gauge]:
        """What was found."""
        return [
            Gauge("chatserver_ready", "Whether a check of /readyz went well (1) or not (0).", self._checks, ("check",)),
            Gauge("chatserver_disk_bytes", "Size of the disk that holds the data.", self._disk_part(0)),
            Gauge("chatserver_disk_free_bytes", "Of it, what is free for the server.", self._disk_part(1)),
            Gauge("chatserver_database_bytes", "Sizes of the database's files.", self._files, ("file",)),
            Gauge(
                "chatserver_database_unused_bytes",
                "Of the database, what new rows take before it grows.",
                self._of_state(lambda state: state.unused_bytes),
            ),
            Gauge(
                "chatserver_file_storage_bytes",
                "Everybody's files as the quotas count them.",
                self._of_state(lambda state: state.file_bytes),
            ),
            Gauge(
                "chatserver_schema_version",
                "Number of the newest migration that the database has.",
                self._of_state(lambda state: state.schema),
            ),
        ]

    def _checks(self) -> Reading:
        return self._ready

    def _files(self) -> Reading:
        return {(part,): size for part, size in self._state.parts.items()} if self._state else {}

    def _disk_part(self, index: int) -> Callable[[], Reading]:
        return lambda: self._disk[index] if self._disk is not None else None

    def _of_state(self, read: Callable[[StoreState], float]) -> Callable[[], Reading]:
        return lambda: read(self._state) if self._state is not None else None
