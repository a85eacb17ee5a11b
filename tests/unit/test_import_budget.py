"""What a command may load before it has done its work: start-up time is a promise, and imports break it silently."""

import subprocess
import sys
from pathlib import Path

import pytest

from chatterm.client.accounts import Accounts
from chatterm.client.model import Account

NETWORK = frozenset({"httpx", "websockets", "ssl", "asyncio"})
SCREEN = frozenset({"textual", "rich"})

# Queues like `chatterm send`, then looks around in place of delivering.
_SEND = """
import sys, types
stub = types.ModuleType("chatterm.cli.delivery")
stub.deliver = lambda *_: print(*sys.modules) or 0
sys.modules["chatterm.cli.delivery"] = stub
from chatterm.cli.main import main
sys.exit(main(["send", "ben@example.org", "hello"]))
"""
_HELP = """
import sys
from {package} import main
try:
    main(["--help"])
except SystemExit as end:
    print("\\nLOADED", *sys.modules)
    raise
"""
_WINDOW = """
import sys
sys.argv = ["chatterm"]
from chatterm.cli.entry import main
assert main() == 2  # there is no terminal here
print(*sys.modules)
"""
_SESSION = """
import sys
from chatterm.client.accounts import Accounts
from chatterm.client.session import Session
session = Session(Accounts().default())
print(session.status.link, session.cache.entries(), *sys.modules)
"""


def loaded(code: str, home: Path) -> set[str]:
    """The top-level packages loaded when the program printed them."""
    environment = {"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with an account whose server nobody needs."""
    account = Account("anna@localhost", "http://localhost:9", "anna@example.org", 1, "Anna")
    Accounts(tmp_path / "accounts.json").add(account)
    return tmp_path


def test_help_of_chatterm_loads_neither_the_screen_nor_the_network_nor_the_server(home: Path) -> None:
    """It loads the command line and nothing else."""
    names = loaded(_HELP.format(package="chatterm.cli.main"), home)
    assert "chatterm" in names
    assert not names & (NETWORK | SCREEN | {"chatserver", "msgspec", "sqlite3"})


def test_queueing_a_message_loads_neither_the_screen_nor_the_network_nor_the_server(home: Path) -> None:
    """Up to the moment it is on disk, `chatterm send` needs cache and outbox only."""
    names = loaded(_SEND, home)
    assert "sqlite3" in names
    assert not names & (NETWORK | SCREEN | {"chatserver"})


def test_the_window_opens_before_a_command_line_is_read(home: Path) -> None:
    """Without arguments no parser is made, and none of the commands is loaded."""
    names = loaded(_WINDOW, home)
    assert "chatterm" in names
    assert not names & (NETWORK | SCREEN | {"argparse", "sqlite3"}) - {"asyncio", "ssl"}


def test_an_engine_is_made_without_the_network(home: Path) -> None:
    """A window can draw the cached conversation before HTTP and WebSockets are loaded."""
    names = loaded(_SESSION, home)
    assert "asyncio" in names
    # ssl comes with asyncio itself.
    assert not names & {"httpx", "httpcore", "websockets", "certifi", "textual", "chatserver"}


def test_help_of_chatserver_loads_neither_its_framework_nor_the_client(home: Path) -> None:
    """The server's parts load when they run."""
    names = loaded(_HELP.format(package="chatserver.cli"), home)
    assert "chatserver" in names
    assert not names & {"litestar", "uvicorn", "uvloop", "argon2", "chatterm", "textual"}
