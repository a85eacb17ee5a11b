"""A manual page from a parser."""

import argparse
from collections.abc import Sequence
from importlib.metadata import version

from argparse_manpage.manpage import Manpage  # type: ignore[import-untyped] # it ships no types


def page(
    parser: argparse.ArgumentParser,
    name: str,
    summary: str,
    *,
    see: Sequence[str] = (),
    lists_commands: bool = False,
) -> str:
    """The page in roff; the epilog keeps its lines. With `lists_commands`, commands have pages of their own."""
    epilog, parser.epilog = parser.epilog, None
    if lists_commands:
        commands = _without_commands(parser)
    manual = Manpage(
        parser,
        {
            "project_name": "chatterm",
            "version": version("chatterm"),
            "manual_title": "chatterm",
            "description": summary,
        },
        format="single-commands-section",
    )
    manual.prog, manual.date = name, ""  # a date would make the page stale by itself
    if lists_commands:
        manual.add_section("commands", "=", commands)
    if epilog:
        manual.add_section("notes", "=", as_it_is(epilog))
    if see:
        manual.add_section(
            "see also", "=", ",\n".join(f".BR {escaped(other)} (1)" for other in see).replace(",\n", "\n")
        )
    return str(manual)


def as_it_is(text: str) -> str:
    """Lines that are not filled."""
    return "\n".join([".nf", *(escaped(line) for line in text.rstrip("\n").split("\n")), ".fi"])


def escaped(text: str) -> str:
    """Text that roff takes for nothing else."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def _without_commands(parser: argparse.ArgumentParser) -> str:
    """Take the commands out of the page's body, and return them as a list."""
    lines: list[str] = []
    groups = [group for group in parser._action_groups if group._group_actions]
    for group in groups:
        for action in list(group._group_actions):
            if isinstance(action, argparse._SubParsersAction):
                for choice in action._choices_actions:
                    lines += [".TP", f".B {escaped(choice.dest)}", escaped(choice.help or "")]
                group._group_actions.remove(action)
    return "\n".join(lines)
