"""`chatterm unread`: the counts of a status bar."""

import json

import pytest

from tests.cli.conftest import Home, LiveServer
from tests.cli.following import Running


def test_unread_messages_are_counted_from_the_cache(
    live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home
) -> None:
    """Direct and group, mentions apart; of a muted chat only mentions; formats, exit codes, and a bar that follows."""
    nothing = home.run("unread", "--exit-code")
    assert (nothing.code, nothing.out) == (1, "0 unread\n")
    title = f"Unread {anna}"
    assert ben_home.run("group", title, anna).code == 0
    with Running(home, "unread", "--watch", "--format", "{unread}/{mentions}") as bar:
        assert bar.line() == ""
        assert ben_home.run("send", anna, "hello", "--wait").code == 0
        assert bar.line() == "1/0"
        assert ben_home.run("send", title, f"@{anna} look", "--wait").code == 0
        assert bar.line() == "2/1"
        assert ben_home.run("send", title, "again", "--wait").code == 0
        assert bar.line() == "3/1"
        assert home.run("mute", title).code == 0
        assert bar.line() == "2/1"
        assert home.run("seen", ben).code == 0
        assert bar.line() == "1/1"
        assert bar.end() == 130
    assert home.run("unmute", title).code == 0
    counts = json.loads(home.run("unread", "--json").out)
    assert (counts["unread"], counts["mentions"], counts["direct"], counts["groups"]) == (2, 1, 0, 2)
    (chat,) = counts["chats"]
    assert (chat["name"], chat["kind"], chat["unread"], chat["muted"]) == (title, "group", 2, False)
    assert home.run("unread").out == "2 unread, 1 for you\n"
    shaped = home.run("unread", "--format", "{{{unread}}} in {names} {chats}")
    assert shaped.out == f"{{2}} in {title} 1\n"
    assert home.run("seen", "--all").code == 0
    empty = home.run("unread", "--format", "{unread}")
    assert (empty.code, empty.out) == (0, "")


@pytest.mark.parametrize("text", ["{nothing}", "{", "}", "{unread.real}", "{0}"])
def test_a_wrong_format_is_refused_with_the_fields_that_there_are(home: Home, text: str) -> None:
    """Exit 2, also when nobody is signed in."""
    result = home.run("unread", "--format", text)
    assert (result.code, result.out) == (2, "")
    assert "{unread}" in result.err


def test_lists_are_narrowed(live: LiveServer, anna: str, ben: str, home: Home, ben_home: Home) -> None:
    """Chats by kind and by what is unread, people by words of name or email."""
    title = f"Narrow {anna}"
    assert ben_home.run("group", title, anna).code == 0
    assert ben_home.run("send", anna, "hello", "--wait").code == 0

    def names(*words: str) -> list[str]:
        result = home.run(*words, "--json")
        assert result.code == 0, result.err
        return [json.loads(line)["name"] for line in result.lines]

    (person,) = names("users", ben.upper())
    assert names("chats", "--unread") == [person]
    assert names("chats", "--kind", "group") == [title]
    assert names("chats", "--kind", "group", "--unread") == []
    assert names("users", "ben", ben.partition("@")[0], "no such word") == []
    assert home.run("chats", "--kind", "crowd").code == 2
