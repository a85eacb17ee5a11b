"""Declares `chatterm tail`."""

import argparse

from chatterm.cli.arguments import Parser, add_reading, describe

HELP = "print what arrives, as it arrives"
RUNS = "chatterm.cli.tail"
_EPILOG = """\
WHEN is a sequence number (of one TARGET), a time like 2026-11-22T19:00:00Z, or how long ago, like 90m, 2h or 3d.

Each event of a chat is printed once and in the chat's order, also across lost connections and restarts of the
server; standard error says when the connection is lost and when it is back. The output is flushed after each event.
With --cursor, FILE remembers what was printed: a tail that ended, in whatever way, goes on behind it, also with what
came meanwhile. The file is written after the output, so after a kill the last events may be printed again, and none is
left out: drop repeats by their id. Nothing is marked as seen unless --seen is given.

The lines of --json are those of 'chatterm history'; with --changes also those of kind "changed":
  change       edited, deleted, reacted, unreacted, pinned or unpinned; emoji of a reaction, or null
  messageSeq   the message that was changed; message: it, as it is now

examples:
  chatterm tail --follow --json | jq -r 'select(.own | not) | .text'
  chatterm tail '#deploys' --follow --cursor ~/.cache/deploys.cursor --json | ./handle-deploys
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Print the last messages of chats and, with --follow, what arrives in them; without TARGET in all chats.",
        _EPILOG,
    )
    parser.intermixed = True
    add_reading(parser)
    parser.add_argument("targets", metavar="TARGET", nargs="*")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    parser.add_argument(
        "-n", "--lines", type=_lines, metavar="N", help="begin with the last N events of each TARGET (default: 10)"
    )
    parser.add_argument("--since", metavar="WHEN", help="begin there instead")
    parser.add_argument("--cursor", metavar="FILE", help="begin behind what was printed with this FILE before")
    parser.add_argument("--changes", action="store_true", help="also edits, deletions, reactions and pins")
    parser.add_argument("--seen", action="store_true", help="mark as seen what was printed")


def _lines(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 10_000:
        raise argparse.ArgumentTypeError("it is a number from 0 to 10000")
    return value
