"""`chatserver doctor`: each thing that goes wrong with a server's files is found, named, and left as it is."""

import asyncio
import contextlib
import fcntl
import json
import os
import re
import socket
import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chatserver.backup.names import new_name
from chatserver.doctor.machine import check_memory
from chatserver.doctor.reaching import is_here
from chatserver.doctor.running import holds_lock
from chatserver.ops.whereabouts import announced
from tests.server.test_cli import refused, run
from tests.support.files import put
from tests.support.mounts import mounted, read_only
from tests.support.server import running_server
from tests.support.tls import write_pair

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/finding.json").read_text())


class Found:
    """The findings of one run by the name of their check; the last one where it is made twice."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        result = run("doctor", "--json", "--data", folder, *words, **environ)
        assert result.stderr == ""
        self.code = result.returncode
        self.findings: list[dict[str, Any]] = [json.loads(line) for line in result.stdout.splitlines()]
        self.by_check = {finding["check"]: finding for finding in self.findings}
        for finding in self.findings:
            Draft202012Validator(SCHEMA).validate(finding)
            assert finding["state"] != "bad" or finding["hint"], finding

    def bad(self) -> dict[str, str]:
        """What is bad, and what is said of it."""
        return {finding["check"]: finding["message"] for finding in self.findings if finding["state"] == "bad"}

    def state(self, check: str) -> str:
        return str(self.by_check[check]["state"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a user, that no server serves."""
    data = tmp_path / "data"
    assert run("user", "add", "anna@example.org", "--name", "Anna", "--generate", "--data", data).returncode == 0
    return data


def snapshot(folder: Path) -> Mapping[str, tuple[int, int, int, bytes]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_mtime_ns, content)
    return found


def test_a_server_at_rest_is_looked_at_without_a_trace(folder: Path) -> None:
    """Nothing is bad, exit code 10 says that something is worth knowing, and no byte and no file is another one."""
    before = snapshot(folder)
    found = Found(folder, "--deep")
    assert (found.code, found.bad()) == (10, {})
    assert [found.state(check) for check in ("settings", "data", "database", "schema")] == ["good"] * 4
    assert [found.state(check) for check in ("server", "backups")] == ["notice"] * 2
    assert snapshot(folder) == before
    quiet = Found(folder, "--quiet")
    assert {finding["state"] for finding in quiet.findings} == {"notice"}


async def test_a_running_server_is_asked(tmp_path: Path) -> None:
    """Its answer, its version and its readiness; attachments are there, and their loss is noticed."""
    data = tmp_path / "data"
    async with running_server(data) as server:
        anna = await server.person("Anna")
        await put(anna, b"a picture of a tree" * 100)
        found = Found(data, "--deep")
        assert found.bad() == {}
        assert "All 1 are there" in found.by_check["attachments"]["message"]
        content = next(path for path in (data / "files/content").rglob("*") if path.is_file())
        content.write_bytes(b"another picture" + content.read_bytes()[15:])
        assert Found(data).state("attachments") == "good"
        assert "1 of 1" in Found(data, "--deep").bad()["attachments"]
        content.unlink()
        assert "1 of 1" in Found(data).bad()["attachments"]


def test_a_damaged_database_is_found_and_left(folder: Path) -> None:
    """Garbage within, garbage from the first byte, nothing at all, somebody else's, and one from the future."""
    path = folder / "chat.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8_192] + os.urandom(len(whole) - 8_192))
    assert re.search("damaged|malformed", Found(folder).bad()["database"])
    path.write_bytes(os.urandom(len(whole)))
    found = Found(folder)
    assert (found.code, set(found.bad())) == (1, {"database"})
    path.unlink()
    assert "no chat.db" in Found(folder).bad()["database"]
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE songs (title TEXT)")
    foreign.close()
    assert "no database of chatserver's" in Found(folder).bad()["database"]
    path.write_bytes(whole)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 9999")
    newer.close()
    assert "schema 9999" in Found(folder).bad()["schema"]


