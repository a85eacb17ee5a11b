"""The examples of bots, run as anybody would run them."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cli.conftest import PASSWORD, Home, LiveServer
from tests.cli.following import Running

EXAMPLES = Path(__file__).parents[2] / "examples"


@contextmanager
def example(home: Home, name: str, *words: str, given: str = "") -> Iterator["subprocess.Popen[str]"]:
    """A running example, once it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=home.env,
        text=True,
    )
    try:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(given)
        process.stdin.close()
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def heard(home: Home, cursor: Path) -> Iterator[Running]:
    """What arrives on a machine from now on."""
    with Running(home, "tail", "--follow", "--json", "--cursor", str(cursor)) as tail:
        tail.until_written(cursor)
        yield tail


def test_the_echo_bot_answers_also_what_came_while_it_was_away(
    live: LiveServer, anna: str, home: Home, tmp_path: Path
) -> None:
    """Signed in with a password once; SIGTERM ends it with 0; each message is answered once, as a reply."""
    echo, machine = live.new_user("Echo"), Home(tmp_path / "echo")
    with heard(home, tmp_path / "cursor") as tail:
        with example(machine, "echo_bot.py", live.url, echo, given=PASSWORD + "\n") as process:
            assert home.run("send", echo, "one", "--wait").code == 0
            _until(tail, '"text": "one"', '"own": false')
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        assert home.run("send", echo, "two", "--wait").code == 0
        with example(machine, "echo_bot.py", live.url, echo):
            assert '"replyTo": 3' in _until(tail, '"text": "two"', '"own": false')
            # The bot is its account's sender now: commands hand their changes over, and hear what became of them.
            assert machine.run("edit", anna, "last", "second", "--wait").code == 0
            refused = machine.run("delete", anna, "1", "--wait")
            assert (refused.code, refused.out) == (1, "")
            assert machine.run("react", anna, "1", "👍", "--wait").code == 0
    texts = [line.rpartition(": ")[2] for line in home.run("history", echo).lines]
    assert [text for text in texts if not text.startswith(" ")] == ["one", "one", "two", "second"]


def test_the_command_bot_answers_commands_of_whom_it_may(
    live: LiveServer, anna: str, home: Home, ben_home: Home, tmp_path: Path
) -> None:
    """Help, what a program prints, and a refusal for others; an unknown command is answered in a direct chat only."""
    bot, machine = live.new_user("Runner"), Home(tmp_path / "runner")
    assert machine.run("login", live.url, "--email", bot, "--password-stdin", given=PASSWORD).code == 0
    with (
        example(machine, "command_bot.py", anna, "printf", "a\\033[31mb\\n"),
        heard(home, tmp_path / "cursor") as tail,
        heard(ben_home, tmp_path / "other") as other,
    ):
        assert home.run("send", bot, "!help", "--wait").code == 0
        assert "!run  runs printf" in _until(tail, '"own": false')
        assert home.run("send", bot, "!run", "--wait").code == 0
        assert "exit 0\\n```\\na?[31mb\\n```" in _until(tail, '"own": false')
        assert home.run("send", bot, "!dance", "--wait").code == 0
        assert "I do not know !dance" in _until(tail, '"own": false')
        assert ben_home.run("send", bot, "!run", "--wait").code == 0
        assert "You may not." in _until(other, '"own": false')


def _until(tail: Running, *words: str) -> str:
    """The next line that has all of these words."""
    while True:
        line = tail.line()
        if all(word in line for word in words):
            return line
