"""The tokens of one account on disk: private, replaced whole, and refreshed by one process at a time."""

import contextlib
import os
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_private_folder, open_lock, try_lock, write_private

_MAX_BYTES: Final = 65_536
_POLL_S: Final = 0.05
_LOGIN_AGAIN: Final = "Move it away and run 'chatterm login URL' again."


class Credentials(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The tokens of one session. `access_expires_at` is in microseconds since 1970 UTC."""

    access_token: str
    access_expires_at: int
    refresh_token: str
    session_id: int

    def expires_within(self, seconds: float) -> bool:
        """Whether the access token is unfit for a call that may last that long; by this machine's clock."""
        return self.access_expires_at <= (time.time() + seconds) * 1_000_000

    def __repr__(self) -> str:
        """Without the tokens, so that none can reach a log."""
        return f"Credentials(session_id={self.session_id})"


class CredentialStore:
    """The credentials file of one account.

    Guarantees: 0600 in a 0700 folder whatever the umask; a reader or a crash meets the old tokens or the new
    ones. What is read must be a plain file of this user. If others may read it, that right is taken away:
    the folder was the fence, and refusing would protect nothing more. If others may write it, it is refused,
    because the tokens may be theirs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Credentials | None:
        """The newest tokens, None if signed out. Raises `ClientError`: `credentialsUnsafe`, `credentialsBroken`."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if self.path.is_symlink():
                raise self._unsafe("is a link") from error
            raise from_os_error(error, self.path) from error
        with os.fdopen(descriptor, "rb") as file:
            self._check(file.fileno())
            data = file.read(_MAX_BYTES + 1)
        try:
            return msgspec.json.decode(data, type=Credentials)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # The detail is left out: it could quote a token.
            raise ClientError(
                "credentialsBroken", f"The saved tokens, {self.path}, cannot be understood.", _LOGIN_AGAIN
            ) from None

    def save(self, credentials: Credentials) -> None:
        """Replace the tokens, durably and atomically."""
        ensure_private_folder(self.path.parent)
        write_private(self.path, msgspec.json.encode(credentials))

    def clear(self) -> None:
        """Forget the tokens. Idempotent."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, self.path) from error

    @contextlib.asynccontextmanager
    async def update_lock(self, timeout: float = 30.0) -> AsyncIterator[None]:  # noqa: ASYNC109 - it polls by itself
        """Hold the right to refresh; one holder on this machine, freed by a kill.

        Load again inside: another process may just have refreshed, and then its tokens are the ones to use.
        Raises `ClientError` with `lockTimeout` after `timeout` seconds.
        """
        import asyncio  # noqa: PLC0415 - reading the tokens must not cost loading an event loop

        ensure_private_folder(self.path.parent)
        descriptor = open_lock(self.path.with_suffix(".lock"))
        try:
            deadline = time.monotonic() + timeout
            while not try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise ClientError(
                        "lockTimeout",
                        "Another chatterm is refreshing this account's tokens and does not finish.",
                        "Try again, or end the other chatterm.",
                        temporary=True,
                    )
                await asyncio.sleep(_POLL_S)
            yield
        finally:
            os.close(descriptor)

    def _check(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise self._unsafe("is no plain file")
        if status.st_uid != os.geteuid():
            raise self._unsafe("belongs to another user of this machine")
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise self._unsafe("could have been written by others")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            os.fchmod(descriptor, 0o600)

    def _unsafe(self, why: str) -> ClientError:
        return ClientError("credentialsUnsafe", f"The saved tokens, {self.path}, are not used: it {why}.", _LOGIN_AGAIN)
