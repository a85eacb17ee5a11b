"""The protocol page tells the truth: its examples decode, and its tables are those of the code."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chatproto import codec, limits, rest
from chatproto.errors import CODES, CloseCode
from chatproto.frames import ClientFrame, ServerFrame
from chatproto.models import LogEvent
from tests.support.structs import struct_types

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "protocol.md").read_text(encoding="utf-8")
EXAMPLES = [
    example
    for page in sorted(DOCS.glob("*.md"))
    for example in re.findall(r"^```json (\S+)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("kind", "source"), EXAMPLES)
def test_example_decodes_to_what_it_shows(kind: str, source: str) -> None:
    """Nothing in an example is ignored: encoding what was decoded gives the same fields back."""
    data = source.encode()
    decoded: Any
    if kind == "client":
        decoded = codec.decode_client_frame(data)
    elif kind == "server":
        decoded = codec.decode_server_frame(data)
    else:
        decoded = codec.decode_body(data, getattr(rest, kind.removeprefix("rest:")))
    shown, encoded = json.loads(source), json.loads(codec.encode(decoded))
    assert _without_defaults(shown) == encoded


def _without_defaults(value: Any) -> Any:
    if isinstance(value, dict):
        shown = {key: _without_defaults(item) for key, item in value.items()}
        return {key: item for key, item in shown.items() if not (key == "protocol" and "token" in shown)}
    return [_without_defaults(item) for item in value] if isinstance(value, list) else value


def test_every_frame_and_event_is_shown() -> None:
    """A frame without an example is not documented."""
    shown = {json.loads(source).get("type") for kind, source in EXAMPLES if not kind.startswith("rest:")}
    kinds = {event["kind"] for _, source in EXAMPLES for event in json.loads(source).get("events", [])}
    for frame in struct_types(ClientFrame) + struct_types(ServerFrame):
        assert frame.__struct_config__.tag in shown
    for event in struct_types(LogEvent):
        assert event.__struct_config__.tag in kinds


def test_every_error_code_is_listed_with_its_meaning() -> None:
    """The table of errors is the one of the code."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\w+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (code, str(spec.http_status), "temporary" if spec.temporary else "final", f"{spec.message} {spec.hint}")
        for code, spec in CODES.items()
    ]


def test_every_close_code_is_listed() -> None:
    """The table of close codes is complete."""
    listed = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert listed == {int(code) for code in CloseCode} | {1009}


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("text of a message", limits.MESSAGE_MAX_BYTES),
        ("messages in one `send`", limits.SEND_MAX_MESSAGES),
        ("bytes of a frame from a client", limits.FRAME_MAX_BYTES),
        ("bytes of a REST body", limits.BODY_MAX_BYTES),
        ("cursors in one `hello`", limits.CURSORS_MAX),
        ("users watched", limits.WATCH_MAX),
        ("chats watched", limits.WATCHED_CHATS_MAX),
        ("users named in one `typing`", limits.TYPERS_NAMED_MAX),
        ("events or messages in a page", limits.PAGE_MAX),
        ("users in a page", limits.USERS_PAGE_MAX),
        ("chats in a page", limits.CHATS_PAGE_MAX),
        ("members in a page", limits.MEMBERS_PAGE_MAX),
        ("members of a group", limits.GROUP_MEMBERS_MAX),
        ("users mentioned by name in a message", limits.MENTIONS_MAX),
        ("files of a message", limits.MESSAGE_FILES_MAX),
        ("characters of a reaction", limits.REACTION_MAX_CHARS),
        ("reactions to a message", limits.REACTIONS_MAX),
        ("different emoji on a message", limits.REACTION_KINDS_MAX),
        ("pinned messages of a chat", limits.PINS_MAX),
        ("message ids in one `seen` request", limits.SEEN_IDS_MAX),
        ("characters of a display name", limits.NAME_MAX_CHARS),
        ("characters of a title", limits.TITLE_MAX_CHARS),
        ("characters of a file's name", limits.FILE_NAME_MAX_CHARS),
        ("files of one message", limits.MESSAGE_FILES_MAX),
        ("characters of a password", limits.PASSWORD_MAX_CHARS),
        ("characters of a status", limits.STATUS_MAX_CHARS),
        ("open invitations of a user", limits.INVITES_MAX),
    ],
)
def test_limits_are_those_of_the_code(words: str, number: int) -> None:
    """Each number on the page is the one that is checked."""
    row = re.search(rf"^\| {re.escape(words)}.*\| (.*) \|$", PAGE, re.MULTILINE)
    assert row is not None
    assert row.group(1).split(" to ")[-1] == f"{number:,}"
