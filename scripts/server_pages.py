"""The page of the server's settings, made from the struct that has them."""

import ast
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from chatserver.settings import Settings

_INTRO: Final = """\
# Settings of the server

<!-- Made by scripts/docs from src/chatserver/settings.py; edit that instead. -->

They come from flags, then `CHATSERVER_NAME` variables (lists with commas between), then the TOML file given with
`--config` or `CHATSERVER_CONFIG`, then the defaults below. An unknown name or a value that is not allowed ends the
start with exit code 3 and the line that is wrong. A restart brings changes in; `log_level` and renewed certificates
also come with `systemctl reload chatserver`. A file to begin with is `deploy/config.toml`; what belongs together is in
[operations](operations.md), [deployment](deployment.md), [push](push.md) and the pages they name.
"""
_PARTS: Final = (
    (
        "Address and TLS",
        ("data", "host", "port", "tls_", "domain", "acme_", "http_port", "trusted_proxies", "allowed_"),
    ),
    ("Accounts and sessions", ("access_", "refresh_", "sessions_", "registration", "member_", "reset_", "password_")),
    ("Mail", ("smtp_",)),
    ("Files", ("file_", "upload_", "s3_")),
    ("Backups", ("backup_",)),
    ("Push", ("push",)),
    ("Limits", ("limit", "address_sockets", "user_sockets", "outbox_")),
    ("Log, health and metrics", ("log_", "metrics_", "disk_")),
)
_OTHERS: Final = "Other settings"


def server_settings_page() -> str:
    """All settings by what they are about, with their defaults, what may stand there, and their meaning."""
    meanings = dict(_meanings())
    rows: dict[str, list[str]] = {}
    for field in msgspec.structs.fields(Settings):
        cells = (f"`{field.name}`", _default(field.default), _allowed(field.type), meanings.get(field.name, ""))
        rows.setdefault(_part(field.name), []).append("| " + " | ".join(cells) + " |")
    parts = [_INTRO]
    for title in (*(title for title, _ in _PARTS), _OTHERS):
        if title in rows:
            head = "| Setting | Default | Allowed | Meaning |\n| --- | --- | --- | --- |\n"
            parts.append(f"## {title}\n\n{head}" + "\n".join(rows[title]) + "\n")
    return "\n".join(parts)


def _part(name: str) -> str:
    return next((title for title, starts in _PARTS if name.startswith(starts)), _OTHERS)


def _meanings() -> Iterator[tuple[str, str]]:
    """What stands below each field. One without a text of its own is explained by the next one that has it."""
    (tree,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(tree, ast.ClassDef)
    for statement, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            told = after.value if isinstance(after, ast.Expr) else None
            if isinstance(told, ast.Constant) and isinstance(told.value, str):
                yield statement.target.id, " ".join(told.value.split()).replace("|", "\\|")


def _default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "`/var/lib/chatserver` if it can be written to, else the user's own data folder"
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{each}"' for each in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value:_}`"


def _allowed(kind: Any) -> str:
    """What may stand in the file, in words."""
    bounds = None
    if typing.get_origin(kind) is typing.Annotated:
        kind, bounds = typing.get_args(kind)[:2]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _allowed(next(each for each in arguments if each is not type(None)))
    if origin is typing.Literal:
        return "one of " + ", ".join(f'"{each}"' for each in arguments)
    if origin is tuple:
        return "a list of texts"
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return _number("a number" if kind is float else "a whole number", bounds)
    return "a path" if kind is Path else "a text"


def _number(what: str, bounds: Any) -> str:
    low, high = getattr(bounds, "ge", None), getattr(bounds, "le", None)
    if low is not None and high is not None:
        return f"{what} from {low:,} to {high:,}"
    return f"{what}, {low:,} at least" if low is not None else what
