"""Declares `chatterm history`."""

from chatterm.cli.arguments import Parser, add_reading, count, describe

HELP = "print messages of a chat"
RUNS = "chatterm.cli.history"

_EPILOG = """\
WHEN is a sequence number, a time like 2026-11-22T19:00:00Z or 2026-11-22, or how long ago, like 90m, 2h or 3d.

with --json, each line is one object, in ASCII:
  kind         "message"; of a group also "created" (its beginning), "chatChanged" and "members"
  chatId       the chat; with seq, the event's place for ever
  seq          1..N without holes in one chat
  id           the same as one text
  at           time in UTC, RFC 3339 with microseconds
  senderId, senderName, senderEmail; own: whether it is the account's own
  text         of a message as it is now; empty if it is "deleted", true or false
  editedAt     time of a message's last edit, or null; replyTo: seq of the message it answers, or null
  mentions     ids of users it names; mentionAll: it names everybody
  forwarded    null, or senderId and at of who wrote it first
  files        id, name, size in bytes and mediaType of each; pinned: true or false
  reactions    emoji and userIds of each
  title        of "created"; title and topic of "chatChanged", null if it stayed
  added, removed, ownerId  of "members": ids of users; ownerId is null if the owner stayed
a change of a message is no line of its own. fields are never renamed; new ones may come
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Print the newest messages of a chat, oldest first. The server is asked for what is new or not "
        "cached; if it cannot be reached, the cached ones are printed and standard error says so.",
        _EPILOG,
    )
    add_reading(parser)
    parser.add_argument("target", metavar="TARGET", help="an email, a group's title, or a name that only one has")
    parser.add_argument("--limit", type=count, default=50, metavar="N", help="at most N messages (default: 50)")
    parser.add_argument("--before", metavar="WHEN", help="only messages before WHEN, the newest of them")
    parser.add_argument("--after", metavar="WHEN", help="only messages after WHEN, the oldest of them first")
    parser.add_argument("--around", metavar="MESSAGE", help="messages around the one with this seq or id")
    parser.add_argument("--all", action="store_true", help="without a limit, printed as they are read")
