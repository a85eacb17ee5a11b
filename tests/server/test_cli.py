"""The chatserver command as a process: what it prints where, and how it exits."""

import json
import os
import pty
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from chatserver.services.passwords import PasswordPool
from tests.support.forking import forker
from tests.support.store import Backend, Commits

COMMAND = [sys.executable, "-m", "chatserver"]


def run(*arguments: object, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    words = [str(argument) for argument in arguments]
    code, out, err = forker().run("chatserver", words, {**os.environ, **environ}, stdin.encode(), 30)
    return subprocess.CompletedProcess(words, code, out.decode(), err.decode())


def refused(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One paragraph on stderr, nothing on stdout, the documented exit code."""
    assert result.returncode == code, result
    assert result.stdout == ""
    assert result.stderr.startswith("chatserver: ")
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


async def has_password(folder: Path, email: str, password: str) -> bool:
    pool = PasswordPool()
    try:
        async with Backend(folder).open(serving=False) as store:
            account = await store.account_by_email(email)
            assert account is not None
            return await pool.verify(account.password_hash, password)
    finally:
        pool.close()


async def test_a_user_with_a_generated_password(tmp_path: Path) -> None:
    """Without a terminal the password is made and is all that stdout holds; it works."""
    for flags in ((), ("--generate",)):
        folder = tmp_path / f"{len(flags)}"
        result = run("user", "add", "Anna@example.org", "--name", "Anna", "--data", folder, *flags)
        assert result.returncode == 0
        assert "Added Anna <anna@example.org>." in result.stderr
        password = result.stdout.removesuffix("\n")
        assert len(password) == 23
        assert password not in result.stderr
        assert await has_password(folder, "anna@example.org", password)


async def test_a_user_with_a_password_from_stdin(tmp_path: Path) -> None:
    """One line, its end not being part of it; stdout stays empty."""
    result = run("user", "add", "a@b.org", "--name", "A", "--password-stdin", "--data", tmp_path, stdin=" pass wörd \n")
    assert (result.returncode, result.stdout) == (0, "")
    assert await has_password(tmp_path, "a@b.org", " pass wörd ")


def asked(folder: Path, *answers: str) -> tuple[int, str]:
    """Run `user add` on a terminal of its own and type the answers; returns exit code and screen."""
    master, slave = pty.openpty()
    command = [*COMMAND, "user", "add", "a@b.org", "--name", "A", "--data", str(folder)]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    screen = b""
    try:
        for answer in answers:
            while not screen.endswith((b"Password: ", b"Again: ")):
                screen += os.read(master, 1_000)
            os.write(master, answer.encode() + b"\n")
            screen += os.read(master, 1)
        code = process.wait(timeout=30)
        while chunk := read_rest(master):
            screen += chunk
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return code, screen.decode()


def read_rest(master: int) -> bytes:
    try:
        return os.read(master, 1_000)
    except OSError:  # Linux says so when the other side has closed
        return b""


async def test_a_user_with_a_password_typed_twice(tmp_path: Path) -> None:
    """On a terminal it is asked for twice and not shown."""
    code, screen = asked(tmp_path, "typed password", "typed password")
    assert code == 0
    assert "typed password" not in screen
    assert await has_password(tmp_path, "a@b.org", "typed password")


def test_a_mistyped_password_adds_nobody(tmp_path: Path) -> None:
    """Two different answers, or one that is too short, are refused before anything is stored."""
    code, screen = asked(tmp_path, "typed password", "other password")
    assert code == 1
    assert "The two were not the same." in screen
    code, screen = asked(tmp_path, "short")
    assert code == 1
    assert "8 to 256 characters" in screen
    assert not (tmp_path / "chat.db").exists()


def test_users_that_are_refused(tmp_path: Path) -> None:
    """Each reason has its words; nothing is added."""
    assert run("user", "add", "a@b.org", "--name", "A", "--data", tmp_path).returncode == 0
    refused(run("user", "add", "A@B.org", "--name", "B", "--data", tmp_path), 1, "already a user")
    refused(run("user", "add", "nobody", "--name", "B", "--data", tmp_path), 1, "not an email address")
    refused(run("user", "add", "b@b.org", "--name", "two\nlines\x1b", "--data", tmp_path), 1, "name cannot be used")
    refused(run("user", "add", "b@b.org", "--name", "B", "--password-stdin", "--data", tmp_path), 1, "8 to 256")
    assert run("user", "list", "--data", tmp_path).stdout == "a@b.org\tA\n"


def test_listing_users(tmp_path: Path) -> None:
    """Tab-separated for people, JSON lines for programs; a folder without database is not made."""
    for name in ("Anna", "Bért 🐻"):
        assert run("user", "add", f"{name[0]}@b.org", "--name", name, "--data", tmp_path).returncode == 0
    assert run("user", "list", "--data", tmp_path).stdout == "a@b.org\tAnna\nb@b.org\tBért 🐻\n"
    users = [json.loads(line) for line in run("user", "list", "--json", "--data", tmp_path).stdout.splitlines()]
    assert [(user["email"], user["displayName"], user["rev"]) for user in users] == [
        ("a@b.org", "Anna", 1),
        ("b@b.org", "Bért 🐻", 2),
    ]
    refused(run("user", "list", "--data", tmp_path / "typo"), 5, "no database", "--data")
    assert not (tmp_path / "typo").exists()


async def test_a_user_added_while_a_server_runs(tmp_path: Path) -> None:
    """The command does not mind the server, and the server hears of the user."""
    async with Backend(tmp_path).open(poll_s=0.01) as server:
        commits = Commits(server)
        result = run("user", "add", "a@b.org", "--name", "A", "--data", tmp_path)
        assert result.returncode == 0, result.stderr
        await commits.until(lambda all_: any(commit.users_rev == 1 for commit in all_))
        assert await server.account_by_email("a@b.org") is not None


async def test_serving_a_folder_twice(tmp_path: Path) -> None:
    """The second server is refused with what to do."""
    async with Backend(tmp_path).open():
        refused(run("serve", "--port", 0, "--data", tmp_path), 5, "already serves", "--data")


def test_a_port_in_use(tmp_path: Path) -> None:
    """Exit code 4, and the way out."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        refused(
            run("serve", "--port", taken.getsockname()[1], "--data", tmp_path), 4, "another program listens", "port"
        )


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    """A broken file, a missing one, a bad variable and a bad flag have exit code 3 in every command."""
    broken = tmp_path / "chat.toml"
    broken.write_text("port = 'x'\n")
    refused(run("serve", "--config", broken), 3, str(broken), "line 1", "'port'")
    refused(run("user", "list", "--config", broken), 3, str(broken), "line 1", "'port'")
    refused(run("serve", "--config", tmp_path / "missing"), 3, "missing", "--config")
    refused(run("serve", CHATSERVER_PORT="x"), 3, "CHATSERVER_PORT")
    refused(run("serve", "--port", 70_000), 3, "--port")


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    """A file in the way, and a database that is none."""
    (tmp_path / "file").touch()
    refused(run("serve", "--port", 0, "--data", tmp_path / "file"), 5, "--data")
    (tmp_path / "chat.db").write_bytes(b"not a database" * 100)
    for command in (("serve", "--port", 0), ("user", "list")):
        refused(run(*command, "--data", tmp_path), 5, "file is not a database", "--data")


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("user",), ("user", "add", "a@b.org"), ("serve", "--port", "x")]
)
def test_wrong_arguments(arguments: tuple[str, ...]) -> None:
    """Argparse's own words, exit code 2."""
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("usage: chatserver")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`chatserver user list | head -0` ends without a traceback."""
    assert run("user", "add", "a@b.org", "--name", "A", "--data", tmp_path).returncode == 0
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [*COMMAND, "user", "list", "--data", str(tmp_path)]
        result = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=30, check=False)
    finally:
        os.close(writing)
    assert (result.returncode, result.stderr) == (1, b"")


def test_help_and_version_load_nothing_heavy() -> None:
    """They answer at once: no server, no database, no hashing is imported; the exit codes are documented."""
    script = (
        "import sys\nfrom chatserver.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'litestar', 'uvicorn', 'argon2', 'aiosqlite', 'sqlite3', 'asyncio', 'jwt', 'textual'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
    for code in range(6):
        assert f"\n  {code}  " in result.stdout
    assert run("--version").stdout.startswith("chatserver 0.")
