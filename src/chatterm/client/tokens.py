"""Access tokens when they are needed: read from disk, refreshed by one process at a time, never lost on the way."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from chatproto.rest import Tokens
from chatterm.client.api import Api
from chatterm.client.closing import ConnectionEndedError, Next
from chatterm.client.credentials import Credentials, CredentialStore
from chatterm.client.errors import ClientError

T = TypeVar("T")

EARLY_S: Final = 60.0
"""A token that expires this soon is refreshed before it is used."""
_TRUSTED_S: Final = 300.0
"""For this long a token that was just given is used whatever this machine's clock says of it."""
_FINISH_S: Final = 3.0
_STALE: Final = frozenset({"tokenExpired", "tokenInvalid", "tokenMissing"})
_SESSION_OVER: Final = _STALE | {"sessionRevoked", "credentialsWrong"}


def credentials_of(tokens: Tokens) -> Credentials:
    """What is kept of the server's answer to a login or refresh."""
    return Credentials(
        access_token=tokens.access_token,
        access_expires_at=tokens.access_expires_at,
        refresh_token=tokens.refresh_token,
        session_id=tokens.session_id,
    )


def not_signed_in() -> ClientError:
    """There are no tokens on this machine."""
    return ClientError("notSignedIn", "This account is signed out on this machine.", "Run 'chatterm login URL'.")


class TokenSource:
    """The newest access token of one account; several processes may share the account.

    A refresh whose answer is lost is repeated with the same refresh token, which the server answers with the
    same successor for 60 s. Cancelling a caller does not cancel a refresh under way.
    """

    def __init__(self, store: CredentialStore, api: Api) -> None:
        self._store = store
        self._api = api
        self._trusted = ""
        self._trusted_until = 0.0
        self._refreshing: asyncio.Task[str] | None = None

    async def current(self, refused: str | None = None) -> str:
        """A token that should be accepted, and is not `refused`, which the server did not take.

        Raises `ConnectionEndedError`: with `Next.SIGN_IN` if there is none, with `Next.BACK_OFF` if the server
        could not be asked.
        """
        try:
            credentials = self._load()
            if self._fits(credentials, refused):
                return credentials.access_token
            if self._refreshing is None:
                self._refreshing = asyncio.create_task(self._refresh(refused), name="refresh")
                self._refreshing.add_done_callback(self._refreshed)
            return await asyncio.shield(self._refreshing)
        except ClientError as error:
            over = error.code in _SESSION_OVER or error.code == "notSignedIn" or error.code.startswith("credentials")
            raise ConnectionEndedError(error.info(), Next.SIGN_IN if over else Next.BACK_OFF) from None

    async def call(self, request: Callable[[str], Awaitable[T]]) -> T:
        """Make a REST request with a token, once more with a new one if the first is refused. Raises `ClientError`."""
        token = await self.current()
        try:
            return await request(token)
        except ClientError as error:
            if error.code == "sessionRevoked":
                raise ConnectionEndedError(error.info(), Next.SIGN_IN) from None
            if error.code not in _STALE:
                raise
        return await request(await self.current(refused=token))

    async def close(self) -> None:
        """Let a refresh under way end, for a short time: its answer would be missed."""
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing], timeout=_FINISH_S)
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])

    async def _refresh(self, refused: str | None) -> str:
        async with self._store.update_lock():
            credentials = self._load()
            if self._fits(credentials, refused):
                return credentials.access_token  # another process was quicker
            tokens = await self._api.refresh(credentials.refresh_token)
            # Written on the spot: an answer that is not on disk is as good as lost.
            self._store.save(credentials_of(tokens))
        self._trusted, self._trusted_until = tokens.access_token, time.monotonic() + _TRUSTED_S
        return tokens.access_token

    def _refreshed(self, task: asyncio.Task[str]) -> None:
        self._refreshing = None
        if not task.cancelled():
            task.exception()  # whoever waited got it; if nobody does any more, the next caller asks again

    def _load(self) -> Credentials:
        credentials = self._store.load()
        if credentials is None:
            raise not_signed_in()
        return credentials

    def _fits(self, credentials: Credentials, refused: str | None) -> bool:
        if credentials.access_token == refused:
            return False
        trusted = credentials.access_token == self._trusted and time.monotonic() < self._trusted_until
        return trusted or not credentials.expires_within(EARLY_S)
