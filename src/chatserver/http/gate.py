"""Stands before every operation: who asks too often is told when to come again."""

from typing import Any

from chatproto.errors import ChatError
from chatproto.text import normalize_email
from chatserver.http.operations import Operation
from chatserver.http.requests import HttpRequest
from chatserver.http.visit import visit_of
from chatserver.limits.limiter import RateLimiter
from chatserver.services.tokens import Identity


class Gate:
    """The rate limits of the REST API, by address, by user, and by the account a password is tried for."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def arrive(self, operation: Operation, request: HttpRequest) -> None:
        """Called first, before a token is looked at. Raises `ChatError` with `rateLimited`, as the others do."""
        visit = visit_of(request)
        visit.operation = operation.name
        if operation.rate != "none":
            self._limiter.take("address", visit.address)

    def admit(self, operation: Operation, request: HttpRequest, identity: Identity | None) -> None:
        """Called once it is known who asks, before anything of the body is read."""
        visit = visit_of(request)
        if identity is not None:
            visit.user_id = identity.user_id
        if operation.rate != "none":
            self._limiter.take(operation.rate, str(identity.user_id) if identity else visit.address)
        if operation.rate == "sign-in" and identity is not None:
            # With a stolen token a password could be tried; its owner's account is known without an email.
            self._limiter.take("account", f"user {identity.user_id}")

    def admit_body(self, operation: Operation, body: Any) -> None:
        """Called before the handler works on a body."""
        if operation.account is not None:
            self._limiter.take("account", _account_key(operation.account(body)))


def _account_key(email: str) -> str:
    try:
        return normalize_email(email)
    except ChatError:  # no account has such an address, but trying it is a try like any other
        return email[:256]
