"""What commands print with --json is what docs/schema says, field by field."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import Home, LiveServer

SCHEMAS = Path(__file__).parents[2] / "docs/schema"


def check(name: str, lines: list[str]) -> list[dict[str, Any]]:
    """The records of these lines, each valid, and none with a field that the schema does not name."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    assert records, name
    for record in records:
        validator.validate(record)
        assert line_fits(record, schema), record
    return records


def line_fits(record: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether every field is named; of several forms, the one of its kind."""
    forms = [form["properties"] for form in schema.get("oneOf", [schema])]
    kind = record.get("kind")
    return any(record.keys() <= form.keys() for form in forms if form.get("kind", {}).get("const", kind) == kind)


def test_schemas_are_schemas() -> None:
    """Each file is valid by the draft that it names."""
    files = sorted(SCHEMAS.glob("*.json"))
    assert [path.stem for path in files] == [
        *("account", "bench", "chat", "event", "file", "finding", "member", "outbox", "server-export", "top", "unread"),
        "user",
    ]
    for path in files:
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_real_output_is_as_the_schemas_say(live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home) -> None:
    """Of every command with --json: messages of all kinds, lists, counts, the outbox, findings."""
    title = f"Schema {anna}"
    assert home.run("group", title, ben).code == 0
    for words in (
        ["send", title, "one", "--wait"],
        ["send", title, "--reply", "2", "--mention", ben, "two", "--wait"],
        ["react", title, "2", "👍", "--wait"],
        ["edit", title, "2", "uno", "--wait"],
        ["pin", title, "2", "--wait"],
        ["delete", title, "3", "--wait"],
        ["group", "topic", title, "Fields"],
        ["group", "owner", title, ben],
        ["send", ben, "direct", "--wait"],
        ["mute", title],
    ):
        result = home.run(*words)
        assert result.code == 0, (words, result.err)
    kinds = {record["kind"] for record in check("event", home.run("history", title, "--json").lines)}
    assert kinds == {"created", "message", "chatChanged", "members"}
    changes = check("event", home.run("tail", title, "--since", "1", "--changes", "--json").lines)
    assert {record["change"] for record in changes if record["kind"] == "changed"} == {
        *("reacted", "edited", "pinned", "deleted"),
    }
    assert {record["kind"] for record in check("event", home.run("export", "--all").lines)} == {*kinds, "chat"}
    check("event", home.run("search", "direct", "--json").lines)
    check("chat", home.run("chats", "--json").lines)
    check("user", home.run("users", "--json").lines)
    check("member", home.run("members", title, "--json").lines)
    check("account", home.run("accounts", "--json").lines)
    check("finding", home.run("doctor", "--json").lines)
    assert check("unread", ben_home.run("unread", "--update", "--json").lines)[0]["chats"]
    assert home.run("send", "nobody@example.org", "refused", "--wait").code == 1
    check("outbox", home.run("outbox", "--json").lines)


@pytest.mark.parametrize("record", [{"kind": "message"}, {"kind": "other", "seq": 1}, {}])
def test_what_is_no_line_of_the_log_is_refused(record: dict[str, Any]) -> None:
    """The schema would notice a field that is gone."""
    schema = json.loads((SCHEMAS / "event.json").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(record)
