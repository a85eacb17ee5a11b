"""What stands at the cursor: the beginning of a name, an emoji, a command or of what follows one."""

import re
from typing import Final, Literal, NamedTuple

from chatterm.tui.actions import Action, of_command

NEEDLE_MAX: Final = 40
"""Letters after an @ among which a name is looked for; names may hold blanks."""
_PERSON: Final = re.compile(rf"(?<![\w@])@([^@]{{0,{NEEDLE_MAX}}})\Z")
_EMOJI: Final = re.compile(r"(?<![\w:]):([a-zA-Z0-9_+\-]{2,30})\Z")
_COMMAND: Final = re.compile(r"/(\w*)\Z")
_ARGUMENT: Final = re.compile(r"/(\w+)\s+(.*)\Z")
_CLOSED: Final = re.compile(r"(?<![\w:]):([a-zA-Z0-9_+\-]{1,30}):\Z")
TRIGGERS: Final = ("@", ":", "/")

PERSON, MEMBER, CHAT, COMMAND = "PERSON", "MEMBER", "CHAT", "COMMAND"
PEOPLE: Final = (PERSON, MEMBER)
PATHS: Final = ("PATH", "FOLDER")
COMPLETED: Final = (PERSON, MEMBER, CHAT, COMMAND, *PATHS)
"""First words of an action's `argument` that can be completed; so can `a|b`."""
OR: Final = "|"

Kind = Literal["person", "emoji", "command", "argument"]


class Token(NamedTuple):
    """The characters `start` to the cursor of the cursor's line are to be completed.

    `needle` is what they say without their sign; `command` is the one whose argument it is.
    """

    kind: Kind
    start: int
    needle: str
    command: str = ""


def at(line: str, row: int, column: int) -> Token | None:
    """The token that ends at a column, if there is one."""
    before = line[:column]
    if row == 0 and before.startswith("/") and not before.startswith("//"):
        found = _COMMAND.fullmatch(before)
        if found is not None:
            return Token("command", 0, found.group(1))
        argument = _argument(before)
        if argument is not None:
            return argument
    for kind, pattern in (("person", _PERSON), ("emoji", _EMOJI)):
        found = pattern.search(before)
        if found is not None:
            return Token("person" if kind == "person" else "emoji", found.start(), found.group(1))
    return None


def closed_emoji(line: str, column: int) -> tuple[int, str] | None:
    """The shortcode that ends at a column: where it begins, and its name without the colons."""
    found = _CLOSED.search(line[:column])
    return (found.start(), found.group(1)) if found is not None else None


def first_argument(action: Action) -> str:
    """The first word of what may follow a command, without brackets and dots."""
    words = action.argument.strip("[]").split()
    return words[0].strip("[].,") if words else ""


def _argument(before: str) -> Token | None:
    """What follows a command, of a list its last item; an @ before a name is left out.

    None if it cannot be completed: then there may be a name or an emoji in it.
    """
    found = _ARGUMENT.fullmatch(before)
    action = of_command(found.group(1).casefold()) if found is not None else None
    if found is None or action is None:
        return None
    kind, start, needle = first_argument(action), found.start(2), found.group(2)
    if needle and kind not in COMPLETED and OR not in kind:
        return None
    if "..." in action.argument and kind not in PATHS and "," in needle:
        last = needle.rpartition(",")[2].lstrip()
        start, needle = start + len(needle) - len(last), last
    return Token("argument", start, needle.removeprefix("@") if kind in PEOPLE else needle, found.group(1).casefold())
