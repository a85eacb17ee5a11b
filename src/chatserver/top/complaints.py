"""Which counters tell of something that went wrong, and what it is called."""

from collections.abc import Mapping, Sequence
from typing import Final

from chatserver.ops.reading import Series

_GOOD_CLOSES: Final = frozenset({"1000", "1001", "1005", "1006", "1012"})
"""Clients that went, with or without a word, and the server's own restart."""
_BAD_ENDINGS: Final = (
    *("_failed", "_failures", "_errors", "_exceptions", "_lost", "_turned_away", "_warnings", "_retries", "_closed"),
)
_RENAMED: Final = {
    "chatserver_rate_limited": "rate limit",
    "chatserver_websockets_closed": "closed with",
    "chatserver_requests": "HTTP",
    "chatserver_errors": "refused",
}


def complaints(counters: Mapping[str, Sequence[Series]]) -> dict[str, float]:
    """Name and count of everything that is no good news; counters that are new to this version among them."""
    found: dict[str, float] = {}
    for counter, series in counters.items():
        for one in series:
            if _is_bad(counter, one.labels):
                name = " ".join((_called(counter), *one.labels))
                found[name] = found.get(name, 0.0) + one.value
    return found


def _is_bad(counter: str, labels: Sequence[str]) -> bool:
    if counter == "chatserver_websockets_closed":
        return not _GOOD_CLOSES & set(labels)
    if counter == "chatserver_requests":
        return "5xx" in labels
    return counter == "chatserver_rate_limited" or counter.endswith(_BAD_ENDINGS)


def _called(counter: str) -> str:
    return _RENAMED.get(counter) or counter.removeprefix("chatserver_").replace("_", " ")
