"""What the command line is made of: the parser, arguments that several commands share, and types that are checked."""

import argparse
from collections.abc import Sequence
from typing import NoReturn, Protocol


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong with the command line."""

    intermixed = False
    """Options may also stand between positional arguments of which the last takes any number."""

    default_action = ""
    """The one of several actions that is meant where the first word names none."""
    actions: Sequence[str] = ()

    def parse_known_args(  # type: ignore[override] # the base's overloads say the same in four ways
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """As the base, which by itself would leave words after an option unread."""
        if self.default_action and args is not None:
            args = self._with_action(list(args))
        if not self.intermixed:
            return super().parse_known_args(args, namespace)
        self.intermixed = False  # it calls this method in turn
        try:
            return super().parse_known_intermixed_args(args, namespace)
        finally:
            self.intermixed = True

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"chatterm: {message}.\n{self.format_usage()}")

    def command_parser(self, name: str) -> "Parser":
        """The parser of one of this parser's commands."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                found = action.choices[name]
                assert isinstance(found, Parser)
                return found
        raise KeyError(name)

    def _with_action(self, words: list[str]) -> list[str]:
        place = first_word(words)
        if place is None or words[place] in self.actions or words[place].startswith("-"):
            return words
        return [*words[:place], self.default_action, *words[place:]]


def first_word(words: Sequence[str]) -> int | None:
    """The place of the first word that does not belong to `--account`."""
    place = 0
    while place < len(words):
        if words[place] == "--account":
            place += 2
        elif words[place].startswith("--account="):
            place += 1
        else:
            return place
    return None


class Command(Protocol):
    """A module of `chatterm.cli.commands`: it declares one command and imports nothing but this package's own."""

    HELP: str
    """One line for the list of commands."""
    RUNS: str
    """The module whose `run(arguments) -> int` does it; it is imported when the command is used, not before."""

    def add(self, parser: Parser) -> None:
        """Give the command its description and its arguments."""
        ...


def add_account(parser: Parser) -> None:
    """Let the account be named after the command, too."""
    parser.add_argument(
        "--account", metavar="KEY", default=argparse.SUPPRESS, help="the account meant, by key or email; see 'accounts'"
    )


def add_json(parser: Parser) -> None:
    """JSON Lines in place of text."""
    parser.add_argument("--json", action="store_true", help="one JSON object per line")


def add_timeout(parser: Parser, whom: str = "the server") -> None:
    """How long the network may take."""
    parser.add_argument(
        "--timeout", type=seconds, default=10.0, metavar="S", help=f"give {whom} this long (default: 10)"
    )


def add_reading(parser: Parser) -> None:
    """The arguments of a command that prints what is cached after bringing it up to date: `cli.looking` reads them."""
    add_account(parser)
    add_json(parser)
    parser.add_argument("--offline", action="store_true", help="only what is cached on this machine")
    add_timeout(parser)


def describe(parser: Parser, description: str, epilog: str | None = None) -> None:
    """What `--help` says beside the arguments; an epilog keeps its lines."""
    parser.description = description
    if epilog is not None:
        import textwrap  # noqa: PLC0415 - few commands have one

        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.description = textwrap.fill(description, 79)
        parser.epilog = epilog


def seconds(text: str) -> float:
    """An argument's type: seconds, at most a day."""
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError("seconds are a number from 0 to 86400")
    return value


def count(text: str) -> int:
    """An argument's type: a count of things to print."""
    value = int(text)
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError("it is a number from 1 to 10000")
    return value
