"""The one error of the client: a stable code, what went wrong, and what to do about it."""

from chatproto.errors import ErrorInfo


class ClientError(Exception):
    """Something the user must know about: a server's refusal, or a failure on this side.

    Its codes are those of `chatproto.errors.CODES` when the server refused, else the client's own, for
    example `unreachable`, `notChatServer`, `notSignedIn` or `configBroken`. `temporary`: trying again later
    may help. `retry_after` is in seconds.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", *, temporary: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.temporary = temporary
        self.retry_after = retry_after

    @classmethod
    def of(cls, info: ErrorInfo) -> "ClientError":
        """The error that a server reported."""
        return cls(info.code, info.message, info.hint, temporary=info.temporary, retry_after=info.retry_after)

    def info(self) -> ErrorInfo:
        """The same in the form that notices, statuses and outbox rows carry."""
        return ErrorInfo(
            code=self.code,
            message=self.message,
            hint=self.hint,
            temporary=self.temporary,
            retry_after=self.retry_after,
        )


def not_connected() -> ClientError:
    """Nothing can be asked yet."""
    return ClientError("notConnected", "There is no connection yet.", "Try again in a moment.", temporary=True)
