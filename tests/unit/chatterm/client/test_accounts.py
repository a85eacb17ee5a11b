"""Accounts and their folders: safe names, private files, and a registry that several processes may change."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.client import paths
from chatterm.client.accounts import Accounts, account_key
from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_private_folder
from chatterm.client.model import Account


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATTERM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def account(email: str = "anna@example.org", url: str = "https://chat.example.org") -> Account:
    return Account(account_key(email, url), url, email, 7, "Anna")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("email", "url", "key"),
    [
        ("anna@example.org", "https://chat.example.org", "anna@example.org@chat.example.org"),
        ("anna@example.org", "https://chat.example.org:443", "anna@example.org@chat.example.org"),
        ("anna@example.org", "https://chat.example.org:8443", "anna@example.org@chat.example.org:8443"),
        ("anna@example.org", "http://localhost", "anna@example.org@localhost:80"),
        ("anna@example.org", "http://127.0.0.1:8080", "anna@example.org@127.0.0.1:8080"),
        ("béla@example.org", "http://[::1]:8080", "b%C3%A9la@example.org@%5B::1%5D:8080"),
        ("../../etc/x@y", "https://h", "%2E.%2F..%2Fetc%2Fx@y@h"),
        ("-rf@y", "https://h", "%2Drf@y@h"),
    ],
)
def test_key_names_person_and_place(email: str, url: str, key: str) -> None:
    """The key can be read and typed, and says which server is meant."""
    assert account_key(email, url) == key


@given(st.text(min_size=1, max_size=254).filter(lambda text: text.isprintable()))
def test_any_email_gives_a_safe_folder_name(email: str) -> None:
    """Whatever an address holds, its folder stays inside the folder of accounts and can be made."""
    key = account_key(email, "https://chat.example.org")
    assert "/" not in key
    assert key not in (".", "..")
    assert key[0] not in ".-"
    assert len(key.encode()) <= paths.KEY_MAX_CHARS
    folder = paths.account_files(key).folder
    assert folder.parent == paths.data_dir() / "accounts"
    assert folder.is_dir()


@given(
    st.lists(
        st.tuples(st.text("ab./%@:~É", min_size=1, max_size=200), st.sampled_from(["https://h", "http://h:1"])),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_different_accounts_have_different_keys(pair: list[tuple[str, str]]) -> None:
    """No two accounts share a folder."""
    assert account_key(*pair[0]) != account_key(*pair[1])


@pytest.mark.parametrize("key", ["", "..", ".", "a/b", "a\\b", "-x", ".x", "a\0b", "a\n", "x" * 161])
def test_a_key_that_is_no_folder_name_is_refused(key: str) -> None:
    """A key edited by hand cannot lead out of the folder of accounts."""
    with pytest.raises(ClientError) as caught:
        paths.account_files(key)
    assert caught.value.code == "configBroken"


@pytest.mark.usefixtures("no_umask")
def test_folders_and_files_are_private(home: Path) -> None:
    """Even with umask 0 nobody else can read anything, and wider rights on an account's folder are taken away."""
    Accounts().add(account())
    files = paths.account_files(account().key)
    assert mode(home) == 0o700
    assert mode(home / "accounts") == 0o700
    assert mode(files.folder) == 0o700
    assert {mode(path) for path in home.iterdir() if path.is_file()} == {0o600}
    files.folder.chmod(0o755)
    paths.account_files(account().key)
    assert mode(files.folder) == 0o700


def test_an_existing_home_keeps_its_mode(home: Path) -> None:
    """A folder that the user named may be shared with other things; only the folders inside are the program's own."""
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    paths.account_files(account().key)
    assert mode(home) == 0o755


def test_a_folder_of_somebody_else_is_refused() -> None:
    """Another user of the machine cannot lay out a folder in advance and read what is put there."""
    folder = Path("/etc")
    if os.geteuid() == 0:  # root can give a folder away; everybody else finds one of root's
        folder = paths.account_files(account().key).folder
        os.chown(folder, 65534, 65534)
    with pytest.raises(ClientError) as caught:
        ensure_private_folder(folder)
    assert caught.value.code == "folderUnsafe"
    assert caught.value.hint


def test_a_file_where_a_folder_belongs_is_a_clear_error(home: Path) -> None:
    """The path is named and nothing is overwritten."""
    home.write_text("mine")
    for attempt in (lambda: Accounts().add(account()), lambda: paths.account_files(account().key)):
        with pytest.raises(ClientError) as caught:
            attempt()
        assert str(home) in caught.value.message
    assert home.read_text() == "mine"


def test_without_a_home_the_platform_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG folders are respected."""
    monkeypatch.delenv("CHATTERM_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    assert paths.config_dir() == tmp_path / "c" / "chatterm"
    assert paths.data_dir() == tmp_path / "d" / "chatterm"


def test_registry_keeps_order_and_default() -> None:
    """The newest login is the default; removing it makes another one the default."""
    accounts = Accounts()
    assert accounts.default() is None
    anna, bela = account(), account("bela@example.org")
    accounts.add(anna)
    accounts.add(bela)
    accounts.add(anna, make_default=False)
    assert Accounts().all() == [anna, bela]
    assert Accounts().default() == bela
    accounts.set_default(anna.key)
    assert Accounts().default() == anna
    assert accounts.remove(anna.key)
    assert not accounts.remove(anna.key)
    assert Accounts().default() == bela
    assert accounts.remove(bela.key)
    assert Accounts().default() is None


def test_an_account_is_found_by_key_or_by_an_email_that_only_one_has() -> None:
    """A name that could mean two accounts is refused, and the error lists what there is."""
    accounts = Accounts()
    anna, elsewhere = account(), account(url="http://localhost:8080")
    accounts.add(anna)
    assert accounts.get(" Anna@Example.org ") == anna
    accounts.add(elsewhere)
    assert accounts.get(elsewhere.key) == elsewhere
    for name in ("anna@example.org", "nobody@example.org"):
        with pytest.raises(ClientError) as caught:
            accounts.get(name)
        assert caught.value.code == "accountUnknown"
        assert anna.key in caught.value.hint
    with pytest.raises(ClientError):
        accounts.set_default("nobody@example.org")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b'{"version":2}', b'{"accounts":[{"key":5}]}', b"[" * 100_000, b'{"default":7}'],
)
def test_a_broken_registry_is_named_and_left_alone(content: bytes, home: Path) -> None:
    """Reading and changing say which file it is and what to do; the file stays for the user to correct."""
    home.mkdir()
    path = home / "accounts.json"
    path.write_bytes(content)
    for attempt in (Accounts().all, Accounts().default, lambda: Accounts().add(account())):
        with pytest.raises(ClientError) as caught:
            attempt()
        assert caught.value.code == "configBroken"
        assert str(path) in caught.value.message
        assert "chatterm login" in caught.value.hint
    assert path.read_bytes() == content


def test_processes_adding_accounts_at_once_lose_none(home: Path) -> None:
    """Each process reads, changes and writes the registry under a lock."""
    script = (
        "import sys; from chatterm.client.accounts import Accounts; from chatterm.client.model import Account\n"
        "for i in range(10): Accounts().add(Account(f'{sys.argv[1]}-{i}', 'https://h', 'e', 1, 'n'))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, name]) for name in "abcd"]
    assert [process.wait(30) for process in processes] == [0] * 4
    assert sorted(found.key for found in Accounts().all()) == sorted(f"{n}-{i}" for n in "abcd" for i in range(10))
    assert not list(home.glob("*.tmp")), "no temporary file stays behind"
