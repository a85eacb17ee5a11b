"""Authentication: signing in, keeping a session alive, ending it, and telling who a request comes from."""

import hmac
import secrets
from typing import Final

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.rest import SessionInfo, SessionsList, Tokens
from chatproto.text import normalize_email
from chatserver import measures
from chatserver.clock import Clock, now_us
from chatserver.services.passwords import PasswordPool
from chatserver.services.tokens import AccessTokens, Identity, RefreshTokens
from chatserver.store.base import Commit, Store
from chatserver.store.interfaces.sessions import SessionRecord

REUSE_S: Final = 60
"""For so long the last refresh token gives its successor again: the first answer may have been lost."""
ACCESS_TTL_S: Final = 900
ACCESS_TTL_MAX_S: Final = 86_400
"""The longest life an access token may be given; so long a revocation is remembered."""
REFRESH_TTL_S: Final = 90 * 86_400
SESSIONS_MAX: Final = 100
"""Live sessions of one user; one more ends the one used longest ago."""

_LOGIN_RESULTS: Final = {"credentialsWrong": "wrong", "accountDisabled": "disabled", "overloaded": "overloaded"}

_logins = measures.counter(
    "chatserver_logins",
    "Tries to sign in, by what they came to.",
    "result",
    values=("ok", *_LOGIN_RESULTS.values(), "failed"),
)
_refreshes = measures.counter(
    "chatserver_token_refreshes", "Sessions prolonged.", "result", values=("ok", "refused", "failed")
)