def test_rights_that_are_too_wide(folder: Path) -> None:
    """The folder, files in it, the settings with a password, and the file of one."""
    folder.chmod(0o755)
    (folder / "secret").write_text("x")
    (folder / "secret").chmod(0o644)
    password = folder.parent / "password"
    password.write_text("p")
    password.chmod(0o644)
    config = folder.parent / "config.toml"
    config.write_text(
        'smtp_host = "mail.example.org"\nsmtp_from = "a@example.org"\nsmtp_password = "x"\n'
        f'smtp_password_file = "{password}"\n'
    )
    config.chmod(0o644)
    found = Found(folder, "--config", str(config)).bad()
    assert found.keys() == {"data", "permissions", "settings", "secrets"}
    assert str(config) in found["settings"]


def test_settings_that_let_anybody_in(folder: Path) -> None:
    """Each is said with the setting's name; what the program would refuse to start with is bad, too."""
    config = folder.parent / "config.toml"
    config.write_text(
        'trusted_proxies = ["0.0.0.0/0"]\nmetrics_networks = ["0.0.0.0/0"]\n'
        'registration = "open"\nlimits_enabled = false\n'
    )
    found = Found(folder, "--config", str(config))
    assert found.bad().keys() == {"proxies", "metrics", "limits"}
    assert found.state("registration") == "notice"
    config.write_text('colour = "green"\n')
    found = Found(folder, "--config", str(config))
    assert "colour" in found.bad()["settings"]
    assert found.code == 1
    assert "no-such-file" in Found(folder, "--config", "no-such-file.toml").bad()["settings"]


def test_backups_that_are_missing_old_or_on_the_same_disk(folder: Path) -> None:
    backups = folder.parent / "backups"
    environ = {"CHATSERVER_BACKUP_DIR": str(backups), "CHATSERVER_BACKUP_INTERVAL_S": "86400"}
    assert Found(folder, **environ).state("backups") == "notice"
    backups.mkdir()
    (backups / new_name(int(time.time()) - 5 * 86_400, encrypted=False)).write_bytes(b"x")
    found = Found(folder, **environ)
    assert "5 days old" in found.bad()["backups"]
    assert found.state("verification") == "notice"
    (backups / new_name(int(time.time()), encrypted=False)).write_bytes(b"x")
    found = Found(folder, **environ)
    assert found.state("backups") == "good"
    assert found.state("backup place") == "notice"


def test_no_folder_and_no_folder_at_all(tmp_path: Path) -> None:
    assert Found(tmp_path / "nothing").state("data") == "notice"
    (tmp_path / "file").touch()
    assert "not a folder" in Found(tmp_path / "file").bad()["data"]
    (tmp_path / "empty").mkdir(mode=0o700)
    assert Found(tmp_path / "empty").state("database") == "notice"


def test_what_belongs_to_somebody_else(folder: Path) -> None:
    """A file that root made among the server's, or a folder of another user: who is told, and whom to be."""
    if os.geteuid() == 0:
        os.chown(folder / "chat.db", 65_534, 65_534)
        assert "chat.db" in Found(folder).bad()["ownership"]
    else:
        assert "root" in Found(Path("/")).bad()["data"]


def test_memory_as_the_system_tells_it() -> None:
    """Little of it, none of swap, and nothing told at all."""
    small = "MemTotal: 1000000 kB\nMemAvailable: 50000 kB\nSwapTotal: 0 kB\n"
    assert [(finding.check, finding.state) for finding in check_memory(small)] == [
        ("memory", "notice"),
        ("swap", "notice"),
    ]
    large = "MemTotal: 9000000 kB\nMemAvailable: 5000000 kB\nSwapTotal: 0 kB\n"
    assert [finding.state for finding in check_memory(large)] == ["good"]
    assert [finding.state for finding in check_memory("")] == ["notice"]


