"""Declares `chatterm unread`."""

from chatterm.cli.arguments import Parser, add_account, add_json, add_timeout, describe

HELP = "print how much is unread, at once, for status bars"
RUNS = "chatterm.cli.unread"
_EPILOG = """\
Counted are others' messages after your seen markers. Muted chats are left out, except for what mentions you; chats
that you left do not count. Numbers end at 1000 in one chat.

fields of --format TEXT: {unread} {mentions} {chats} {direct} {groups} {names}
  {chats} is the number of chats with something unread, {direct} and {groups} are messages in each kind, {names} are
  the chats by name, {{ is a brace. If nothing is unread, nothing is printed (with --watch, an empty line).

with --json, one object: unread, mentions, direct, groups, and chats with id, kind, name, unread, mentions and muted
of each, the most recently active first, at most 1000

examples:
  set -g status-right '#(chatterm unread --format "{unread} new ")'       in ~/.tmux.conf
  chatterm unread --exit-code && notify-send 'You have mail'
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Print how many messages are unread, as this machine knows it; without a network and in a few hundredths of "
        "a second. An open chatterm keeps that up to date; --update asks the server first.",
        _EPILOG,
    )
    add_account(parser)
    add_json(parser)
    parser.add_argument("--format", metavar="TEXT", help="what to print instead, with fields as below")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 if nothing is unread")
    parser.add_argument("--update", action="store_true", help="ask the server first, if it can be reached")
    parser.add_argument("--watch", action="store_true", help="stay connected, and print again at every change")
    add_timeout(parser)
