"""The commands of chatterm, each declared by the module of its name; what one does is loaded when it is used.

To add a command: a module here with `HELP`, `RUNS` and `add` (see `chatterm.cli.arguments.Command`), its name in
`NAMES`, and a module with `run(arguments) -> int`.
"""

import importlib
from typing import Final, cast

from chatterm.cli.arguments import Command

NAMES: Final = (
    "login",
    "logout",
    "accounts",
    "send",
    "upload",
    "download",
    "history",
    "search",
    "export",
    "tail",
    "unread",
    "chats",
    "users",
    "members",
    "group",
    "edit",
    "delete",
    "react",
    "pin",
    "seen",
    "mute",
    "unmute",
    "outbox",
    "config",
    "doctor",
    "completion",
)
"""In the order of the help."""


def load(name: str) -> Command:
    """The declaration of one of `NAMES`."""
    return cast("Command", importlib.import_module(f"{__name__}.{name}"))
