"""Operations that begin, keep and end a session."""

from chatproto.rest import LoginRequest, RefreshRequest, Tokens
from chatserver.http.operations import Call, Nothing, Operation
from chatserver.services.auth import Authenticator


def operations(auth: Authenticator) -> list[Operation]:
    """Signing in and out."""

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
            errors=("credentialsWrong", "overloaded"),
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
