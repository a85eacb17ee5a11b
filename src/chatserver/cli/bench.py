"""`chatserver bench`."""

import argparse

from chatserver import config
from chatserver.bench.main import Plan, clean, run
from chatserver.bench.scenarios import SCENARIOS, Sizes
from chatserver.cli.exits import Exit, fail
from chatserver.store.errors import StoreUnusableError


def bench(arguments: argparse.Namespace) -> int:
    """Measure a server of its own, or the one that runs here."""
    unknown = [name for name in arguments.scenario if name not in SCENARIOS]
    if unknown:
        return fail(Exit.USAGE, f"There is no scenario {unknown[0]!r}; these exist: {', '.join(SCENARIOS)}.")
    sizes = Sizes(
        members=arguments.members,
        pairs=arguments.pairs,
        outstanding=arguments.outstanding,
        connections=arguments.connections,
        messages=arguments.messages,
    )
    names = list(dict.fromkeys(arguments.scenario)) or list(SCENARIOS)
    plan = Plan(names=names, runs=arguments.runs, seconds=arguments.seconds, sizes=sizes)
    try:
        if arguments.clean or arguments.running:
            settings = config.load({"data": arguments.data}, file=arguments.config)
        if arguments.clean:
            return clean(settings)
        return run(plan, running=settings if arguments.running else None, as_json=arguments.json)
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
