"""Whether this server can do its work now: what a load balancer or a person asks before sending anybody here."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from chatproto.errors import ChatError
from chatproto.rest import Check, Readiness
from chatserver.bus.memory import MemoryBus
from chatserver.store.base import Store

FRESH_S: Final = 1.0
"""For so long an answer is given again: asking often costs no more than asking once a second."""
_PATIENCE_S: Final = 2.0

_RUNNING: Final = Check(name="running", ok=True)

Judge = Callable[[], Awaitable[str]]
"""Looks at one thing; returns why it is not well, or nothing if it is."""


class HealthChecks:
    """Answers from checks made at most once a second, all at the same time."""

    def __init__(
        self,
        checks: Mapping[str, Judge],
        *,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """`checks` by name; `clock` gives seconds; a check that takes longer than `patience_s` has failed."""
        self._checks = dict(checks)
        self._clock = clock
        self._patience_s = patience_s
        self._stopping = False
        self._known: asyncio.Task[list[Check]] | None = None
        self._known_at = 0.0

    def add(self, name: str, judge: Judge) -> None:
        """One more check, of something that only some servers have."""
        self._checks[name] = judge

    def stop(self) -> None:
        """From now on the server is not ready: it ends."""
        self._stopping = True

    async def readiness(self) -> Readiness:
        """Every check, and whether all of them went well."""
        if self._known is None or self._clock() - self._known_at >= FRESH_S:
            self._known_at = self._clock()
            self._known = asyncio.get_running_loop().create_task(self._look(), name="readiness")
        # Several may wait for one look; one that gives up must not take it from the others.
        checks = list(await asyncio.shield(self._known))
        checks.append(Check(name="running", ok=False, detail="The server stops.") if self._stopping else _RUNNING)
        return Readiness(ready=all(check.ok for check in checks), checks=checks)

    async def _look(self) -> list[Check]:
        return await asyncio.gather(*(self._check(name, judge) for name, judge in self._checks.items()))

    async def _check(self, name: str, judge: Judge) -> Check:
        try:
            async with asyncio.timeout(self._patience_s):
                complaint = await judge()
        except TimeoutError:
            complaint = f"No answer within {self._patience_s:g} seconds."
        except ChatError as error:
            complaint = error.message
        except OSError:
            complaint = "The system refuses to tell."
        return Check(name=name, ok=not complaint, detail=complaint)


def bus_check(bus: MemoryBus) -> Judge:
    """Whether every part of the server takes what is committed."""

    async def judge() -> str:
        return bus.complaint()

    return judge


def store_checks(store: Store, data: Path, disk_free_min_bytes: int) -> dict[str, Judge]:
    """What a server on one store depends on: a write is tried, the disk must have room, the schema must be known."""

    async def database() -> str:
        await store.check_writable()
        return ""

    async def disk() -> str:
        free = (await asyncio.to_thread(shutil.disk_usage, data)).free
        return "" if free >= disk_free_min_bytes else "Too little space is left. Free some, or make the disk larger."

    async def schema() -> str:
        return "" if await store.schema_is_current() else "The schema is another version's. Restart the server."

    return {"database": database, "disk": disk, "schema": schema}
