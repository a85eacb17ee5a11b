"""Declares `chatterm config`."""

from chatterm.cli.arguments import Parser, add_json, describe

HELP = "read and change the settings"
RUNS = "chatterm.cli.config"
_ACTIONS = {
    "get": "print one setting, or all",
    "set": "change one setting; comments and order of the file stay",
    "unset": "give one setting its default again",
    "path": "print where the settings file lies",
    "check": "say what in the file cannot be used; exit 78 if there is something",
}


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(parser, "Read and change the settings. NAME is a table and a key, as look.theme.")
    adding = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    made = {name: adding.add_parser(name, help=text, description=text + ".") for name, text in _ACTIONS.items()}
    made["get"].add_argument("name", metavar="NAME", nargs="?")
    add_json(made["get"])
    for action in ("set", "unset"):
        made[action].add_argument("name", metavar="NAME")
    made["set"].add_argument("value", metavar="VALUE", help="as in TOML; a text may stand without quotes")
