"""`chatterm tail` prints what arrives, once and in order, whatever happens to the line, the server or itself."""

import json
import random
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import PASSWORD, Home, LiveServer
from tests.cli.following import Running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LiveServer]:
    """A server that a test may kill."""
    server = LiveServer(tmp_path / "server" / "data")
    server.data.parent.mkdir()
    server.start()
    yield server
    server.kill()


@pytest.fixture
def pair(own_server: LiveServer, tmp_path: Path) -> tuple[Home, Home]:
    """Anna's machine and Ben's, who have written to each other."""
    homes = Home(tmp_path / "a"), Home(tmp_path / "b")
    for home, email in zip(homes, ("anna@example.org", "ben@example.org"), strict=True):
        own_server.add_user(email, email[:4])
        home.run("login", own_server.url, "--email", email, "--password-stdin", given=PASSWORD)
    say(homes[1], "before")
    return homes


def say(home: Home, *texts: str, to: str = "anna@example.org") -> None:
    for text in texts:
        result = home.run("send", to, text, "--wait")
        assert result.code == 0, result.err


def texts(lines: list[str]) -> list[str]:
    return [json.loads(line)["text"] for line in lines]


def test_what_arrives_is_printed_once_and_in_order_across_a_killed_server(
    own_server: LiveServer, pair: tuple[Home, Home]
) -> None:
    """Each line as it comes; a lost line and its return on standard error; nothing is marked as seen; Ctrl+C is 130."""
    anna, ben = pair
    with Running(anna, "tail", "--follow", "--json") as tail, Running(anna, "tail", "ben@example.org", "-f") as plain:
        assert plain.line().endswith("ben@: before")
        assert tail.process.poll() is None
        say(ben, "one", "two")
        # The tail of all chats began at an unknown moment of these; that of one chat had printed its first line.
        assert [line[21:] for line in plain.lines(2)] == ["ben@: one", "ben@: two"]
        own_server.kill()
        plain.said("Offline; waiting")
        own_server.start()
        plain.said("Online again")
        say(ben, "three")
        say(anna, "four", to="ben@example.org")
        assert [line[21:] for line in plain.lines(2)] == ["ben@: three", "anna: four"]
        printed: list[str] = []
        while not printed or json.loads(printed[-1])["text"] != "four":
            printed.append(tail.line())
        heard = [json.loads(line) for line in printed]
        assert [record["seq"] for record in heard] == list(range(heard[0]["seq"], 6))
        assert [record["own"] for record in heard[-2:]] == [False, True]
        assert (tail.end(), plain.end(signal.SIGINT)) == (130, 130)
        assert (tail.left(), plain.left()) == ([], [])
    assert json.loads(anna.run("unread", "--json").out)["unread"] == 4


def test_a_killed_tail_goes_on_behind_its_cursor_without_loss(pair: tuple[Home, Home], tmp_path: Path) -> None:
    """SIGKILL at random moments: no event is left out, order holds, and only what was printed last may come again."""
    anna, ben = pair
    cursor = str(tmp_path / "cursor")
    words = ("tail", "--json", "--cursor", cursor, "-n", "0", "ben@example.org")
    runs: list[list[str]] = []
    rng = random.Random(3)
    with Running(anna, *words, "--follow") as tail:
        tail.until_written(tmp_path / "cursor")
        say(ben, "0")
        runs.append(texts([tail.line()]))
        assert tail.end(signal.SIGKILL) == -9
        runs[-1] += texts(tail.left())
    for n in range(1, 10, 3):
        say(ben, f"{n}", f"{n + 1}", f"{n + 2}")
        with Running(anna, *words, "--follow") as tail:
            runs.append(texts(tail.lines(rng.randint(1, 3))))
            tail.end(signal.SIGKILL)
            runs[-1] += texts(tail.left())
    done = anna.run(*words)
    assert done.code == 0
    runs.append(texts(done.lines))
    printed = -1
    for run in (list(map(int, run)) for run in runs):
        assert run == list(range(run[0], run[0] + len(run))) if run else True
        assert not run or run[0] <= printed + 1
        printed = max([printed, *run])
    assert printed == 9
    assert anna.run("tail", "--cursor", cursor, "ben@example.org").out == ""
    assert (tmp_path / "cursor").stat().st_mode & 0o077 == 0


