"""The registry of the accounts signed in on this machine: which there are, and which one is meant by default."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from chatterm.client import paths
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_folder, locked, write_private
from chatterm.client.model import Account

_UNSAFE: Final = re.compile(rb"[^A-Za-z0-9+_@.:-]")
_READABLE_CHARS: Final = 120
"""Longer keys end in a hash: folder names may have 255 bytes, and people have to read them."""


class _Registry(msgspec.Struct, rename="camel"):
    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    default: str | None = None
    accounts: list[Account] = msgspec.field(default_factory=list)


def account_key(email: str, server_url: str) -> str:
    """The key of an account: `email@host`, with `:port` unless it is 443 by https; safe as a folder name.

    Different accounts have different keys: other characters are percent-encoded, long keys end in a hash.
    `email` is normalised; `server_url` is an origin.
    """
    import hashlib  # noqa: PLC0415 - only a login needs these two
    from urllib.parse import urlsplit  # noqa: PLC0415 - see above

    url = urlsplit(server_url)
    place = url.netloc.rpartition("@")[2].lower()
    if url.port is None and url.scheme != "https":
        place = f"{place.rstrip(':')}:80"
    elif url.port == 443 and url.scheme == "https":
        place = place.removesuffix(":443")
    name = _UNSAFE.sub(_percent, f"{email}@{place}".encode()).decode()
    if name[0] in ".-:":
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if len(name) > _READABLE_CHARS:
        name = f"{name[:_READABLE_CHARS]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return name


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found.group()[0]


class Accounts:
    """The accounts of this machine, kept in one file that several processes may change at once.

    Every change is durable and atomic. All methods raise `ClientError` with `configBroken` if the file
    cannot be understood; it is then left as it is.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or paths.data_dir() / "accounts.json"

    def all(self) -> list[Account]:
        """All accounts, in the order in which they were added."""
        return self._load().accounts

    def default(self) -> Account | None:
        """The account meant when none is named; None if there is no account."""
        registry = self._load()
        chosen = [account for account in registry.accounts if account.key == registry.default]
        return next(iter(chosen or registry.accounts), None)

    def get(self, name: str) -> Account:
        """The account with this key, or with this email if only one has it. Raises `accountUnknown`."""
        accounts = self.all()
        for account in accounts:
            if account.key == name:
                return account
        folded = name.strip().casefold()
        by_email = [account for account in accounts if account.email == folded]
        if len(by_email) == 1:
            return by_email[0]
        known = ", ".join(account.key for account in accounts) or "none"
        problem = "More than one account has the email" if by_email else "There is no account"
        raise ClientError(
            "accountUnknown", f"{problem} {name!r}.", f"Known accounts: {known}. Or run 'chatterm login URL'."
        )

    def add(self, account: Account, *, make_default: bool = True) -> None:
        """Add an account, or replace the one with its key. Idempotent."""
        with self._change() as registry:
            keys = [known.key for known in registry.accounts]
            if account.key in keys:
                registry.accounts[keys.index(account.key)] = account
            else:
                registry.accounts.append(account)
            if make_default or registry.default is None:
                registry.default = account.key

    def set_default(self, key: str) -> None:
        """Raises `accountUnknown`."""
        account = self.get(key)
        with self._change() as registry:
            registry.default = account.key

    def remove(self, key: str) -> bool:
        """Take an account out of the registry; its folder stays, so that no unsent message is lost. Idempotent."""
        with self._change() as registry:
            rest = [account for account in registry.accounts if account.key != key]
            found = len(rest) < len(registry.accounts)
            registry.accounts = rest
            if registry.default == key:
                registry.default = rest[0].key if rest else None
        return found

    @contextlib.contextmanager
    def _change(self) -> Iterator[_Registry]:
        """Read, change and write the registry while no other process does; an exception leaves it as it was."""
        ensure_folder(self.path.parent)
        with locked(self.path.with_suffix(".lock")):
            registry = self._load()
            yield registry
            encoded = msgspec.json.format(msgspec.json.encode(registry), indent=2)
            write_private(self.path, encoded + b"\n")

    def _load(self) -> _Registry:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return _Registry()
        except OSError as error:
            raise from_os_error(error, self.path) from error
        try:
            return msgspec.json.decode(data, type=_Registry)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ClientError(
                "configBroken",
                f"The list of accounts, {self.path}, cannot be understood: {error}.",
                "Correct it, or move it away and run 'chatterm login URL' again; unsent messages stay where they are.",
            ) from None
