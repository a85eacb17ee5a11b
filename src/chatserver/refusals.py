"""Counts what clients are refused, by error code: where refusals leave the server, each is told to this module once."""

from typing import Final

from chatproto.errors import ChatError, ErrorInfo
from chatserver import measures

_WATCHED: Final = ("internal", "storageFailed", "diskFull", "overloaded")
"""Codes that say something of the server; there from the beginning, so that the first one is seen as growth."""

_errors = measures.counter("chatserver_errors", "Refusals told to clients, by error code.", "code", values=_WATCHED)


def told(error: ChatError) -> ErrorInfo:
    """The wire form of a refusal that is being told, which counts it."""
    _errors.add(1, error.code)
    return error.info()


def count(code: str) -> None:
    """One refusal was told that was in its wire form already; `code` is one of the protocol's."""
    _errors.add(1, code)