def test_a_cursor_of_all_chats_finds_chats_that_were_begun_meanwhile(
    live: LiveServer, home: Home, anna: str, ben: str, ben_home: Home
) -> None:
    """A person's from the first message, a group's from where one was added; no other account's file, no broken one."""
    cursor = home.folder.parent / "all.cursor"
    assert home.run("tail", "--cursor", str(cursor)).out == ""
    title = f"Late {anna}"
    other = live.new_user("Dora")
    assert ben_home.run("group", title, other).code == 0
    assert ben_home.run("send", title, "before anna", "--wait").code == 0
    assert ben_home.run("group", "invite", title, anna).code == 0
    assert ben_home.run("send", title, "welcome", "--wait").code == 0
    assert ben_home.run("send", anna, "hello", "--wait").code == 0
    found: list[dict[str, Any]] = [
        json.loads(line) for line in home.run("tail", "--cursor", str(cursor), "--json").lines
    ]
    assert sorted(record.get("text", record["kind"]) for record in found) == ["hello", "members", "welcome"]
    assert ben_home.run("tail", "--cursor", str(cursor)).code == 2
    cursor.write_text("{")
    broken = home.run("tail", "--cursor", str(cursor))
    assert (broken.code, broken.out) == (78, "")
    assert str(cursor) in broken.err


def test_changes_the_last_lines_and_a_beginning_are_chosen(anna: str, ben: str, home: Home, ben_home: Home) -> None:
    """`-n`, `--since` by seq and time, `--changes`; two tails of one cursor are refused; `--seen` marks."""
    for text in ("one", "two", "three"):
        say(ben_home, text, to=anna)
    assert ben_home.run("edit", anna, "2", "TWO").code == 0
    assert ben_home.run("react", anna, "3", "👍").code == 0
    shown = home.run("tail", ben, "-n", "3", "--changes", "--json")
    three, edited, reacted = [json.loads(line) for line in shown.lines]
    assert (three["text"], three["kind"]) == ("three", "message")
    assert (edited["kind"], edited["change"], edited["messageSeq"]) == ("changed", "edited", 2)
    assert edited["message"]["text"] == "TWO"
    assert (reacted["change"], reacted["emoji"]) == ("reacted", "👍")
    assert texts(home.run("tail", ben, "--since", "2", "--json").lines) == ["TWO", "three"]
    assert texts(home.run("tail", "--since", three["at"], "--json").lines) == ["three"]
    assert home.run("tail", ben, "--since", "1d", "--offline").lines[0].endswith(": one")
    for words in ([], ["--since", "3"], ["--follow", "--offline"], ["--since", "soon", ben]):
        assert home.run("tail", *words).code == 2
    assert json.loads(home.run("unread", "--json").out)["unread"] == 3
    assert home.run("tail", ben, "--seen").code == 0
    assert home.run("unread", "--update", "--format", "{unread}").out == ""


def test_a_tail_ends_when_nobody_reads_it_and_prints_no_hostile_bytes(
    anna: str, ben: str, home: Home, ben_home: Home
) -> None:
    """As with `| head -1`: at once, not at the next message."""
    say(ben_home, "abc\u202edef", to=anna)
    process = home.start("tail", ben, "--follow")
    assert process.stdout is not None
    assert process.stdout.readline().decode().endswith("abc‹U+202E›def\n")
    process.stdout.close()
    assert process.wait(20) == 141
    for stream in (process.stdin, process.stderr):
        assert stream is not None
        stream.close()


def test_a_server_restored_from_a_backup_is_said_and_read_onward(
    own_server: LiveServer, pair: tuple[Home, Home], tmp_path: Path
) -> None:
    """What comes after it is printed, though its places were taken before; standard error says what happened."""
    anna, ben = pair
    own_server.kill()
    shutil.copytree(own_server.data, tmp_path / "backup")
    own_server.start()
    cursor = str(tmp_path / "cursor")
    with Running(anna, "tail", "ben@example.org", "-f", "--json", "-n", "0", "--cursor", cursor) as tail:
        tail.until_written(tmp_path / "cursor")
        say(ben, "lost one", "lost two")
        assert texts(tail.lines(2)) == ["lost one", "lost two"]
        own_server.kill()
        shutil.rmtree(own_server.data)
        shutil.copytree(tmp_path / "backup", own_server.data)
        own_server.start()
        tail.said("replaced or restored")
        say(ben, "new")
        assert texts([tail.line()]) == ["new"]
        assert tail.end() == 130
        assert tail.left() == []
