"""Operations that begin, keep, list and end sessions."""

from chatproto.rest import LoginRequest, RefreshRequest, SessionsList, Tokens
from chatserver.http.operations import Call, Nothing, Operation
from chatserver.services.auth import Authenticator


def operations(auth: Authenticator) -> list[Operation]:
    """Signing in and out, here and on other devices."""
    return [*_own(auth), *_all(auth)]


def _own(auth: Authenticator) -> list[Operation]:
    async def login(call: Call[Nothing, LoginRequest]) -> Tokens:
        return await auth.login(call.body.email, call.body.password, call.body.device)

    async def refresh(call: Call[Nothing, RefreshRequest]) -> Tokens:
        return await auth.refresh(call.body.refresh_token)

    async def logout(call: Call[Nothing, None]) -> None:
        await auth.logout(call.identity.session_id)

    return [
        Operation(
            method="POST",
            path="/auth/login",
            tag="sessions",
            summary="Start a session with email and password",
            handler=login,
            body=LoginRequest,
            answer=Tokens,
            errors=("credentialsWrong", "accountDisabled", "overloaded"),
            public=True,
            rate="sign-in",
            account=lambda body: body.email,
        ),
        Operation(
            method="POST",
            path="/auth/refresh",
            tag="sessions",
            summary="Replace a session's tokens by new ones",
            handler=refresh,
            body=RefreshRequest,
            answer=Tokens,
            errors=("tokenInvalid", "sessionRevoked"),
            public=True,
            rate="write",
        ),
        Operation(
            method="POST",
            path="/auth/logout",
            tag="sessions",
            summary="End this session; its sockets close within 2 seconds",
            handler=logout,
            status=204,
            rate="write",
        ),
    ]


def _all(auth: Authenticator) -> list[Operation]:
    async def list_sessions(call: Call[Nothing, None]) -> SessionsList:
        return await auth.sessions(call.identity)

    async def end_session(call: Call[Nothing, None]) -> None:
        await auth.end_session(call.identity, call.path["sessionId"])

    async def end_other_sessions(call: Call[Nothing, None]) -> None:
        await auth.end_other_sessions(call.identity)

    return [
        Operation(
            method="GET",
            path="/me/sessions",
            tag="sessions",
            summary="Where the caller is signed in, the session used last first",
            handler=list_sessions,
            answer=SessionsList,
        ),
        Operation(
            method="DELETE",
            path="/me/sessions",
            tag="sessions",
            summary="End every session of the caller but this one",
            handler=end_other_sessions,
            status=204,
            rate="write",
        ),
        Operation(
            method="DELETE",
            path="/me/sessions/{sessionId}",
            tag="sessions",
            summary="End one session of the caller",
            handler=end_session,
            status=204,
            errors=("sessionNotFound",),
            rate="write",
        ),
    ]
