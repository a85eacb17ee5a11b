"""The real commands as processes, against a real server process that all tests of this folder share."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.forking import Child, forker

PASSWORD = "correct horse"
_CLIENT = "import sys; from chatterm.cli.main import main; sys.exit(main())"
_numbers = itertools.count(1)


@dataclass
class Home:
    """A machine: a home on disk, and the commands run there."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, given: str | bytes | None = None, timeout: float = 30) -> "Result":
        """Run a command to its end; standard input is empty unless `given`."""
        data = given.encode() if isinstance(given, str) else given or b""
        done = forker().run("chatterm", arguments, self.env, data, timeout)
        result = Result(done.code, done.out.decode(), done.err.decode())
        assert "Traceback" not in result.err, result.err
        return result

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", _CLIENT, *arguments]

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "CHATTERM_HOME": str(self.folder), "COVERAGE_PROCESS_START": "", **self.environment}


@dataclass
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@dataclass
class LiveServer:
    """A server process."""

    data: Path
    port: int = 0
    process: Child | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        reading, writing = os.pipe()
        with os.fdopen(reading) as out, os.fdopen(writing, "w") as theirs, Path(os.devnull).open() as nothing:
            arguments = ["serve", "--data", str(self.data), "--port", str(self.port)]
            self.process = forker().start("chatserver", arguments, os.environ, (nothing, theirs, 2))
            theirs.close()
            self.port = int(out.readline().strip().rpartition(":")[2])

    def kill(self) -> None:
        """SIGKILL; does nothing if it is not running."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def add_user(self, email: str, name: str) -> None:
        arguments = ["user", "add", email, "--name", name, "--password-stdin", "--data", str(self.data)]
        done = forker().run("chatserver", arguments, os.environ, PASSWORD.encode(), 30)
        assert done.code == 0, done.err.decode()

    def new_user(self, name: str) -> str:
        """Add a person nobody else has to do with; the email."""
        number = next(_numbers)
        email = f"{name.lower()}{number}@example.org"
        self.add_user(email, f"{name} {number}")
        return email


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The shared server."""
    server = LiveServer(tmp_path_factory.mktemp("server") / "data")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A machine nobody is signed in on."""
    return Home(tmp_path / "home")


@pytest.fixture
def anna(live: LiveServer, home: Home) -> str:
    """A person signed in on `home`; the email."""
    email = live.new_user("Anna")
    log_in(home, live, email)
    return email


@pytest.fixture
def ben(live: LiveServer) -> str:
    """Another person; the email."""
    return live.new_user("Ben")


@pytest.fixture
def ben_home(live: LiveServer, ben: str, tmp_path: Path) -> Home:
    """The machine where the other person is signed in."""
    other = Home(tmp_path / "ben")
    log_in(other, live, ben)
    return other


def log_in(home: Home, live: LiveServer, email: str) -> None:
    result = home.run("login", live.url, "--email", email, "--password-stdin", given=PASSWORD + "\n")
    assert result.code == 0, result.err
