"""A process of its own that asks a CA for one certificate (ACME, RFC 8555), by the library of certbot.

What it needs is loaded only while it works: that library waits for the network with blocking calls, and takes more
memory than the whole server. It reads one line of JSON (`Order` or `RenewalQuestion`), writes one line of `Challenges`,
waits for a line that says that they are answered, and ends with one line: `Issued`, `RenewalTime` or `Failed`.
"""

import os
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from chatserver.tls.acme_words import Answer, Challenges, Failed, Issued, Order, Question, RenewalQuestion, RenewalTime
from chatserver.tls.files import replace_file

_REQUEST_S: Final = 30
"""Seconds for one answer of the CA."""
_ORDER_S: Final = 120
"""Seconds for the CA to check the names and to sign."""
_NONCE_TRIES: Final = 5
_DETAIL_MAX_CHARS: Final = 500
_AGENT: Final = "chatserver (acme-python)"
_ERRNO: Final = re.compile(r"\[Errno -?\d+\] ([\w ,-]+)")
_RETRY_AFTER: Final = re.compile(r"retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
"""As Let's Encrypt words it, https://letsencrypt.org/docs/rate-limits/."""


class _Network(client.ClientNetwork):
    """Tries again with a fresh nonce as often as it takes; the library does so once."""

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(_NONCE_TRIES):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)


class _Account(msgspec.Struct):
    """What is kept of an account; the CA knows it by its key."""

    key: str
    uri: str = ""


def main() -> int:
    """Do the work that stdin describes."""
    os.nice(10)
    try:
        question = msgspec.json.decode(sys.stdin.readline(), type=Question)
        answer: Answer = _issue(question) if isinstance(question, Order) else _renewal_time(question)
    except Exception as error:  # whatever it is, the server that waits has to be told
        answer = _failed(error)
    _say(answer)
    return 0


def _say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


def _issue(order: Order) -> Issued:
    account = _load_account(Path(order.account))
    acme = _connect(order, account)
    try:
        return _order(acme, order)
    except messages.Error as error:
        if error.code != "accountDoesNotExist":
            raise
    account.uri = ""  # a CA for tests forgets
    return _order(_connect(order, account), order)


def _load_account(path: Path) -> _Account:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Account)
    except (OSError, msgspec.DecodeError):
        return _Account(key=_new_key())


def _new_key() -> str:
    """A private key, PEM."""
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def _connect(order: Order, account: _Account) -> client.ClientV2:
    """A client with an account, which is made if need be."""
    private = serialization.load_pem_private_key(account.key.encode(), None)
    network = _network(order.ca_file, key=JWKEC(key=private), alg=ES256)
    acme = client.ClientV2(client.ClientV2.get_directory(order.directory, network), network)
    if account.uri:
        network.account = messages.RegistrationResource(uri=account.uri, body=messages.Registration())
        return acme
    if acme.external_account_required():
        raise ValueError("this CA takes accounts with an external binding only, which is not supported")
    path = Path(order.account)
    replace_file(path, msgspec.json.encode(account))  # first: a lost key would be a lost account
    new = messages.NewRegistration.from_data(email=order.email or None, terms_of_service_agreed=True)
    try:
        account.uri = acme.new_account(new).uri
    except errors.ConflictError as known:
        account.uri = known.location
        network.account = messages.RegistrationResource(uri=account.uri, body=messages.Registration())
    replace_file(path, msgspec.json.encode(account))
    return acme


def _network(ca_file: str | None, **options: Any) -> _Network:
    network = _Network(user_agent=_AGENT, timeout=_REQUEST_S, **options)
    network.verify_ssl = ca_file or True  # type: ignore[assignment] # passed on to requests, which takes a path too
    return network


def _order(acme: client.ClientV2, order: Order) -> Issued:
    key = _new_key()
    placed = acme.new_order(crypto_util.make_csr(key.encode(), list(order.domains)))
    asked = [_http_challenge(found) for found in placed.authorizations if found.body.status != messages.STATUS_VALID]
    answers = [challenge.chall.response_and_validation(acme.net.key) for challenge in asked]
    if asked:
        pairs = zip(asked, answers, strict=True)
        _say(Challenges({challenge.chall.encode("token"): text for challenge, (_, text) in pairs}))
        sys.stdin.readline()
    for challenge, (response, _) in zip(asked, answers, strict=True):
        acme.answer_challenge(challenge, response)
    deadline = datetime.now() + timedelta(seconds=_ORDER_S)
    return Issued(chain=acme.poll_and_finalize(placed, deadline).fullchain_pem, key=key)


def _http_challenge(authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
    for challenge in authorization.body.challenges:
        if isinstance(challenge.chall, challenges.HTTP01):
            return challenge
    raise ValueError(f"the CA does not check {authorization.body.identifier.value} by HTTP")


def _renewal_time(question: RenewalQuestion) -> RenewalTime:
    network = _network(question.ca_file)
    acme = client.ClientV2(client.ClientV2.get_directory(question.directory, network), network)
    when, _ = acme.renewal_time(question.chain.encode())
    return RenewalTime(when.timestamp() if when is not None else None)


def _failed(error: Exception) -> Failed:
    """Why, in the CA's words where there are some."""
    if isinstance(error, errors.ValidationError):
        return _not_validated(error.failed_authzrs)
    if isinstance(error, errors.IssuanceError):
        error = error.error
    if isinstance(error, messages.Error):
        return _problem(error, str(error.detail or error.description or error.typ))
    if isinstance(error, errors.TimeoutError):
        return Failed("timeout", f"the CA had not decided after {_ORDER_S} seconds")
    if isinstance(error, requests.RequestException):
        return _unreachable(error)
    return Failed("other", _short(error))


def _unreachable(error: requests.RequestException) -> Failed:
    if isinstance(error, requests.exceptions.SSLError):
        return Failed("caTls", "the CA's address has a certificate that is not trusted")
    if isinstance(error, requests.Timeout):
        return Failed("caDown", f"the CA did not answer within {_REQUEST_S} seconds")
    found = _ERRNO.search(str(error))
    return Failed("caDown", f"the CA cannot be reached: {found[1]}" if found else _short(error))


def _not_validated(failed: Sequence[messages.AuthorizationResource]) -> Failed:
    for authorization in failed:
        for challenge in authorization.body.challenges:
            if challenge.error is not None:
                name, detail = authorization.body.identifier.value, str(challenge.error.detail)
                return _problem(challenge.error, detail if name in detail else f"{name}: {detail}")
    return Failed("other", "the CA did not say why")


def _problem(error: messages.Error, detail: str) -> Failed:
    found = _RETRY_AFTER.search(detail)
    after = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp() if found else None
    return Failed(str(error.code or "other"), detail[:_DETAIL_MAX_CHARS], retry_at=after)


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:_DETAIL_MAX_CHARS]


if __name__ == "__main__":
    sys.exit(main())
