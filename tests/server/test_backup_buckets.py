"""Buckets: backups that are kept in one, and backups of servers that keep the content of files in one."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import obstore
import pytest
import uvloop

from chatserver.backup.catalog import list_backups
from chatserver.backup.round import hold_round
from chatserver.files.s3 import S3Place, open_bucket
from chatserver.settings import Settings
from tests.server.test_cli import run
from tests.support.backups import furnish, make, restore, tree, verify
from tests.support.s3 import s3_server
from tests.support.server import running_server

DAY = 86_400
START = 1_800_000_000


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, s3: str) -> Settings:
    """A server that keeps content in the bucket, with everything in it."""
    settings = Settings(data=tmp_path_factory.mktemp("server") / "data", file_storage="s3", **bucket("s3", s3, "live"))
    changed = {name: value for name, value in msgspec.structs.asdict(settings).items() if name.startswith("s3_")}
    uvloop.run(furnish(settings.data, file_storage="s3", **changed))
    return settings


def bucket(kind: str, url: str, prefix: str) -> dict[str, Any]:
    """The settings of a folder in the bucket of these tests."""
    return {
        f"{kind}_bucket": "chat",
        f"{kind}_endpoint": url,
        f"{kind}_region": "us-east-1",
        f"{kind}_prefix": prefix,
        f"{kind}_access_key_id": "key",
        f"{kind}_secret_access_key": "secret",
    }


def variables(settings: dict[str, Any]) -> dict[str, str]:
    return {f"CHATSERVER_{name.upper()}": str(value) for name, value in settings.items()}


def stored(url: str, prefix: str) -> dict[str, bytes]:
    """What a folder of the bucket holds."""
    place = open_bucket(S3Place("chat", url, "us-east-1", prefix, "key", "secret"))
    names = [meta["path"].removeprefix(f"{prefix}/") for part in obstore.list(place) for meta in part]
    return {name: bytes(obstore.get(place, name).bytes()) for name in names}


def test_content_in_a_bucket_is_backed_up_and_restored(live: Settings, s3: str, tmp_path: Path) -> None:
    """Into another bucket, or onto the disk; what the bucket lacks is told, and all else is in the backup."""
    content = stored(s3, "live")
    assert len(content) == 3
    assert not (live.data / "files" / "content").exists() or tree(live.data / "files" / "content") == {}
    backup, made = make(live)
    assert (made.problems, made.header.storage) == (0, "s3")
    assert verify(backup).contents == 3
    elsewhere = msgspec.structs.replace(live, data=tmp_path / "data", s3_prefix="new")
    restored = restore(backup, elsewhere)
    assert (restored.storage, stored(s3, "new")) == ("s3", content)
    assert [name for name in tree(restored.data) if name.startswith("files/")] == []
    on_disk = restore(backup, Settings(data=tmp_path / "disk"))
    assert {Path(name).name: data for name, data in tree(on_disk.data / "files" / "content").items()} == content
    obstore.delete(open_bucket(S3Place("chat", s3, "us-east-1", "new", "key", "secret")), next(iter(content)))
    lacking, made = make(elsewhere)
    assert made.problems == 1
    assert verify(lacking).first_problem == made.first_problem == f"missing {next(iter(content))}"


async def test_a_server_serves_what_was_restored_into_a_bucket(live: Settings, s3: str, tmp_path: Path) -> None:
    """Whoever may see a file gets it from there."""
    backup, _ = await asyncio.to_thread(make, live)
    place = bucket("s3", s3, "served")
    settings = Settings(data=tmp_path / "data", file_storage="s3", **place)
    await asyncio.to_thread(restore, backup, settings)
    content = await asyncio.to_thread(stored, s3, "served")
    async with running_server(settings.data, file_storage="s3", **place) as server:
        account = await server.application.store.account_by_email("anna@example.org")
        assert account is not None
        anna = await server.signed_in(account.user)
        with closing(sqlite3.connect(settings.data / "chat.db")) as connection:
            ids = [number for (number,) in connection.execute("SELECT id FROM files")]
        assert len(ids) == 3
        for number in ids:
            answer = await anna.http.get(f"/files/{number}")
            assert answer.status_code == 200
            assert answer.content in content.values()


def test_the_newest_in_a_bucket_by_name(live: Settings, s3: str, tmp_path: Path) -> None:
    """The commands verify and restore `s3:newest`; a name that is not there is said."""
    kept = bucket("backup_s3", s3, "kept")
    settings, environ = msgspec.structs.replace(live, **kept), variables(kept)
    done = run("verify", "s3:newest", **environ)
    assert (done.returncode, done.stderr) == (1, "chatserver: There is no backup yet.\n")
    (state,) = hold_round(settings, None)
    assert (state.error, state.made_s is not None) == ("", True)
    assert state.newest is not None
    assert state.newest.verified_at is not None
    done = run("verify", "s3:newest", "--json", **environ)
    assert (done.returncode, json.loads(done.stdout)["contents"]) == (0, 3)
    done = run("restore", "s3:newest", "--data", tmp_path / "new", **environ)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'new'}\n")
    assert {Path(name).name for name in tree(tmp_path / "new" / "files" / "content")} == set(stored(s3, "live"))
    assert "set file_storage to that" in done.stderr
    done = run("verify", "s3:chat-20260101T000000Z-00000000.tar.zst", **environ)
    assert (done.returncode, done.stdout) == (5, "")
    assert "no chat-20260101T000000Z-00000000.tar.zst in the bucket" in done.stderr


def test_folder_and_bucket_hold_the_same_and_fail_apart(live: Settings, tmp_path: Path, s3: str) -> None:
    """What was made for the folder is copied into the bucket; it is encrypted, and restored from there."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    settings = msgspec.structs.replace(
        live,
        backup_dir=tmp_path / "backups",
        backup_passphrase_file=tmp_path / "passphrase",
        backup_verify=False,
        **bucket("backup_s3", s3, "one"),
    )
    folder, copies = hold_round(settings, None, now=lambda: START)
    assert (folder.error, copies.error) == ("", "")
    assert folder.newest is not None
    assert copies.newest is not None
    assert folder.newest.name == copies.newest.name
    (tmp_path / "backups").rename(tmp_path / "gone")
    (tmp_path / "backups").touch()
    folder, copies = hold_round(settings, None, now=lambda: START + 2 * DAY)
    assert "backups cannot be" in folder.error
    assert copies.error.startswith(str(tmp_path / "backups"))  # it would copy what the folder has
    alone = msgspec.structs.replace(settings, backup_dir=None)
    (copies,) = hold_round(alone, None, now=lambda: START + 2 * DAY)
    assert (copies.error, len(list_backups(alone))) == ("", 2)
