"""Slash commands: which text is one, which action it names, and what to say about one that nobody knows."""

import difflib
from typing import Final, NamedTuple

from chatproto.errors import ErrorInfo
from chatproto.text import terminal_safe
from chatterm.tui.actions import ACTIONS, Action, of_command

NEAREST_MAX: Final = 3
"""Commands named for one that is unknown."""
SENT_AS_IT_IS: Final = "say_doing"
"""The action whose command is a message: others see `/me waves` as what somebody does."""


class Command(NamedTuple):
    """A command as it was written: its action, and what follows its name."""

    action: Action
    argument: str


def read(text: str) -> Command | ErrorInfo | str:
    """A text as it was written: the command it is, why it is none, or the message it is.

    `//x` is the message `/x`, and a text of several lines that begins with a slash is one only if its first
    word names a command.
    """
    if not text.startswith("/"):
        return text
    if text.startswith("//"):
        return text[1:]
    name, argument = split(text)
    action = of_command(name.casefold())
    if action is None:
        return unknown(name)
    if argument and not action.argument:
        return ErrorInfo(
            code="usage", message=f"/{name} takes nothing after it.", hint="Remove it, or begin with // to send it."
        )
    if not argument and is_required(action.argument):
        return usage(action)
    return text if action.name == SENT_AS_IT_IS else Command(action, argument)


def split(text: str) -> tuple[str, str]:
    """The name of a command, without its slash, and what follows it."""
    parts = text[1:].split(maxsplit=1)
    if not parts or text[1:2].isspace():
        return "", text[1:].strip()
    return parts[0], parts[1].strip() if len(parts) > 1 else ""


def is_required(argument: str) -> bool:
    """Whether an action cannot do without its argument: what may be left out is written in brackets."""
    return bool(argument) and not argument.startswith("[")


def usage(action: Action) -> ErrorInfo:
    """How a command is written."""
    written = f"/{action.commands[0]} {action.argument}".rstrip()
    return ErrorInfo(code="usage", message=f"Write it as {written}.", hint=f"{action.title}.")


def unknown(name: str) -> ErrorInfo:
    """There is no such command: names the nearest ones, and how to send the text as it is."""
    known = [command for action in ACTIONS for command in action.commands]
    near = difflib.get_close_matches(name.casefold(), known, NEAREST_MAX, 0.5)
    near += [command for command in known if name and command.startswith(name.casefold()) and command not in near]
    meant = f"Did you mean {', '.join('/' + command for command in near[:NEAREST_MAX])}? " if near else ""
    return ErrorInfo(
        code="commandUnknown",
        message=f"There is no command /{terminal_safe(name[:40])}.",
        hint=f"{meant}Begin with // to send it as it is; /help lists all.",
    )
