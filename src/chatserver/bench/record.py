"""What `chatserver bench` has measured, as it is printed: a table, or one JSON object (`docs/schema/bench.json`)."""

import os
import platform
import sqlite3
import statistics
import time
from collections.abc import Mapping

import msgspec

from chatserver.bench.scenarios import Sizes

FORMAT = 2
_FULL = 95.0
"""Percent of a core from which the generator is what is measured."""

Values = Mapping[str, Mapping[tuple[str, str], list[float]]]
"""Values of all runs, by scenario, and by name and unit."""


class Part(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Base of all parts."""


class Figure(Part, frozen=True, kw_only=True):
    """One thing measured: the median, least and most of its values, and these in the order of the runs."""

    scenario: str
    name: str
    unit: str
    median: float
    least: float
    most: float
    values: list[float]


class Machine(Part, frozen=True, kw_only=True):
    """Where it was measured; `loadAverage` is that of the last minute, at the end."""

    cores: int
    load_average: float
    system: str
    python: str
    sqlite: str


class SizesTold(Part, frozen=True, kw_only=True):
    """How large the loads were; `outstanding` null: 32 for fan-out, 16 for each pair."""

    members: int
    pairs: int
    outstanding: int | None
    connections: int
    messages: int


class Record(Part, frozen=True, kw_only=True):
    """A whole benchmark. `format` is raised when a field changes its meaning; `at` is in seconds since 1970 UTC.

    `running`: it was a server that ran already, not one of the benchmark's own.
    """

    format: int
    at: float
    version: str
    running: bool
    runs: int
    seconds: float
    sizes: SizesTold
    machine: Machine
    figures: list[Figure]


def record(values: Values, *, version: str, running: bool, runs: int, seconds: float, sizes: Sizes) -> Record:
    """Put everything together."""
    return Record(
        format=FORMAT,
        at=time.time(),
        version=version,
        running=running,
        runs=runs,
        seconds=seconds,
        sizes=SizesTold(**vars(sizes)),
        machine=Machine(
            cores=os.cpu_count() or 1,
            load_average=os.getloadavg()[0],
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=platform.python_version(),
            sqlite=sqlite3.sqlite_version,
        ),
        figures=[
            Figure(
                scenario=scenario,
                name=name,
                unit=unit,
                median=statistics.median(found),
                least=min(found),
                most=max(found),
                values=found,
            )
            for scenario, figures in values.items()
            for (name, unit), found in figures.items()
        ],
    )


def table(measured: Record) -> str:
    """For people."""
    lines = [f"{'scenario':<12} {'figure':<44} {'median':>12} {'least':>12} {'most':>12} unit"]
    for one in measured.figures:
        numbers = " ".join(f"{_shown(value):>12}" for value in (one.median, one.least, one.most))
        full = "  the generator is full" if one.name.endswith("generator") and one.most > _FULL else ""
        lines.append(f"{one.scenario:<12} {one.name:<44} {numbers} {one.unit}{full}")
    return "".join(f"{line}\n" for line in lines)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
