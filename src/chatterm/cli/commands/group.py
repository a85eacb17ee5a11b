"""Declares `chatterm group`."""

from chatterm.cli.arguments import Parser, add_account, describe

HELP = "make a group, and say who is in it and what it is called"
RUNS = "chatterm.cli.group"
_EPILOG = """\
ACTION may be left out for a new group: chatterm group TITLE EMAIL...
PERSON is an email, or a name that only one has. Who is in a group: chatterm members GROUP.
"""
_ACTIONS = {
    "new": "make a group of yourself and the people named; prints its id",
    "invite": "add people to a group, all or none",
    "kick": "remove a person from your group",
    "leave": "leave a group",
    "title": "give a group another title",
    "topic": "give a group another topic; '' takes it away",
    "owner": "hand your group over to another member",
}


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(parser, "Make a group of yourself and others, or change one.", _EPILOG)
    add_account(parser)
    parser.actions = tuple(_ACTIONS)
    parser.default_action = "new"
    adding = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)
    made = {name: adding.add_parser(name, help=text, description=text + ".") for name, text in _ACTIONS.items()}
    for name, action in made.items():
        add_account(action)
        action.add_argument("title" if name == "new" else "target", metavar="TITLE" if name == "new" else "GROUP")
    for name in ("new", "invite"):
        made[name].add_argument("people", metavar="PERSON", nargs="+")
    for name in ("kick", "owner"):
        made[name].add_argument("people", metavar="PERSON", nargs=1)
    for name in ("title", "topic"):
        made[name].add_argument("text", metavar="TEXT")
