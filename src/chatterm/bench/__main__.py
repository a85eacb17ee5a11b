"""`scripts/bench-client`: build a large account in a temporary folder, measure, and print."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

USERS, MESSAGES = 100_000, 1_000_000


def main() -> int:
    """Run everything; returns 1 if a target was missed."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench-client",
        description=f"Measure the client on {USERS:,} users and a chat of {MESSAGES:,} messages.",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    from chatterm.tui.main import prepare_environment  # noqa: PLC0415 - before Textual, which reads the environment

    prepare_environment()
    with tempfile.TemporaryDirectory(prefix="chatterm-bench-") as home:
        os.environ["CHATTERM_HOME"] = home
        return _measure(quick=arguments.quick, json_file=arguments.json)


def _measure(*, quick: bool, json_file: Path | None) -> int:
    from chatterm.bench import draining, inside, outside, peers, searching, shell  # noqa: PLC0415 - they load Textual
    from chatterm.bench.data import build_account  # noqa: PLC0415 - see above
    from chatterm.bench.figures import Report  # noqa: PLC0415 - see above

    report = Report()
    account = build_account(USERS, MESSAGES)
    # First, so that nothing is indexed in the background of the other figures.
    asyncio.run(searching.measure(account, report, rounds=20 if quick else 100))
    asyncio.run(inside.measure(account, report, rounds=60 if quick else 500))
    starts, keys = (3, 60) if quick else (11, 300)
    outside.measure(report, starts, keys)
    shell.measure(report, starts)
    draining.measure(report, 10_000)
    peers.measure(report, starts, keys)
    sys.stdout.write(report.text() + "\n")
    if json_file is not None:
        figures = [{**asdict(figure), "met": figure.met} for figure in report.figures]
        json_file.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if all(figure.met for figure in report.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
