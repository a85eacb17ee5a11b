"""Readers of other systems' exports: whatever they are given, they say what they read or what is wrong, and go on."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatproto.text import normalize_message
from chatserver.importing.irc import Encoding
from chatserver.importing.irssi import IrssiSource
from chatserver.importing.mattermost import MattermostSource
from chatserver.importing.model import Conversation, Item, Person, Read, Source
from chatserver.importing.own import OwnSource
from chatserver.importing.report import Report
from chatserver.importing.slack import SlackSource
from chatserver.importing.slack_text import SlackText
from chatserver.importing.sorting import SortedItems, numbered
from chatserver.importing.texts import (
    email_of,
    emoji_of,
    invented_email,
    name_of,
    parts_of,
    title_of,
    topic_of,
)
from chatserver.importing.tree import Tree, open_tree
from chatserver.importing.weechat import WeechatSource
from chatserver.importing.zulip import ZulipSource

FEW = settings(max_examples=25)
TEXT = st.text(st.characters(codec=None), max_size=30)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.sampled_from(["U1", "C1", "x"])
)
WORDS = """
    id ts user text type subtype name members profile email reactions users files attachments edited topic value pins
    team channel message create_at replies path username channel_members props post direct_post sender recipient subject
    content date_sent type_id user_profile full_name emoji_code"""
NAMES = st.sampled_from(WORDS.split())
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6), max_leaves=25
)


def read(source: Source) -> list[Read]:
    """Everything, with what is wrong left out; it must be of a form that the rest can take."""
    report = Report(keep_going=True)
    found = list(source.read(report))
    for each in found:
        assert isinstance(each, Person | Conversation | Item)
        if isinstance(each, Item):
            assert each.at > 0
            assert each.author
            assert each.chat
    assert isinstance(source.name, str)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("export")


def tree_of(folder: Path, files: dict[str, bytes]) -> "closing[Tree]":
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.unlink()
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return closing(open_tree(folder))


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


@FEW
@given(users=JSON, channels=JSON, day=st.lists(JSON, max_size=4), cut=st.integers(0, 400))
def test_slack_takes_any_json(folder: Path, users: Any, channels: Any, day: list[Any], cut: int) -> None:
    messages = [{"ts": "1.5", "user": "U1", **(each if isinstance(each, dict) else {})} for each in day]
    files = {
        "users.json": encoded([{"id": "U1"}, users]),
        "channels.json": encoded([{"id": "C1", "name": "x"}, channels])[: 20 + cut],
        "x/2024-01-01.json": encoded(messages),
    }
    with tree_of(folder, files) as tree:
        read(SlackSource(tree))


@FEW
@given(values=st.lists(JSON, max_size=6), tail=st.binary(max_size=20))
def test_mattermost_takes_any_json(folder: Path, values: list[Any], tail: bytes) -> None:
    kinds = ("team", "channel", "user", "post", "direct_post", "direct_channel")
    lines = [{"type": kind, kind: value} for kind, value in zip(kinds, values, strict=False)]
    content = b"".join(encoded(line) + b"\n" for line in [*lines, *values]) + tail
    with tree_of(folder, {"import.jsonl": content}) as tree:
        read(MattermostSource(tree))


@FEW
@given(values=st.lists(JSON, min_size=6, max_size=6), messages=st.lists(JSON, max_size=3))
def test_zulip_takes_any_json(folder: Path, values: list[Any], messages: list[Any]) -> None:
    tables = ("realm", "userprofile", "recipient", "subscription", "stream", "reaction")
    realm = {f"zerver_{name}": [value] for name, value in zip(tables, values, strict=True)}
    realm["zerver_recipient"].append({"id": 1, "type": 2, "type_id": 7})
    known = {"id": 1, "recipient": 1, "date_sent": 5.0}
    given_messages = [{**(each if isinstance(each, dict) else {}), **known} for each in messages]
    files = {"realm.json": encoded(realm), "messages-000001.json": encoded({"zerver_message": given_messages})}
    with tree_of(folder, files) as tree:
        assert sum(isinstance(each, Item) for each in read(ZulipSource(tree))) <= len(messages)


HEADS = (
    b"",
    b"--- ",
    b"--- Day changed Sat Mar 02 2024",
    b"10:00 <x> ",
    b"10:00  * ",
    b"10:61 <x>",
    b"10:00 -x- ",
    b"2024-03-01 10:00:00\tx\t",
    b"2024-03-01 10:00:00\t",
    b"9999-99-99 10:00\t",
)


@FEW
@given(lines=st.lists(st.tuples(st.sampled_from(HEADS), st.binary(max_size=20)).map(b"".join)))
def test_logs_take_any_bytes(folder: Path, lines: list[bytes]) -> None:
    content = b"\n".join(lines)
    with tree_of(folder, {"net/#x.log": content, "irc.net.#x.weechatlog": content}) as tree:
        read(IrssiSource(tree, UTC, Encoding("cp1252")))
        read(WeechatSource(tree, UTC, Encoding("cp1252")))


@FEW
@given(records=st.lists(JSON, max_size=4), tail=st.binary(max_size=20))
def test_own_exports_take_any_json(folder: Path, records: list[Any], tail: bytes) -> None:
    header = {"type": "export", "format": 1, "epoch": "e", "at": "2024-01-01T00:00:00Z"}
    content = b"".join(encoded(record) + b"\n" for record in [header, *records]) + tail
    with tree_of(folder, {"x.jsonl": content}) as tree:
        read(OwnSource(tree, None))


@settings(max_examples=60)
@given(TEXT)
def test_texts_and_names_become_ones_that_may_be_stored(text: str) -> None:
    for part in parts_of(text * 3)[0]:
        assert normalize_message(part) == part
    assert name_of(text, "x") == name_of(name_of(text, "x"), "y")
    assert title_of(text, "x") == title_of(title_of(text, "x"), "y")
    assert topic_of(topic_of(text)) == topic_of(text)
    assert email_of(invented_email(text, "slack T1"))
    SlackText({"U1": "Anna"}, {}).convert(text)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("a *b* _c_ ~d~ 2*3*4", "a **b** _c_ ~~d~~ 2*3*4"),
        ("`*x* &lt;` and ```<@U1>\n*y*```", "`*x* <` and ```@Anna\n*y*```"),
        (
            "<mailto:a@b.org|a@b.org> <https://x.org> <https://x.org|x.org>",
            "a@b.org https://x.org [x.org](https://x.org)",
        ),
        ("<!subteam^S1|@crew> <!channel> <#C9|town> <@U9|old> &amp;lt;", "@crew @channel #town @old &lt;"),
    ],
)
def test_what_slack_writes_is_shown_as_markdown(given_text: str, shown: str) -> None:
    assert SlackText({"U1": "Anna"}, {}).convert(given_text).text == shown


def test_names_of_emoji() -> None:
    """Slack's own names and skin tones; what a workspace has added has none."""
    assert [emoji_of(name) for name in ("+1", "wave::skin-tone-3", "partyparrot")] == ["👍", "👋🏼", ""]


@FEW
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.sampled_from("xy")), max_size=12))
def test_items_come_in_order_and_none_is_lost(given_items: list[tuple[str, int, str]]) -> None:
    """By chat, then time, then as they came; equal ones get keys of their own."""
    items = SortedItems(None)

    def source() -> Iterator[Item]:
        for number, (chat, at, key) in enumerate(given_items):
            yield Item(chat, key, at, "U1", str(number))

    for item in source():
        items.add(item)
        if item.key == "y":
            items._write_part()  # as if there were too many for the memory
    found = list(numbered(items.merged()))
    items.close()
    expected = sorted(enumerate(given_items), key=lambda entry: (entry[1][0], entry[1][1], entry[0]))
    assert [item.place for item in found] == [str(number) for number, _ in expected]
    assert len({(item.chat, item.at, item.key) for item in found}) == len(found)
