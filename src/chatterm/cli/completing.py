"""What a shell is told when somebody presses Tab: commands, options, and names from the cache."""

import argparse
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from chatterm.cli.arguments import Parser, first_word

if TYPE_CHECKING:
    from chatterm.client.cache import Cache

_MAX: Final = 200
_PLAIN: Final = re.compile(r"[\w .,+@-]+")
"""Titles and names that no shell takes for anything else; others, which anybody may have chosen, are not offered."""

Completer = Callable[..., list[str]]


def command_line() -> list[str]:
    """The words before the cursor after the command's own name, as far as blanks separate them."""
    line = os.environ.get("COMP_LINE", "")
    point = int(os.environ.get("COMP_POINT") or len(line))
    return line[:point].split(" ")[1:-1]


def complete(build: Callable[[str | None], Parser], names: Sequence[str]) -> None:
    """Answer the shell and end the process."""
    import argcomplete  # noqa: PLC0415 - only here
    from argcomplete.completers import SuppressCompleter  # noqa: PLC0415 - as above

    words = command_line()
    place = first_word(words)
    parser = build(words[place] if place is not None and words[place] in names else None)
    _prepare(parser)
    argcomplete.autocomplete(parser, always_complete_options=False, default_completer=SuppressCompleter())


def _prepare(parser: argparse.ArgumentParser) -> None:
    """Give arguments their completers by what they are called; read positional arguments where they stand."""
    from argcomplete.completers import DirectoriesCompleter, FilesCompleter  # noqa: PLC0415 - as above

    completers: dict[str, Any] = {
        "TARGET": _targets,
        "GROUP": _groups,
        "EMAIL": _emails,
        "PERSON": _emails,
        "KEY": _accounts,
        "MESSAGE": _messages,
        "NAME": _settings,
        "CHAT": _targets,
        "WHO": _emails,
        "FILE": FilesCompleter(),
        "PATH": FilesCompleter(),
        "DIR": DirectoriesCompleter(),
        "FOLDER": DirectoriesCompleter(),
    }
    if isinstance(parser, Parser):
        parser.intermixed, parser.default_action = False, ""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                _prepare(inner)
        elif isinstance(action.metavar, str) and action.metavar in completers:
            action.completer = completers[action.metavar]  # type: ignore[attr-defined] # where argcomplete looks for it


def _targets(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    with _cache(parsed_args) as cache:
        if cache is None:
            return []
        return [*_with_groups(cache, prefix), *([] if prefix.startswith("#") else _people(cache, prefix))]


def _groups(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    with _cache(parsed_args) as cache:
        return [] if cache is None else _with_groups(cache, prefix)


def _emails(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    with _cache(parsed_args) as cache:
        return [] if cache is None else _people(cache, prefix)


def _with_groups(cache: "Cache", prefix: str) -> list[str]:
    sign = "#" if prefix.startswith("#") else ""
    titles = cache.titles_beginning(prefix.removeprefix("#"), _MAX)
    # What was typed stays: a shell offers only what begins with it.
    return [prefix + title[len(prefix) - len(sign) :] for title in titles if _PLAIN.fullmatch(title)]


def _people(cache: "Cache", prefix: str) -> list[str]:
    return [email for email in cache.emails_beginning(prefix, _MAX) if _PLAIN.fullmatch(email)]


def _messages(prefix: str, **_: object) -> list[str]:
    return ["last"] if "last".startswith(prefix) else []


def _settings(prefix: str, **_: object) -> list[str]:
    from chatterm.cli.config import all_names  # noqa: PLC0415 - few words need it

    return [name for name in all_names() if name.startswith(prefix)]


def _accounts(prefix: str, **_: object) -> list[str]:
    from chatterm.client.accounts import Accounts  # noqa: PLC0415 - few words need it
    from chatterm.client.errors import ClientError  # noqa: PLC0415 - as above

    try:
        return [account.key for account in Accounts().all() if account.key.startswith(prefix)]
    except ClientError:
        return []


@contextmanager
def _cache(arguments: argparse.Namespace) -> "Iterator[Cache | None]":
    """The chosen account's cache; None if nobody is signed in, or it cannot be read: Tab is no place for errors."""
    from chatterm.cli.setup import chosen_account  # noqa: PLC0415 - few words need them
    from chatterm.client.cache import Cache  # noqa: PLC0415 - as above
    from chatterm.client.errors import ClientError  # noqa: PLC0415 - as above
    from chatterm.client.paths import account_files  # noqa: PLC0415 - as above

    try:
        account = chosen_account(argparse.Namespace(account=getattr(arguments, "account", None)))
        cache = Cache.open(account_files(account.key).cache)
    except ClientError:
        yield None
        return
    with closing(cache):
        yield cache
