"""Bodies about signing in."""

from typing import Annotated

from msgspec import Meta

from chatproto import limits
from chatproto.models import SessionId, Time, User, Wire


class LoginRequest(Wire, frozen=True, kw_only=True):
    """Email and password of an account, and a name for this device."""

    email: Annotated[str, Meta(max_length=limits.EMAIL_MAX_CHARS)]
    password: Annotated[str, Meta(max_length=limits.PASSWORD_MAX_CHARS)]
    device: Annotated[str, Meta(max_length=limits.DEVICE_MAX_CHARS)] = ""


class RefreshRequest(Wire, frozen=True, kw_only=True):
    """The newest refresh token of a session."""

    refresh_token: Annotated[str, Meta(max_length=512)]


class Tokens(Wire, frozen=True, kw_only=True):
    """A session's tokens. The refresh token is replaced by every refresh; keep only the newest."""

    access_token: str
    access_expires_at: Time
    refresh_token: str
    session_id: SessionId
    user: User


class SessionInfo(Wire, frozen=True, kw_only=True):
    """One signed-in device of the caller. `last_used_at` is when its tokens were replaced last."""

    id: SessionId
    device: str
    created_at: Time
    last_used_at: Time
    current: bool = False


class SessionsList(Wire, frozen=True, kw_only=True):
    """The caller's sessions, the one used last first."""

    sessions: list[SessionInfo]
