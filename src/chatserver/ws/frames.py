"""Rate, errors and duration of WebSocket frames, by type: what is asked for by a request has an answer or a refusal."""

from time import perf_counter
from typing import Final, Literal

from chatserver import measures

Kind = Literal["hello", "send", "edit", "delete", "react", "pin", "fetch", "seen", "watch", "typing", "away"]

_MAY_FAIL: Final = ("send", "edit", "delete", "react", "pin", "fetch", "seen")

_seconds = measures.histogram(
    "chatserver_frame_seconds",
    "From taking a frame until it is answered or, without an answer, done; of seen markers, those that are stored.",
    label="type",
)
_failed = measures.counter("chatserver_frame_errors", "Frames that were refused, by type.", "type", values=_MAY_FAIL)


def answered(kind: Kind, begun: float, times: int = 1) -> None:
    """So many frames, of which the first was taken at `begun` (by `time.perf_counter`), are done."""
    _seconds.of(kind).observe(perf_counter() - begun, times)


def failed(kind: Kind, times: int = 1) -> None:
    """So many frames are refused; they count as answered as well."""
    _failed.add(times, kind)
