"""Tokens on disk: private, replaced whole, refused when they may be somebody else's, refreshed by one process."""

import asyncio
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.client.credentials import Credentials, CredentialStore
from chatterm.client.errors import ClientError


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    return CredentialStore(tmp_path / "account" / "credentials.json")


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def tokens(number: int = 1) -> Credentials:
    return Credentials(
        access_token=f"access-{number}",
        access_expires_at=number,
        refresh_token=f"refresh-{number}",
        session_id=number,
    )


def code_of_load(store: CredentialStore) -> str:
    with pytest.raises(ClientError) as caught:
        store.load()
    assert str(store.path) in caught.value.message
    assert "chatterm login" in caught.value.hint
    return caught.value.code


def test_tokens_come_back_and_go(store: CredentialStore) -> None:
    """What was saved last is loaded; signing out forgets it, also twice."""
    assert store.load() is None
    store.save(tokens(1))
    store.save(tokens(2))
    assert store.load() == tokens(2)
    store.clear()
    store.clear()
    assert store.load() is None


@pytest.mark.usefixtures("no_umask")
def test_file_and_folder_are_private(store: CredentialStore) -> None:
    """0600 in 0700 even with umask 0, and no temporary file stays."""
    store.save(tokens())
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    assert list(store.path.parent.iterdir()) == [store.path]


def test_rights_of_others_to_read_are_taken_away(store: CredentialStore) -> None:
    """A copy restored with a wider mode works, and is private from then on."""
    store.save(tokens())
    store.path.chmod(0o644)
    assert store.load() == tokens()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("loose", [0o620, 0o602, 0o666])
def test_tokens_that_others_could_have_written_are_refused(store: CredentialStore, loose: int) -> None:
    """They could sign this person in as somebody else."""
    store.save(tokens())
    store.path.chmod(loose)
    assert code_of_load(store) == "credentialsUnsafe"


def test_a_link_is_refused_and_replaced_not_followed(store: CredentialStore, tmp_path: Path) -> None:
    """Neither reading nor writing goes where a link leads."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    store.path.parent.mkdir()
    store.path.symlink_to(elsewhere)
    assert code_of_load(store) == "credentialsUnsafe"
    store.save(tokens())
    assert store.load() == tokens()
    assert elsewhere.read_text() == "untouched"


def test_a_pipe_in_the_file_s_place_does_not_block(store: CredentialStore) -> None:
    """Only a plain file is read."""
    store.path.parent.mkdir()
    os.mkfifo(store.path)
    assert code_of_load(store) == "credentialsUnsafe"


def test_a_file_of_somebody_else_is_refused(store: CredentialStore) -> None:
    """Its tokens are not this user's."""
    if os.geteuid() == 0:  # root can give a file away; everybody else finds one of root's
        store.save(tokens())
        os.chown(store.path, 65534, 65534)
    else:
        store = CredentialStore(Path("/etc/passwd"))
    assert code_of_load(store) == "credentialsUnsafe"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"accessToken":"canary-token"', b"\xff\xfe", b"[" * 50_000])
def test_broken_tokens_are_a_clear_error_without_a_token_in_it(store: CredentialStore, content: bytes) -> None:
    """The message may end in a log; tokens may not."""
    store.save(tokens())
    store.path.write_bytes(content)
    with pytest.raises(ClientError) as caught:
        store.load()
    assert caught.value.code == "credentialsBroken"
    assert "canary" not in str(caught.value.info())
    assert "refresh-1" not in repr(tokens())


def test_a_reader_never_meets_half_a_file(store: CredentialStore) -> None:
    """While one thread replaces the tokens again and again, every load gives whole tokens."""
    store.save(tokens(0))
    done = threading.Event()

    def write() -> None:
        for number in range(1, 60):
            store.save(tokens(number))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    last = 0
    while not done.is_set():
        loaded = store.load()
        assert loaded is not None
        assert loaded == tokens(loaded.session_id)
        assert loaded.session_id >= last
        last = loaded.session_id
    writer.join()


async def test_only_one_refreshes_and_the_others_see_its_tokens(store: CredentialStore) -> None:
    """Ten tasks want to refresh the same expired tokens; exactly one does."""
    store.save(tokens(1))
    refreshes = []

    async def use() -> None:
        async with store.update_lock():
            current = store.load()
            assert current is not None
            if current.session_id == 1:
                refreshes.append(current)
                store.save(tokens(2))

    await asyncio.gather(*(use() for _ in range(10)))
    assert len(refreshes) == 1


async def test_the_right_to_refresh_dies_with_its_process(store: CredentialStore) -> None:
    """While another process holds it, waiting ends in a clear error; after kill -9 it is free."""
    script = (
        "import asyncio, sys, pathlib; from chatterm.client.credentials import CredentialStore\n"
        "async def main():\n"
        "    async with CredentialStore(pathlib.Path(sys.argv[1])).update_lock():\n"
        "        print('held', flush=True); sys.stdin.read()\n"
        "asyncio.run(main())"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(store.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ClientError) as caught:
            async with store.update_lock(timeout=0.0):
                pytest.fail("two held the lock")
        assert caught.value.code == "lockTimeout"
        assert caught.value.temporary
        holder.kill()
        holder.wait(10)
        async with store.update_lock():
            assert store.load() is None


def test_expiry_is_judged_with_a_margin() -> None:
    """A token that ends within the margin is treated as expired."""
    assert tokens(1).expires_within(0)
    lasting = Credentials(access_token="a", access_expires_at=1 << 53, refresh_token="r", session_id=1)
    assert not lasting.expires_within(60)
