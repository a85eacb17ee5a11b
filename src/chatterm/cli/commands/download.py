"""Declares `chatterm download`."""

from chatterm.cli.arguments import Parser, add_account, add_json, add_timeout, describe

HELP = "save the files of a message"
RUNS = "chatterm.cli.download"

_EPILOG = """\
nothing is overwritten: a second plan.pdf is saved as 'plan (2).pdf'. a file appears under its name once it is
whole; what a killed download has left is gone on with by the next one into the same folder.

each line is the path of a saved file; with --json, one object in ASCII:
  id, name as it was sent, size in bytes, mediaType, path

examples:
  chatterm download '#garden' 41
  chatterm download anna@example.org 41 --to - | tar x
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(parser, "Save all files of a message, or one file by its id, and print where they are.", _EPILOG)
    add_account(parser)
    add_json(parser)
    parser.add_argument("target", metavar="TARGET", help="an email, a group's title, or a name that only one has")
    parser.add_argument("what", metavar="MESSAGE|FILE", help="a message's seq or id, or a file's id")
    parser.add_argument(
        "--to",
        metavar="FOLDER",
        help="default: the downloads of the settings; - writes one to standard output",
    )
    add_timeout(parser, "each part")
