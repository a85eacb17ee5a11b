"""`chatterm search`: the server's messages and this machine's, for people and for programs."""

import json

from tests.cli.conftest import Home, LiveServer


def test_messages_are_found_with_and_without_the_server(
    live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home
) -> None:
    """Newest first, in both forms; filters; offline what is cached; exit 1 for nothing, 2 for what makes no sense."""
    title = f"Orchard {anna}"
    assert ben_home.run("group", title, anna).code == 0
    assert ben_home.run("send", title, "Shall we plant the äpple trees?", "--wait").code == 0
    assert ben_home.run("send", anna, "apple pie  tonight", "--wait").code == 0
    assert home.run("send", ben, "no fruit, see https://example.org", "--wait").code == 0
    found = home.run("search", "apple")
    assert found.code == 0
    assert found.lines[0].endswith("apple pie  tonight")
    assert f"#{title}" in found.lines[1]
    records = [json.loads(line) for line in home.run("search", "apple", "--json").lines]
    assert [record["text"] for record in records] == ["apple pie  tonight", "Shall we plant the äpple trees?"]
    assert records[1]["matches"] == [[19, 24]]
    assert records[1]["snippet"][19:24] == "äpple"
    assert records[1]["chatName"] == title
    assert records[0]["kind"] == "message"
    assert records[0]["senderEmail"] == ben
    assert home.run("search", "apple", "--limit", "1", "--json").lines == [json.dumps(records[0])]
    assert [json.loads(line)["text"] for line in home.run("search", "apple", "--in", title, "--json").lines] == [
        "Shall we plant the äpple trees?"
    ]
    links = home.run("search", "fruit", "--from", "me", "--has", "link", "--json")
    assert [json.loads(line)["own"] for line in links.lines] == [True]
    live.kill()
    try:
        offline = home.run("search", "app*", "--offline", "--json")
        assert [json.loads(line) for line in offline.lines] == records
        assert offline.err == ""
        unreachable = home.run("search", "apple -pie", "--json")
        assert [json.loads(line) for line in unreachable.lines] == [records[1]]
        assert "Offline, this is what is cached" in unreachable.err
    finally:
        live.start()
    nothing = home.run("search", "quince", "--offline")
    assert (nothing.code, nothing.out) == (1, "")
    for wrong in ('"apple', "from:nobody@example.org x", "has:nothing"):
        refused = home.run("search", wrong, "--offline")
        assert (refused.code, refused.out) == (2, "")
        assert "At character 1" in refused.err
