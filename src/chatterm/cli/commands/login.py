"""Declares `chatterm login`."""

from chatterm.cli.arguments import Parser

HELP = "sign in to a server"
RUNS = "chatterm.cli.login"


def add(parser: Parser) -> None:
    """Its arguments."""
    parser.add_argument("url", metavar="URL", help="for example chat.example.org or http://localhost:8080")
    parser.add_argument("--email", help="asked for if left out")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument(
        "--device", default="", help="name of this device for the server (default: this machine's name)"
    )
