"""`chatserver bench`, once its arguments are known: scenarios several times, medians with their spread."""

import asyncio
import gc
import json
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from chatserver.bench.load import BrokenPromiseError
from chatserver.bench.scenarios import HISTORY, SCENARIOS, build
from chatserver.bench.world import chat_server, new_world, pin_generator
from chatserver.cli.exits import Exit, fail, say

_FILES: Final = 16_384
_FULL: Final = 95.0
"""Percent of a core from which the generator is what is measured."""

Values = dict[str, dict[tuple[str, str], list[float]]]


def run(names: Sequence[str], *, runs: int, seconds: float, as_json: bool) -> Exit:
    """Run the scenarios; the scratch folder and the server go with the end, also with Ctrl-C."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, _FILES) if hard > 0 else _FILES, hard))
    pin_generator()
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="chatserver-bench-") as folder:
        try:
            values = asyncio.run(_measure(Path(folder) / "data", names, runs, seconds))
        except BrokenPromiseError as error:
            return fail(Exit.PROMISE_BROKEN, f"The promise is broken: {error}.")
        except (OSError, RuntimeError) as error:
            return fail(Exit.REFUSED, f"The benchmark could not go on: {error}")
    sys.stdout.write(json.dumps(_record(values, runs, seconds)) + "\n" if as_json else _table(values))
    sys.stdout.flush()
    return Exit.OK


async def _measure(data: Path, names: Sequence[str], runs: int, seconds: float) -> Values:
    say("Preparing a server of its own in a scratch folder.")
    async with new_world(data) as world:
        scene = await build(data, world, seconds, history=HISTORY if {"history", "search"} & set(names) else 0)
    values: Values = {name: {} for name in names}
    for number in range(runs):
        for name in names:
            say(f"run {number + 1} of {runs}: {name}")
            with chat_server(data) as server:
                for what, value in (await SCENARIOS[name](scene, server)).items():
                    values[name].setdefault(what, []).append(value)
    return values


def _table(values: Values) -> str:
    lines = [f"{'scenario':<12} {'figure':<42} {'median':>12} {'least':>12} {'most':>12} unit"]
    for name, figures in values.items():
        for (what, unit), found in figures.items():
            numbers = " ".join(f"{_shown(value):>12}" for value in (statistics.median(found), min(found), max(found)))
            full = "  the generator is full" if what == "generator" and max(found) > _FULL else ""
            lines.append(f"{name:<12} {what:<42} {numbers} {unit}{full}")
    return "".join(f"{line}\n" for line in lines)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _record(values: Values, runs: int, seconds: float) -> dict[str, Any]:
    return {
        "format": 1,
        "runs": runs,
        "seconds": seconds,
        "cores": os.cpu_count(),
        "loadAverage": os.getloadavg()[0],
        "figures": [
            {
                "scenario": name,
                "name": what,
                "unit": unit,
                "median": statistics.median(found),
                "values": found,
            }
            for name, figures in values.items()
            for (what, unit), found in figures.items()
        ],
    }
