"""What the server and the process that asks the CA tell each other, and what the owner is told when that fails."""

from typing import Final

import msgspec

DIRECTORIES: Final = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}


class Order(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """Get a certificate for these names."""

    directory: str
    ca_file: str | None
    account: str
    """Path of the file that keeps the account."""
    email: str
    domains: tuple[str, ...]


class RenewalQuestion(msgspec.Struct, frozen=True, kw_only=True, tag="renewal"):
    """Ask when the CA wants a certificate to be renewed (RFC 9773)."""

    directory: str
    ca_file: str | None
    chain: str


Question = Order | RenewalQuestion


class Challenges(msgspec.Struct, frozen=True, tag="challenges"):
    """What the CA will ask for by HTTP: answers by token."""

    answers: dict[str, str]


class Issued(msgspec.Struct, frozen=True, kw_only=True, tag="issued"):
    """The certificate with its chain, and its key; PEM."""

    chain: str
    key: str


class RenewalTime(msgspec.Struct, frozen=True, tag="renewalTime"):
    """When to renew, as Unix time; None if the CA does not say."""

    at: float | None


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Why nothing came of it: the type of the ACME problem or one of our own, and the CA's words."""

    kind: str
    detail: str
    retry_at: float | None = None
    """Unix time before which the CA will not hear of it again."""


Answer = Challenges | Issued | RenewalTime | Failed

_REACH: Final = (
    "Let the CA reach this server at port 80 of every address that DNS has for the name (A and AAAA): check the "
    "firewall, also the provider's, and that no other program listens there."
)
_DNS: Final = "Check that DNS has an A or AAAA record of the name with this server's address."
ADVICE: Final = {
    "dns": ("acmeDns", _DNS),
    "connection": ("acmeUnreachable", _REACH),
    "unauthorized": ("acmeWrongServer", f"Another server answered in place of this one. {_DNS} {_REACH}"),
    "incorrectResponse": ("acmeWrongServer", f"Another server answered in place of this one. {_DNS} {_REACH}"),
    "rateLimited": (
        "acmeRateLimited",
        "Wait; see https://letsencrypt.org/docs/rate-limits/. Try things with acme_directory = 'letsencrypt-staging'.",
    ),
    "rejectedIdentifier": ("acmeNameRefused", "The CA does not issue for this name. Use a domain of your own."),
    "unsupportedIdentifier": ("acmeNameRefused", "The CA does not issue for this name. Use a domain of your own."),
    "caa": ("acmeNameRefused", "A CAA record in DNS keeps this CA from issuing. Change it, or choose another CA."),
    "invalidContact": ("acmeContact", "Correct the setting 'acme_email'."),
    "unsupportedContact": ("acmeContact", "Correct the setting 'acme_email'."),
    "userActionRequired": ("acmeTerms", "Read what the CA asks for at that address, and agree to it there."),
    "caDown": ("acmeDown", "Check that this machine reaches the Internet by HTTPS; else the CA may be down: wait."),
    "serverInternal": ("acmeDown", "The CA has trouble of its own: wait."),
    "caTls": (
        "acmeDown",
        "The CA's own certificate is not trusted. Check this machine's clock; for a private CA set 'acme_ca_file'.",
    ),
    "timeout": ("acmeDown", "The CA takes long: wait."),
    "other": ("acmeFailed", "See docs/operations.md, TLS."),
}
"""What each kind of failure is called and what the owner can do; the CA's kinds are those of RFC 8555 section 6.7."""
