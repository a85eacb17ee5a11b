"""Parts of a conversation, and all of it: by place, by time, as a stream, and as a file."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.client.accounts import Accounts
from chatterm.client.model import Target
from chatterm.client.session import Session
from tests.cli.conftest import PASSWORD, Home, LiveServer
from tests.support.client import at_home


@pytest.fixture(scope="module")
def talk(live: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Home, str]]:
    """Two machines of one person who wrote thirty messages to another; the second one has cached nothing of them."""
    folder = tmp_path_factory.mktemp("talk")
    anna, ben = live.new_user("Anna"), live.new_user("Ben")
    first, second = Home(folder / "first"), Home(folder / "second")
    for home in (first, second):
        assert home.run("login", live.url, "--email", anna, "--password-stdin", given=PASSWORD).code == 0
    send(first, ben, *map(str, range(29)), "29 \u202e#x\nline")
    yield first, second, ben


def send(home: Home, email: str, *texts: str, files: tuple[Path, ...] = ()) -> None:
    """Send from this process, and wait until the server has all of it."""

    async def run() -> None:
        session = Session(account)
        empty = asyncio.Event()
        session.subscribe(lambda _: empty.set() if session.outbox.counts() == (0, 0) else None)
        async with session:
            for text in texts:
                await session.send(Target(email=email), text, files=files)
            empty.clear()
            while session.outbox.counts() != (0, 0):
                await empty.wait()

    with at_home(home.folder):
        (account,) = Accounts().all()
        asyncio.run(run())


def numbers(home: Home, *words: str) -> list[int]:
    result = home.run("history", *words, "--json")
    assert result.code == 0, result.err
    return [int(json.loads(line)["text"].split()[0]) for line in result.lines]


def test_history_goes_on_from_a_place_or_time_and_around_a_message(talk: tuple[Home, Home, str]) -> None:
    """Places are seqs or ids; `--after` begins with the oldest, `--all` has no limit."""
    home, other, ben = talk
    assert numbers(other, ben, "--after", "10", "--limit", "3") == [10, 11, 12]
    assert numbers(other, ben, "--around", "21", "--limit", "5") == [18, 19, 20, 21, 22]
    assert numbers(other, ben, "--before", "5", "--after", "1", "--offline", "--all") == [1, 2, 3]
    assert numbers(home, ben, "--all") == list(range(30))
    record = json.loads(home.run("history", ben, "--around", "6", "--limit", "1", "--json").lines[0])
    assert numbers(home, ben, "--around", record["id"], "--limit", "3") == [4, 5, 6]
    assert numbers(home, ben, "--after", record["at"], "--limit", "2") == [5, 6]
    assert numbers(home, ben, "--after", record["at"], "--before", "9", "--all", "--offline") == [5, 6, 7]
    assert numbers(home, ben, "--after", "1h", "--limit", "1") == [0]
    assert home.run("history", ben, "--around", "3", "--all").code == 2


def test_a_conversation_is_exported_whole_or_not_at_all(
    live: LiveServer, talk: tuple[Home, Home, str], tmp_path: Path
) -> None:
    """From the server what is not cached; JSON Lines and Markdown; a file only when it is whole."""
    home, other, ben = talk
    output = tmp_path / "out.jsonl"
    done = other.run("export", ben, "--output", str(output))
    assert (done.code, done.out) == (0, ""), done.err
    chat, *records = [json.loads(line) for line in output.read_text().splitlines()]
    assert (chat["kind"], chat["chatKind"], chat["email"]) == ("chat", "direct", ben)
    assert [int(record["text"].split()[0]) for record in records] == list(range(30))
    assert output.stat().st_mode & 0o077 == 0
    assert json.loads(home.run("history", ben, "--limit", "1", "--json").out) == records[-1]
    part = other.run("export", ben, "--since", records[28]["at"], "--until", "1s", "--offline")
    assert part.code == 0
    written = home.run("export", "--all", "--format", "markdown")
    assert written.code == 0
    head, day, *_ = [line for line in written.out.splitlines() if line]
    assert (head[:2], day[:3]) == ("# ", "## ")
    assert "29 ‹U+202E›#x\nline\n" in written.out
    assert "\u202e" not in written.out
    for words in ([], [ben, "--all"], ["--all", "--offline", "--files", str(tmp_path)], [ben, "--since", "5"]):
        assert home.run("export", *words).code == 2
    assert home.run("export", ben, "--output", str(tmp_path / "none" / "x")).code == 74
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_an_export_that_cannot_be_whole_leaves_no_file(tmp_path: Path) -> None:
    """Exit 75 or 69 and nothing under the name; offline only what is cached, and it is said that there are gaps."""
    server, home = LiveServer(tmp_path / "server"), Home(tmp_path / "home")
    server.start()
    try:
        server.add_user("anna@example.org", "Anna")
        server.add_user("ben@example.org", "Ben")
        home.run("login", server.url, "--email", "anna@example.org", "--password-stdin", given=PASSWORD)
        assert home.run("send", "ben@example.org", "one", "--wait").code == 0
        server.kill()
        output = tmp_path / "out.jsonl"
        output.write_text("older")
        failed = home.run("export", "ben@example.org", "--output", str(output))
        assert failed.code in (69, 75)
        assert output.read_text() == "older"
        assert home.run("export", "--all", "--offline", "--output", str(output)).code == 0
        assert json.loads(output.read_text().splitlines()[-1])["text"] == "one"
    finally:
        server.kill()


def test_files_are_downloaded_once_beside_an_export(
    anna: str, ben: str, home: Home, ben_home: Home, tmp_path: Path
) -> None:
    """Into folders of their own; a second export takes what is there."""
    (tmp_path / "plan.txt").write_text("dig here")
    send(ben_home, anna, "see", files=(tmp_path / "plan.txt",))
    folder = tmp_path / "files"
    paths = []
    for _ in range(2):
        done = home.run("export", ben, "--files", str(folder))
        assert done.code == 0, done.err
        (file,) = json.loads(done.lines[-1])["files"]
        paths.append(Path(file["path"]))
    assert paths[0] == paths[1]
    assert paths[0].read_text() == "dig here"
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["plan.txt"]
