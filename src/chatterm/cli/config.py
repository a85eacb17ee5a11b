"""`chatterm config`: the settings file read and changed."""

import argparse
import json
from typing import Any

import msgspec

from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.client.errors import ClientError
from chatterm.client.settings import PARTS, Settings, read_settings, settings_path


def run(arguments: argparse.Namespace) -> int:
    """Do one action."""
    match arguments.action:
        case "path":
            outcome.put(str(settings_path()))
        case "check":
            return _check()
        case "get":
            _get(arguments)
        case _:
            _change(arguments)
    return outcome.OK


def _check() -> int:
    from chatterm.client.theme_files import check_theme  # noqa: PLC0415 - get and set do without

    found = read_settings()
    problems = [*found.problems, *check_theme(found.settings.look.theme)]
    for problem in problems:
        outcome.put(terminal_safe(f"{problem.message} {problem.hint}".strip()))
    return outcome.CONFIG if problems else outcome.OK


def _get(arguments: argparse.Namespace) -> None:
    found = read_settings()
    if found.problems:
        outcome.say(f"{settings_path()} cannot be used as a whole: see 'chatterm config check'.")
    names = [_place(arguments.name)] if arguments.name is not None else _all()
    for part, key in names:
        value = getattr(getattr(found.settings, part), key)
        if arguments.json:
            outcome.put_json({"name": f"{part}.{key}", "value": value})
        elif arguments.name is not None:
            outcome.put(terminal_safe(value if isinstance(value, str) else json.dumps(value)))
        else:
            outcome.put(terminal_safe(f"{part}.{key} = {json.dumps(value, ensure_ascii=False)}"))


def _change(arguments: argparse.Namespace) -> None:
    from chatterm.client.settings_check import check_value  # noqa: PLC0415 - reading needs neither
    from chatterm.client.settings_file import write_settings  # noqa: PLC0415 - as above

    part, key = _place(arguments.name)
    if arguments.action == "unset":
        value = getattr(getattr(Settings(), part), key)
    else:
        value = _value(arguments.value, part, key)
        wrong = check_value(part, key, value)
        if wrong:
            raise ClientError("usage", f"{arguments.value!r} cannot be used: {wrong}.", "See 'chatterm config get'.")
    settings = read_settings().settings
    table = msgspec.structs.replace(getattr(settings, part), **{key: value})
    write_settings(msgspec.structs.replace(settings, **{part: table}))
    outcome.say(f"Written to {settings_path()}.")


def _value(text: str, part: str, key: str) -> Any:
    """The value as TOML; a text without quotes, where a text is wanted."""
    from chatterm.client.settings_check import check_value  # noqa: PLC0415 - as above

    if not check_value(part, key, text):
        return text
    try:
        return msgspec.toml.decode(f"value = {text}")["value"]
    except (msgspec.DecodeError, UnicodeError, KeyError):
        return text


def all_names() -> list[str]:
    """Every setting as it is named on the command line."""
    return [f"{part}.{key}" for part, key in _all()]


def _all() -> list[tuple[str, str]]:
    return [(part.name, field.name) for part in PARTS for field in msgspec.structs.fields(part.type)]


def _place(name: str) -> tuple[str, str]:
    part, _, key = name.partition(".")
    if (part, key) not in _all():
        raise ClientError("usage", f"There is no setting {name!r}.", "See 'chatterm config get'.")
    return part, key
