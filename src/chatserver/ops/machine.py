"""The process and its machine, as metrics: which build it is, and how much processor, memory, disk and clock it has."""

import os
import platform
import resource
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

from chatserver import measures
from chatserver.measures import Gauge, Reading

_BLOCK_BYTES: Final = 512
"""In which `getrusage` counts what is read from and written to disks."""
_STEP_S: Final = 0.5
"""A change of the wall clock against the steady one by more than this is a step; NTP corrects less without one."""
_CGROUP: Final = Path("/sys/fs/cgroup")

_steps = measures.counter("chatserver_clock_steps", "Times that somebody set the machine's clock while the server ran.")


class ClockWatch:
    """Notices when the wall clock is set, by comparing it with the steady one."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._steady = steady
        self._offset = wall() - steady()

    def look(self) -> float:
        """By how many seconds the clock was set since the last look; 0 if it was not."""
        offset = self._wall() - self._steady()
        step, self._offset = offset - self._offset, offset
        if abs(step) < _STEP_S:
            return 0.0
        _steps.value += 1
        return step


def gauges(engine: tuple[str, str]) -> list[Gauge]:
    """`engine` is the store's name and version. To be read on the event loop's thread."""
    build: Reading = {(version("chatterm"), platform.python_version(), engine[1]): 1.0}
    limit, started = memory_limit_bytes(), time.time()
    return [
        Gauge("chatserver_build_info", "What runs; the value is 1.", lambda: build, ("version", "python", engine[0])),
        Gauge("chatserver_start_time_seconds", "When it was started, in seconds since 1970 UTC.", lambda: started),
        Gauge("chatserver_clock_seconds", "The server's clock, in seconds since 1970 UTC.", time.time),
        Gauge("chatserver_cpus", "Processors that the server may use.", lambda: len(os.sched_getaffinity(0))),
        Gauge("chatserver_memory_limit_bytes", "Memory that the server may use.", lambda: limit),
        Gauge(
            "chatserver_event_loop_cpu_seconds",
            "Processor time of the event loop's thread; at 1 second a second nothing more fits.",
            time.thread_time,
            counts=True,
        ),
        _usage("chatserver_major_page_faults", "Pages of memory that had to be read from disk.", "ru_majflt"),
        _usage(
            "chatserver_disk_read_bytes", "Read from disks, not from the system's cache.", "ru_inblock", _BLOCK_BYTES
        ),
        _usage("chatserver_disk_written_bytes", "Written to disks.", "ru_oublock", _BLOCK_BYTES),
    ]


def memory_limit_bytes(cgroup: Path = _CGROUP) -> int:
    """What the machine has, or less if the process's control group (version 2) allows less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        own = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip().lstrip("/")
        limit = (cgroup / own / "memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdecimal() else total


def _usage(name: str, help_text: str, field: str, unit: int = 1) -> Gauge:
    def read() -> float:
        return float(getattr(resource.getrusage(resource.RUSAGE_SELF), field) * unit)

    return Gauge(name, help_text, read, counts=True)
