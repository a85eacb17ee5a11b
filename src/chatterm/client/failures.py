"""What a failed connection means: network exceptions made into errors that say what to do."""

import socket
import ssl
from collections.abc import Iterator

from chatterm.client.errors import ClientError


def unreachable(origin: str, error: BaseException) -> ClientError:
    """The error for an exception that the network raised while talking to the server at `origin`."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return _tls_failed(origin, cause)
        if isinstance(cause, socket.gaierror):
            return _unreachable(origin, "its name is not known here", "Check the spelling and your network.")
        if isinstance(cause, ConnectionRefusedError):
            return _unreachable(origin, "nothing listens there", "Check the port, and that the server runs.")
        if isinstance(cause, TimeoutError):
            return timed_out(origin)
    return _unreachable(origin, str(error) or type(error).__name__, "Check your network.")


def closed_early(origin: str) -> ClientError:
    """The connection was closed before anything came that could be understood."""
    return _unreachable(origin, "it closed the connection early", "Check the port; the server may be restarting.")


def timed_out(origin: str) -> ClientError:
    """The server said nothing for too long."""
    return _unreachable(origin, "it did not answer in time", "Check your network; the server may be busy.")


def not_a_chat_server(origin: str, seen: str) -> ClientError:
    """Something answered, but not with this protocol; `seen` says what it did."""
    return ClientError(
        "notChatServer",
        f"{origin} is not a chatterm server: {seen}.",
        "Check the address and the port with the server's owner.",
    )


def answer_unreadable(origin: str, detail: str) -> ClientError:
    """A chat server answered with something that this version cannot read."""
    return ClientError(
        "answerUnreadable",
        f"{origin} sent something that this version of chatterm cannot read: {detail}.",
        "Update chatterm, or ask the server's owner to update the server.",
        temporary=True,
    )


def server_down(origin: str, status: int) -> ClientError:
    """A gateway answered in place of the chat server behind it."""
    return ClientError(
        "serverDown",
        f"The chat server behind {origin} is not answering (HTTP {status}).",
        "Try again shortly; tell the server's owner if it stays.",
        temporary=True,
    )


def proxy_failed(detail: str) -> ClientError:
    """The proxy that the environment names could not be used."""
    return ClientError(
        "unreachable",
        f"The configured proxy does not work: {detail}.",
        "Check HTTPS_PROXY, ALL_PROXY and NO_PROXY in your environment.",
        temporary=True,
    )


def _unreachable(origin: str, why: str, hint: str) -> ClientError:
    return ClientError("unreachable", f"{origin} cannot be reached: {why}.", hint, temporary=True)


def _tls_failed(origin: str, error: ssl.SSLError) -> ClientError:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"its certificate cannot be trusted ({error.verify_message or error.reason})"
        hint = "Ask the server's owner; for a private authority, set SSL_CERT_FILE to its certificate."
    else:
        why = f"no secure connection is possible ({error.reason or error})"
        hint = "The server may speak plain HTTP: then its address begins with http://."
    return ClientError("tlsFailed", f"{origin} cannot be used: {why}.", hint, temporary=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
