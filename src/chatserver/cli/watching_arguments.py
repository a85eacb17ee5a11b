"""The arguments of `chatserver top` and `chatserver bench`; loads nothing that the commands need."""

import argparse
from collections.abc import Callable

from chatserver.cli.account_arguments import AddCommon, Commands

_DESCRIPTION = """Watch a running server: rates, latencies, queues, errors, what it takes and what may run out, the
busiest chats (ids and counts, never what they say) and the slowest statements. It only reads. Without URL it watches
this machine's server, found by its data folder or settings. Keys: q quit, p pause, s sort, +/- interval, ? help."""
_EPILOG = """figures come from the address of the server's metrics. To watch another machine's server:
  ssh -t chat.example.org chatserver top
  ssh -L 9465:127.0.0.1:9465 chat.example.org, and then: chatserver top http://127.0.0.1:9465

--json prints one object, described by docs/schema/top.json
"""


def add_top(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver top`."""
    top = commands.add_parser(
        "top",
        help="watch a running server in the terminal",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.set_defaults(module="top", function="top")
    top.add_argument("url", nargs="?", metavar="URL", help="address of the metrics, such as http://127.0.0.1:9465")
    top.add_argument("--interval", type=_seconds, default=1.0, metavar="S", help="seconds between looks (default: 1)")
    top.add_argument("--once", action="store_true", help="print one look, a second long, as text")
    top.add_argument("--json", action="store_true", help="print one look as JSON")
    top.add_argument(
        "--statements",
        type=_statements,
        metavar="N",
        help="of one look, only the N slowest statements, 0 to 100 (default: 20, with --json all)",
    )
    top.add_argument("--names", action="store_true", help="show titles of groups, read from the data folder")
    add_common(top)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 3_600:
        raise argparse.ArgumentTypeError("give seconds from 0.2 to 3600")
    return seconds


def _statements(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("give a number from 0 to 100")
    return number


_BENCH = """Measure this machine: a server of its own in a scratch folder, on one core where there are two, and a load
generator on another; or, with --running, the server that runs here. Everything stays on this machine and stops by
itself; how long it takes is told before. Every message that was acknowledged is counted at every member: one that is
lost, doubled or out of order ends the benchmark with exit code 15.

--running needs the data folder, in which it makes users of its own. It removes them and what they wrote at the end,
also after Ctrl-C; what a SIGKILL left is removed by the next run or by --clean. Deleted users and empty chats stay as
numbers: it is for a server to be opened, not for one in use. The server's limits hold, too."""


def add_bench(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver bench`."""
    bench = commands.add_parser(
        "bench",
        help="measure what a server does on this machine",
        description=_BENCH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bench.set_defaults(module="bench", function="bench")
    names = "reference, fan-out, pairs, connections, history, search, login"
    bench.add_argument("scenario", nargs="*", metavar="SCENARIO", help=f"{names} (default: all)")
    bench.add_argument("--running", action="store_true", help="measure the server that runs on the data folder")
    bench.add_argument(
        "--clean", action="store_true", help="only remove what killed benchmarks left in the data folder"
    )
    bench.add_argument("--runs", type=_within(1, 20), default=3, metavar="N", help="how often each is run (default: 3)")
    bench.add_argument("--seconds", type=_stretch, default=2.0, metavar="S", help="of each load (default: 2)")
    for name, least, most, default, text in (
        ("members", 2, 5_000, 200, "of the group of fan-out"),
        ("pairs", 1, 1_000, 50, "of people who write to each other"),
        (
            "outstanding",
            1,
            1_000,
            None,
            "messages that an author has under way (default: 32 for fan-out, 16 for each pair)",
        ),
        ("connections", 10, 10_000, 1_000, "that are opened"),
        ("messages", 100, 1_000_000, 50_000, "of the history that is read and searched"),
    ):
        told = text if default is None else f"{text} (default: {default:,})"
        bench.add_argument(f"--{name}", type=_within(least, most), default=default, metavar="N", help=told)
    bench.add_argument("--json", action="store_true", help="print one JSON object, described by docs/schema/bench.json")
    add_common(bench)


def _within(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"give a number from {least:,} to {most:,}")
        return value

    return number


def _stretch(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 60:
        raise argparse.ArgumentTypeError("give seconds from 0.2 to 60")
    return seconds