async def test_certificates_in_the_files_and_as_they_are_served(tmp_path: Path) -> None:
    """What a client is shown is another one than is in the file; then one that has expired, and a foreign key."""
    data = tmp_path / "data"
    certificate, key = write_pair(tmp_path)
    environ = {"CHATSERVER_TLS_CERTIFICATE": str(certificate), "CHATSERVER_TLS_KEY": str(key)}
    async with running_server(data, tls_certificate=certificate, tls_key=key) as server:
        with announced(data, server.url, None):
            found = await asyncio.to_thread(Found, data, **environ)
            assert found.bad() == {}
            assert "does not trust" in found.by_check["served certificate"]["message"]
            assert (found.state("certificate"), found.state("server")) == ("good", "good")
            # The server would take it over in place of its own, by and by.
            (tmp_path / "renewed").mkdir()
            certificate, key = write_pair(tmp_path / "renewed", days=-1)
            environ = {"CHATSERVER_TLS_CERTIFICATE": str(certificate), "CHATSERVER_TLS_KEY": str(key)}
            found = await asyncio.to_thread(Found, data, **environ)
            assert "expired" in found.bad()["certificate"]
            assert "another one" in found.bad()["served certificate"]
    key.write_text("-----BEGIN")
    assert "tlsKeyInvalid" in Found(data, **environ).bad()["certificate"]


def test_names_that_lead_here_and_elsewhere(folder: Path) -> None:
    """An address of this machine; one where nobody answers; no address at all."""
    environ = {"CHATSERVER_ACME_AGREE_TOS": "true", "CHATSERVER_ACME_EMAIL": "a@example.org"}
    assert is_here("127.0.0.1")
    assert not is_here("192.0.2.77")
    found = Found(folder, CHATSERVER_DOMAIN="chat.invalid", **environ)
    assert "chat.invalid" in found.bad()["name"]
    assert found.state("certificate") == "notice"


def test_a_disk_that_is_full_or_read_only(tmp_path: Path) -> None:
    """Doctor and server say so, and that a backup has to be restored neither of them."""
    disk = tmp_path / "disk"
    data = disk / "data"
    with mounted(disk, "-t", "tmpfs", "-o", "size=4m", "tmpfs"):
        assert run("user", "add", "anna@example.org", "--name", "Anna", "--generate", "--data", data).returncode == 0
        with (disk / "filling").open("wb", buffering=0) as filling, contextlib.suppress(OSError):
            while filling.write(b"x" * 4_096):
                pass
        assert "are free" in Found(data).bad()["disk"]
        refused(run("serve", "--data", data, "--port", "0"), 5, "no room", "Free some space")
        read_only(disk)
        found = Found(data)
        assert "read-only" in found.bad()["disk"]
        assert found.state("database") == "good"
        refused(run("serve", "--data", data, "--port", "0"), 5, "Read-only file system")


def test_another_program_has_the_port(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        found = Found(folder, CHATSERVER_HOST="127.0.0.1", CHATSERVER_PORT=str(port))
        assert str(port) in found.bad()["port"]
        assert str(port) in found.by_check["port"]["hint"]


def test_messages_of_a_time_to_come(folder: Path) -> None:
    """Either the clock was wrong when they were written, or it is now."""
    with closing(sqlite3.connect(folder / "chat.db")) as database, database:
        ahead = int((time.time() + 7_300) * 1e6)
        columns = "kind, title, member_count, head, head_at, created_at"
        database.execute(f"INSERT INTO chats ({columns}) VALUES ('group', 'g', 0, 1, ?, 1)", (ahead,))
    assert "2 hours ahead" in Found(folder).bad()["times"]


def test_the_lock_of_a_server_is_known_on_disks_of_several_devices(tmp_path: Path) -> None:
    """On this one as the kernel tells it; as btrfs and overlayfs show it, by the process too."""
    with (tmp_path / "serve.lock").open("w") as file:
        status = os.fstat(file.fileno())
        assert not holds_lock(Path("/proc/locks").read_text(), status, os.getpid())
        fcntl.flock(file, fcntl.LOCK_EX)
        locks = Path("/proc/locks").read_text()
        assert holds_lock(locks, status, os.getpid())
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}"
        elsewhere = locks.replace(device, "fff:fe")
        assert holds_lock(elsewhere, status, os.getpid())
        assert not holds_lock(elsewhere, status, None)


def test_a_certificate_that_ends_in_days(folder: Path, tmp_path: Path) -> None:
    for days, state in ((2, "bad"), (10, "notice"), (30, "good")):
        (tmp_path / str(days)).mkdir()
        certificate, key = write_pair(tmp_path / str(days), days=days)
        found = Found(folder, CHATSERVER_TLS_CERTIFICATE=str(certificate), CHATSERVER_TLS_KEY=str(key))
        assert found.state("certificate") == state
