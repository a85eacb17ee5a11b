"""Small commands: messages changed, groups changed, members printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import PASSWORD, Home, LiveServer


def newest(home: Home, target: str) -> dict[str, Any]:
    """The newest event as `history` prints it."""
    record: dict[str, Any] = json.loads(home.run("history", target, "--limit", "1", "--json").lines[0])
    return record


def test_messages_are_changed_on_the_server(anna: str, ben: str, home: Home, ben_home: Home) -> None:
    """By seq, id or `last`; what the server refuses ends with 1; what is wrong here is refused before it is queued."""
    assert home.run("send", ben, "one", "--wait").code == 0
    assert home.run("edit", ben, "last", "--wait", given="ein\nneues\n").code == 0
    message = newest(ben_home, anna)
    assert (message["text"], message["editedAt"] is not None) == ("ein\nneues", True)
    assert ben_home.run("react", anna, message["id"], "🌷", "--wait").code == 0
    assert ben_home.run("pin", anna, "last", "--wait").code == 0
    changed = newest(home, ben)
    assert (changed["pinned"], changed["reactions"][0]["emoji"]) == (True, "🌷")
    assert ben_home.run("react", anna, "1", "🌷", "--remove", "--wait").code == 0
    assert ben_home.run("pin", anna, "1", "--remove", "--wait").code == 0
    assert home.run("delete", ben, "1", "--wait").code == 0
    gone = newest(ben_home, anna)
    assert (gone["text"], gone["deleted"], gone["pinned"], gone["reactions"]) == ("", True, False, [])
    late = ben_home.run("react", anna, "1", "🌷", "--wait")
    assert (late.code, late.out) == (1, "")
    for words, code in (
        (["react", ben, "1", "no emoji"], 1),
        (["edit", ben, "1", " "], 1),
        (["delete", ben, "x"], 2),
        (["edit", ben, "last", "text"], 1),
        (["delete", ben, "99.1"], 1),
    ):
        assert home.run(*words).code == code, words


def test_a_change_is_kept_while_the_server_is_away_and_made_when_it_is_back(tmp_path: Path) -> None:
    """Exit 0 without --wait, 75 with it; the next command of the account brings it to the server."""
    server, home = LiveServer(tmp_path / "server"), Home(tmp_path / "home")
    server.start()
    try:
        server.add_user("anna@example.org", "Anna")
        server.add_user("ben@example.org", "Ben")
        home.run("login", server.url, "--email", "anna@example.org", "--password-stdin", given=PASSWORD)
        assert home.run("send", "ben@example.org", "one", "--wait").code == 0
        assert home.run("history", "ben@example.org").code == 0
        server.kill()
        kept = home.run("edit", "ben@example.org", "last", "two")
        assert (kept.code, kept.out) == (0, "")
        assert "Kept, not done" in kept.err
        assert home.run("pin", "ben@example.org", "1", "--wait", "--timeout", "0.3").code == 75
        server.start()
        assert home.run("react", "ben@example.org", "1", "👍", "--wait").code == 0
        message = newest(home, "ben@example.org")
        assert (message["text"], message["pinned"]) == ("two", True)
        assert message["reactions"][0]["emoji"] == "👍"
    finally:
        server.kill()


def test_groups_are_changed_and_their_members_printed(
    live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home
) -> None:
    """Invite, title, topic, owner, kick and leave; what one may not do is refused with the server's reason."""
    title, other = f"Club {anna}", live.new_user("Carla")
    made = home.run("group", "new", title, ben)
    assert made.code == 0
    assert home.run("group", "invite", f"#{title}", other).code == 0
    assert home.run("group", "topic", title, "Tea  and cake").code == 0
    members = [json.loads(line) for line in home.run("members", title, "--json").lines]
    assert {member["email"]: member["owner"] for member in members} == {anna: True, ben: False, other: False}
    refused = ben_home.run("group", "kick", title, other)
    assert (refused.code, refused.out) == (1, "")
    assert home.run("group", "owner", title, ben).code == 0
    assert ben_home.run("group", "kick", title, other).code == 0
    assert ben_home.run("group", "title", title, f"New {title}").code == 0
    assert home.run("group", "leave", f"New {title}").code == 0
    (line,) = [line for line in ben_home.run("members", f"New {title}").lines if line]
    assert line.startswith(f"* {ben}")
    chat = next(
        record for line in ben_home.run("chats", "--json").lines if (record := json.loads(line))["id"] == int(made.out)
    )
    assert (chat["topic"], chat["name"]) == ("Tea and cake", f"New {title}")
    assert home.run("group", "invite", ben, other).code == 2
    assert home.run("group", "invite", title, "stranger@example.org").code == 1


@pytest.mark.parametrize("words", [["group", "invite"], ["group"], ["mute", "x", "--for", "long"], ["seen"]])
def test_a_wrong_line_of_the_small_commands_ends_with_2(home: Home, words: list[str]) -> None:
    """And prints nothing to standard output."""
    result = home.run(*words)
    assert (result.code, result.out) == (2, "")
