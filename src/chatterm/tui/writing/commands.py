"""Slash commands: which text is one, which action it names, and what to say about one that nobody knows."""

import difflib
from collections.abc import Callable
from typing import Final, NamedTuple

from chatproto.errors import ErrorInfo
from chatproto.text import terminal_safe
from chatterm.tui.actions import ACTIONS, Action, of_command

NEAREST_MAX: Final = 3
"""Commands named for one that is unknown."""
_MESSAGES: Final[dict[str, Callable[[str, str], str]]] = {
    "say_doing": lambda text, _: text,
    "shrug": lambda _, argument: f"{argument} ¯\\_(ツ)_/¯".strip(),
}
"""Commands that are messages: what is sent, from the whole text and the argument."""


class Command(NamedTuple):
    """A command as it was written: its action, and what follows its name."""

    action: Action
    argument: str


def read(text: str) -> Command | ErrorInfo | str:
    """A text as it was written: the command it is, why it is none, or the message it is.

    `//x` is the message `/x`; `/me waves` is sent as it is and shown as what somebody does.
    """
    if not text.startswith("/"):
        return text
    if text.startswith("//"):
        return text[1:]
    name, argument = split(text)
    action = of_command(name.casefold())
    if action is None:
        return unknown(name)
    error = _misused(action, name, argument)
    if error is not None:
        return error
    message = _MESSAGES.get(action.name)
    return message(text, argument) if message is not None else Command(action, argument)


def _misused(action: Action, name: str, argument: str) -> ErrorInfo | None:
    if argument and not action.argument:
        return ErrorInfo(
            code="usage", message=f"/{name} takes nothing after it.", hint="Remove it, or begin with // to send it."
        )
    return usage(action) if not argument and is_required(action.argument) else None


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
