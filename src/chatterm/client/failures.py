"""What a failed connection means: network exceptions made into errors that say what to do."""

import socket
import ssl
from collections.abc import Iterator
from typing import Final

from chatterm.client.errors import ClientError

# X509_V_ERR_... of OpenSSL, see X509_STORE_CTX_get_error(3); Python has no names for them.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_OTHER_NAME: Final = frozenset({62, 64})
"""Neither the host's name nor its address is in it."""


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
        why, hint = _untrusted(error)
    else:
        why = f"no secure connection is possible ({error.reason or error})"
        hint = "The server may speak plain HTTP: then its address begins with http://."
    return ClientError("tlsFailed", f"{origin} cannot be used: {why}.", hint, temporary=True)


def _untrusted(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """Why a certificate is not trusted, and how to go on without giving up what it is for."""
    seen = error.verify_message or error.reason
    if error.verify_code == _EXPIRED:
        return "its certificate has expired", "Ask the server's owner to renew it, and check this machine's clock."
    if error.verify_code == _NOT_YET_VALID:
        return "its certificate is not valid yet", "Check this machine's clock."
    if error.verify_code in _OTHER_NAME:
        return f"its certificate is for another name ({seen})", "Check the address with the server's owner."
    return (
        f"its certificate cannot be trusted ({seen})",
        "If the server's owner says that it comes from an authority of their own, get its certificate from "
        "them and set SSL_CERT_FILE to its path. Otherwise somebody may be reading along: do not go on.",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
