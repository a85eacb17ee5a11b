"""What is wrong with a settings file, in words: which key, on which line, what is allowed; the rest is used."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import FieldInfo

from chatproto.errors import ErrorInfo
from chatterm.client.settings import MAX_BYTES, PARTS, Settings, SettingsRead

PROBLEMS_MAX: Final = 20
_WORDS: Final = {str: "a text in quotes", bool: "true or false", int: "a whole number"}


def checked(data: bytes, path: Path) -> SettingsRead:
    """Use what is right in a file, and say what is not."""
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        text = data.decode()
        content = msgspec.toml.decode(text)
    except (ValueError, RecursionError) as error:  # also msgspec's and Unicode's own
        told = f"The settings, {path}, cannot be read: {error}. All settings have their defaults."
        return SettingsRead(Settings(), (_problem("configBroken", told, "Correct what it names."),))
    problems: list[ErrorInfo] = []
    parts = {}
    known = {part.name: part for part in PARTS}
    for name, table in content.items():
        place = f"{path.name}{_line_of(text, name, '')}"
        if name not in known:
            problems.append(_unknown(place, f"[{name}]" if isinstance(table, dict) else name, name, known))
        elif not isinstance(table, dict):
            told = f"{place}: {name} is a table, not a value."
            problems.append(_problem("settingInvalid", told, f"Write [{name}] and its settings below."))
        else:
            parts[name] = _part(known[name], table, text, path.name, problems)
    return SettingsRead(Settings(**parts), tuple(problems[:PROBLEMS_MAX]))


def check_value(part: str, key: str, value: object) -> str:
    """Why a value cannot be what it is meant for, empty if it can. Raises `KeyError` for a setting there is not."""
    try:
        msgspec.convert(value, type=field_of(part, key).type)
    except msgspec.ValidationError:
        return f"{part}.{key} is {allowed(field_of(part, key).type)}"
    return ""


def field_of(part: str, key: str) -> FieldInfo:
    """What is known of one setting. Raises `KeyError`."""
    for table in PARTS:
        if table.name == part:
            for each in msgspec.structs.fields(table.type):
                if each.name == key:
                    return each
    raise KeyError(f"{part}.{key}")


def allowed(kind: Any) -> str:
    """What may stand in the place of a value of this type."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        base, *metas = typing.get_args(kind)
        bounds = next((meta for meta in metas if isinstance(meta, msgspec.Meta)), None)
        if bounds is not None and bounds.examples:
            return f'a text like "{bounds.examples[0]}", or an empty one'
        return allowed(base) + (f" from {bounds.ge} to {bounds.le}" if bounds is not None else "")
    if origin is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in typing.get_args(kind))
    if origin in (dict, types.MappingProxyType):
        return 'a table of lists of keys, like jump = ["ctrl+k"]'
    return _WORDS.get(kind, str(kind))


def _part(part: FieldInfo, table: Mapping[str, Any], text: str, file: str, problems: list[ErrorInfo]) -> Any:
    known = {each.name: each for each in msgspec.structs.fields(part.type)}
    values = {}
    for key, value in table.items():
        place = f"{file}{_line_of(text, part.name, key)}"
        field = known.get(key)
        if field is None:
            problems.append(_unknown(place, f"{part.name}.{key}", key, known))
            continue
        try:
            values[key] = msgspec.convert(value, type=field.type)
        except msgspec.ValidationError:
            shown = f"{str(value)[:40]!r}" if isinstance(value, str) else str(value)[:40]
            told = f"{place}: {part.name}.{key} cannot be {shown}."
            problems.append(_problem("settingInvalid", told, f"It is {allowed(field.type)}."))
    return part.type(**values)


def _unknown(place: str, shown: str, name: str, known: Iterable[str]) -> ErrorInfo:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
    return _problem("settingUnknown", f"{place}: there is no setting {shown}.", hint)


def _line_of(text: str, part: str, key: str) -> str:
    """`:N` of the line that sets a key, or begins a table; empty if it is written in some unusual way."""
    inside = False
    header = re.compile(rf"\s*\[\s*{re.escape(part)}\s*[.\]]")
    wanted = re.compile(rf"\s*[\"']?{re.escape(key or part)}[\"']?\s*[.=]")
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            inside = header.match(line) is not None
            if inside and not key:
                return f":{number}"
        elif wanted.match(line) and (inside or not key):
            return f":{number}"
    return ""


def _problem(code: str, message: str, hint: str) -> ErrorInfo:
    return ErrorInfo(code=code, message=message, hint=hint)
