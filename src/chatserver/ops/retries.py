"""What is being tried again, how often, and after which pause: the backoff of push, mail and whatever else retries."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chatserver import measures

_retries = measures.counter("chatserver_retries", "Attempts put off after a failure, by part of the server.", "part")


class Retries:
    """The pauses of one part. One that is over is forgotten."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._pauses: dict[object, float] = {}
        _retries.add(0, part)
        _parts[part] = self

    @property
    def longest_s(self) -> float:
        """The longest pause that somebody waits for now, in seconds; 0 if nothing failed."""
        return max(self._pauses.values(), default=0.0)

    def begin(self, seconds: float) -> object:
        """An attempt is put off for so long; what is returned ends the pause."""
        pause = object()
        self._pauses[pause] = seconds
        _retries.add(1, self._part)
        return pause

    def end(self, pause: object) -> None:
        """The next attempt begins, or is given up. Idempotent."""
        self._pauses.pop(pause, None)

    def failed(self, seconds: float) -> None:
        """For a part that does one thing at a time: it has failed, and is tried again after so long."""
        self.succeeded()
        self.begin(seconds)

    def succeeded(self) -> None:
        """For a part that does one thing at a time: nothing is put off any more. Idempotent."""
        self._pauses.clear()

    @contextmanager
    def pause(self, seconds: float) -> Iterator[None]:
        """As `begin` and `end`, around the code that waits."""
        begun = self.begin(seconds)
        try:
            yield
        finally:
            self.end(begun)


_parts: dict[str, Retries] = {}


def _backoff() -> Mapping[tuple[str, ...], float]:
    return {(part,): retries.longest_s for part, retries in _parts.items()}


measures.gauge(
    "chatserver_backoff_seconds", "The longest pause before a retry that is waited for now.", _backoff, "part"
)
