"""`chatserver bench`."""

import argparse

from chatserver.bench.main import run
from chatserver.bench.scenarios import SCENARIOS
from chatserver.cli.exits import Exit, fail


def bench(arguments: argparse.Namespace) -> int:
    """Measure a server of its own."""
    unknown = [name for name in arguments.scenario if name not in SCENARIOS]
    if unknown:
        return fail(Exit.USAGE, f"There is no scenario {unknown[0]!r}; these exist: {', '.join(SCENARIOS)}.")
    names = list(dict.fromkeys(arguments.scenario)) or list(SCENARIOS)
    return run(names, runs=arguments.runs, seconds=arguments.seconds, as_json=arguments.json)
