"""Declares `chatterm upload`."""

from chatterm.cli.arguments import Parser, add_account, add_json, add_timeout, describe

HELP = "upload files and print their ids"
RUNS = "chatterm.cli.upload"

_EPILOG = """\
a file that no message shows is removed after a day. to show files in a message, 'chatterm send --file' does all of it.

each line is the file's id, a tab and its name; with --json, one object in ASCII:
  id, name, size in bytes, mediaType; width and height of an image in pixels, else 0
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Upload files to the server, without a message. What was cut goes on where it stopped, while the command runs.",
        _EPILOG,
    )
    parser.intermixed = True
    add_account(parser)
    add_json(parser)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="files; all are looked at before the first is sent")
    add_timeout(parser, "each part")
