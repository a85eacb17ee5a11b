"""The arguments of `chatserver top`; loads nothing that the command needs."""

import argparse

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
    top.add_argument("--names", action="store_true", help="show titles of groups, read from the data folder")
    add_common(top)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 3_600:
        raise argparse.ArgumentTypeError("give seconds from 0.2 to 3600")
    return seconds
