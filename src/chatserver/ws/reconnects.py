"""How sessions come back: what ended their last connection, and how long they were away."""

from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter
from typing import Final, Literal

from chatserver import measures

_REMEMBERED: Final = 10_000
"""Sessions whose last end is remembered; about 2 MB."""

Greeting = Literal["new", "resumed", "reset", "refused"]
"""A client without a copy, one that goes on, one whose copy is of another database, and one that was not let in."""

_hellos = measures.counter(
    "chatserver_hellos", "Greetings, by what they came to.", "result", values=("new", "resumed", "reset", "refused")
)
_reconnects = measures.counter(
    "chatserver_reconnects", "Sessions that came back, by the code that ended their last connection.", "cause"
)
_away = measures.histogram(
    "chatserver_reconnect_delay_seconds",
    "How long sessions that came back were away.",
    (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0),
)


class Reconnects:
    """Remembers the ends of connections. After a restart of the server, and of long ago, the cause is `unknown`."""

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._ended: OrderedDict[int, tuple[str, float]] = OrderedDict()

    def ended(self, session_id: int, code: str) -> None:
        """A connection of this session has ended; `code` is one of few."""
        self._ended[session_id] = (code, self._clock())
        self._ended.move_to_end(session_id)
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    def greeted(self, session_id: int, result: Greeting) -> None:
        """A session was greeted."""
        _hellos.add(1, result)
        known = self._ended.pop(session_id, None)
        if known is not None:
            cause, at = known
            _reconnects.add(1, cause)
            _away.observe(self._clock() - at)
        elif result != "new":
            _reconnects.add(1, "unknown")


def refused() -> None:
    """A greeting was refused."""
    _hellos.add(1, "refused")
