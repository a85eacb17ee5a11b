"""Why a connection ended and what to do next: the table of close codes and refusals, without any I/O."""

from enum import Enum, auto
from typing import Final

from chatproto.errors import CODES, CloseCode, ErrorInfo
from chatterm.client.errors import ClientError


class Next(Enum):
    """What to do after a connection ended or could not be made."""

    BACK_OFF = auto()
    REFRESH = auto()
    """Get a new access token, then connect at once."""
    SIGN_IN = auto()
    """The session is over: only a new login helps."""
    STOP = auto()
    """Only another version of this client, or of the server, helps."""


class ConnectionEndedError(ClientError):
    """The connection is gone, or none could be made; `next` says what to do. Answers still owed never come."""

    def __init__(self, error: ErrorInfo, then: Next) -> None:
        super().__init__(
            error.code, error.message, error.hint, temporary=error.temporary, retry_after=error.retry_after
        )
        self.next = then


_CLOSE_MEANING: Final[dict[int, tuple[Next, str]]] = {
    CloseCode.RESTARTING: (Next.BACK_OFF, "shuttingDown"),
    CloseCode.TRY_LATER: (Next.BACK_OFF, "overloaded"),
    CloseCode.BAD_FRAME: (Next.BACK_OFF, "invalidFrame"),
    CloseCode.TOKEN: (Next.REFRESH, "tokenInvalid"),
    CloseCode.REVOKED: (Next.SIGN_IN, "sessionRevoked"),
    CloseCode.HELLO_TIMEOUT: (Next.BACK_OFF, "helloExpected"),
    CloseCode.PROTOCOL_VERSION: (Next.STOP, "protocolVersion"),
}


def after_close(origin: str, code: int | None, reported: ErrorInfo | None) -> ConnectionEndedError:
    """What a close means. `code` is None if the line just broke; `reported`: the `error` frame sent before."""
    then, meaning = _CLOSE_MEANING.get(code or 0, (Next.BACK_OFF, None))
    if reported is not None:
        return ConnectionEndedError(reported, then if code in _CLOSE_MEANING else Next.BACK_OFF)
    if meaning is not None:
        spec = CODES[meaning]
        return ConnectionEndedError(ErrorInfo(meaning, spec.message, spec.hint, spec.temporary), then)
    text = f"The connection to {origin} was lost."
    return ConnectionEndedError(ErrorInfo("connectionLost", text, "It is made again by itself.", temporary=True), then)