class Authenticator:
    """Issues and checks tokens. A request is checked without the database; a revocation counts at once."""

    def __init__(
        self,
        store: Store,
        passwords: PasswordPool,
        access: AccessTokens,
        refresh: RefreshTokens,
        *,
        clock: Clock,
        access_ttl_s: int,
        refresh_ttl_s: int,
        sessions_max: int,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._access = access
        self._refresh = refresh
        self._clock = clock
        self._access_ttl_s = access_ttl_s
        self._refresh_ttl_s = refresh_ttl_s
        self._sessions_max = sessions_max
        self._revoked: dict[int, int] = {}

    @classmethod
    async def open(
        cls,
        store: Store,
        passwords: PasswordPool,
        *,
        clock: Clock = now_us,
        access_ttl_s: int = ACCESS_TTL_S,
        refresh_ttl_s: int = REFRESH_TTL_S,
        sessions_max: int = SESSIONS_MAX,
    ) -> "Authenticator":
        """An authenticator with the secrets of this database and its recent revocations."""
        authenticator = cls(
            store,
            passwords,
            AccessTokens(await store.secret("access-token")),
            RefreshTokens(await store.secret("refresh-token")),
            clock=clock,
            access_ttl_s=access_ttl_s,
            refresh_ttl_s=refresh_ttl_s,
            sessions_max=sessions_max,
        )
        for session_id in await store.revoked_since(clock() - ACCESS_TTL_MAX_S * 1_000_000):
            authenticator._remember_revoked(session_id)
        return authenticator

    async def login(self, email: str, password: str, device: str) -> Tokens:
        """Start a session. Raises `credentialsWrong` (also for an unknown address, after the same work).

        Raises `accountDisabled` only with the right password.
        """
        try:
            tokens = await self._login(email, password, device)
        except ChatError as error:
            _logins.add(1, _LOGIN_RESULTS.get(error.code, "failed"))
            raise
        _logins.add(1, "ok")
        return tokens

    async def _login(self, email: str, password: str, device: str) -> Tokens:
        try:
            account = await self._store.account_by_email(normalize_email(email))
        except ChatError as error:
            if error.temporary:
                raise
            account = None
        if not await self._passwords.verify(account.password_hash if account else None, password) or account is None:
            raise ChatError("credentialsWrong")
        if account.user.disabled:
            raise ChatError("accountDisabled")
        password_hash = account.password_hash
        if self._passwords.needs_rehash(password_hash):
            password_hash = await self._passwords.hash(password)
            # Replaced only if it is still the same: it may have been changed while we were hashing.
            await self._store.set_password_hash(
                account.user.id, password_hash, revoke_sessions=False, expected=account.password_hash
            )
        return await self.start_session(account.user, device, password_hash=password_hash)

    async def refresh(self, token: str) -> Tokens:
        """New tokens for a session's newest refresh token; its answer is the same for `REUSE_S` seconds.

        An older token than that can only be a copy: the session ends. Raises `tokenInvalid`, `sessionRevoked`.
        """
        try:
            tokens = await self._refreshed(token)
        except ChatError as error:
            _refreshes.add(1, "failed" if error.temporary else "refused")
            raise
        _refreshes.add(1, "ok")
        return tokens

    async def _refreshed(self, token: str) -> Tokens:
        session_id = self._refresh.session_of(token)
        digest = self._refresh.digest(token)
        successor = self._refresh.successor(token)
        now = self._clock()
        session = await self._live_session(session_id, now)
        if hmac.compare_digest(digest, session.refresh_hash):
            if await self._store.rotate_session(session_id, digest, self._refresh.digest(successor), now):
                return await self._tokens(session, successor, now)
            # Another request with the same token was faster: answer what it was answered.
            session = await self._live_session(session_id, now)
        recent = now - session.rotated_at <= REUSE_S * 1_000_000
        if recent and session.previous_hash is not None and hmac.compare_digest(digest, session.previous_hash):
            return await self._tokens(session, successor, now)
        if recent:
            # Several processes of one client may be refreshing at once; refusing the slowest is enough.
            raise ChatError("tokenInvalid")
        await self.logout(session_id)
        raise ChatError("sessionRevoked")

    async def logout(self, session_id: int) -> None:
        """End a session: its tokens are refused from now on. Idempotent."""
        await self._store.revoke_session(session_id, self._clock())
        self._remember_revoked(session_id)

    async def sessions(self, identity: Identity) -> SessionsList:
        """Where the caller is signed in, the session used last first."""
        used_since = self._clock() - self._refresh_ttl_s * 1_000_000
        return SessionsList(
            sessions=[
                SessionInfo(
                    id=session.id,
                    device=session.device,
                    created_at=session.created_at,
                    last_used_at=session.rotated_at,
                    current=session.id == identity.session_id,
                )
                for session in await self._store.live_sessions(identity.user_id, used_since)
            ]
        )

    async def end_session(self, identity: Identity, session_id: int) -> None:
        """End a session of the caller. Raises `sessionNotFound`. Idempotent while the session is remembered."""
        if not await self._store.revoke_session(session_id, self._clock(), user_id=identity.user_id):
            raise ChatError("sessionNotFound")
        self._remember_revoked(session_id)

    async def end_other_sessions(self, identity: Identity) -> None:
        """End every session of the caller but the one that asks. Idempotent."""
        await self._store.revoke_sessions(identity.user_id, self._clock(), keep=identity.session_id)

    def verify(self, token: str) -> Identity:
        """Who an access token speaks for. Raises `tokenExpired`, `tokenInvalid` or `sessionRevoked`."""
        identity = self._access.read(token, now_us=self._clock())
        if identity.session_id in self._revoked:
            raise ChatError("sessionRevoked")
        return identity

    def on_commit(self, commit: Commit) -> None:
        """Take note of sessions revoked by anybody; to be called for every commit."""
        for session_id in commit.revoked:
            self._remember_revoked(session_id)

    async def start_session(self, user: User, device: str, *, password_hash: str | None = None) -> Tokens:
        """A session for somebody who has proved who they are; the one used longest ago may have to end for it.

        Raises `credentialsWrong` if the user is not to sign in (any more), or if the password's hash is another one.
        """
        session_id = secrets.randbits(48) or 1
        token = self._refresh.first(session_id, secrets.token_bytes(32))
        now = self._clock()
        session = SessionRecord(
            id=session_id,
            user_id=user.id,
            device=" ".join(device.split())[: limits.DEVICE_MAX_CHARS],
            refresh_hash=self._refresh.digest(token),
            previous_hash=None,
            created_at=now,
            rotated_at=now,
            revoked_at=None,
        )
        if not await self._store.create_session(session, password_hash=password_hash, most=self._sessions_max):
            raise ChatError("credentialsWrong")
        return self._issue(user, session_id, token, now)

    async def _live_session(self, session_id: int, now: int) -> SessionRecord:
        session = await self._store.session(session_id)
        if session is None or now - session.rotated_at > self._refresh_ttl_s * 1_000_000:
            raise ChatError("tokenInvalid")
        if session.revoked_at is not None:
            raise ChatError("sessionRevoked")
        return session

    async def _tokens(self, session: SessionRecord, refresh_token: str, now: int) -> Tokens:
        account = await self._store.account(session.user_id)
        if account is None:
            raise ChatError("sessionRevoked")
        return self._issue(account.user, session.id, refresh_token, now)

    def _issue(self, user: User, session_id: int, refresh_token: str, now: int) -> Tokens:
        access_token, expires_at = self._access.make(user.id, session_id, now_us=now, ttl_s=self._access_ttl_s)
        return Tokens(
            access_token=access_token,
            access_expires_at=expires_at,
            refresh_token=refresh_token,
            session_id=session_id,
            user=user,
        )

    def _remember_revoked(self, session_id: int) -> None:
        now = self._clock()
        self._revoked.pop(session_id, None)
        self._revoked[session_id] = now
        # Oldest first; once every access token of a session has expired by itself, it need not be remembered.
        while self._revoked[oldest := next(iter(self._revoked))] < now - ACCESS_TTL_MAX_S * 1_000_000:
            del self._revoked[oldest]
