"""Targets of links: which ones may reach the terminal, in which form, and which host they really lead to."""

import re
import unicodedata
from typing import Final

TARGET_MAX: Final = 2_000
"""Characters of a link's target; terminals cut or refuse longer ones."""
_VISIBLE_MAX: Final = 256
"""Characters of a link's text that are compared with its target."""
_WEB: Final = re.compile(r"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_AUTHORITY: Final = re.compile(r"([\w.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::(\d{1,5}))?", re.IGNORECASE)
_MAIL: Final = re.compile(r"mailto:([\w.!#$%&'*+/=^`{|}~-]{1,64}@[\w.-]{1,253})(\?.*)?", re.IGNORECASE | re.DOTALL)
_UNSAFE: Final = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]")
"""What an OSC 8 sequence or a URL may not hold as it is."""
_HOST_LIKE: Final = re.compile(r"[^\W_][\w-]{0,62}(?:\.[\w-]{1,63})+")


def _quoted(text: str) -> str:
    return _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode("utf-8", "replace")), text)


def _ascii_host(host: str) -> str | None:
    """A host as the network knows it; None if it is none."""
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


def target_of(written: str) -> str | None:
    """The target as it may be given to a terminal: http, https or mailto, ASCII only, of bounded length; else None.

    What stands in front of an `@` in the place of a host is left out: it only serves to look like another host.
    """
    if len(written) > TARGET_MAX or "\\" in written:
        return None
    if mail := _MAIL.fullmatch(written):
        return _bounded(f"mailto:{_quoted(mail[1])}{_quoted(mail[2] or '')}")
    web = _WEB.fullmatch(written)
    authority = _AUTHORITY.fullmatch(web[2].rpartition("@")[2]) if web else None
    host = _ascii_host(authority[1]) if authority else None
    if web is None or authority is None or not host or ".." in host or host[0] in ".-":
        return None
    port = f":{authority[2]}" if authority[2] else ""
    return _bounded(f"{web[1].lower()}://{_quoted(host)}{port}{_quoted(web[3])}")


def _bounded(target: str) -> str | None:
    return target if len(target) <= TARGET_MAX else None


def host_of(target: str) -> str:
    """Where a target leads: the host of a URL (with its port), or a mail address."""
    if target.startswith("mailto:"):
        return target[7:].partition("?")[0]
    return re.split("[/?#]", target.partition("://")[2], maxsplit=1)[0]


def warning(visible: str, target: str) -> str:
    """The real host, if a link's text looks as if it led somewhere else; empty if it does not."""
    host = host_of(target)
    shown = unicodedata.normalize("NFKC", visible[:_VISIBLE_MAX]).replace("。", ".").casefold()
    if not shown.isascii() and "xn--" in host:
        return host  # letters of other scripts may look like those of a known host
    wanted = host.rpartition("@")[2].partition(":")[0].removeprefix("www.")
    named = [found.rstrip("-").removeprefix("www.") for found in _HOST_LIKE.findall(_first_host(shown))]
    return host if any(each != wanted for each in named) else ""


def _first_host(shown: str) -> str:
    """Of a text that is a URL only what stands in the place of a host, else all of it."""
    _, scheme, rest = shown.partition("://")
    return re.split("[/?#]", rest, maxsplit=1)[0] if scheme else shown
