"""What `chatserver top` remembers of the last minutes: sparklines and baselines, in bounded memory."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from chatserver.ops.reading import Reading
from chatserver.top.figures import Baseline, Figures, figures

COLUMN_S: Final = 5.0
"""Seconds of one column of a sparkline."""
COLUMNS_MAX: Final = 240
LATELY_S: Final = 60.0
_BASELINE_S: Final = 5.0

Line = Callable[[Figures], float | None]
LINES: Final[Mapping[str, Line]] = {
    "messages": lambda now: now.messages,
    "deliveries": lambda now: now.deliveries,
    "requests": lambda now: now.requests,
    "send_to_ack": lambda now: now.send_to_ack.p99,
    "commit_to_delivery": lambda now: now.commit_to_delivery.p99,
    "commit": lambda now: now.commit.p99,
    "fsync": lambda now: now.fsync.p99,
    "loop_lag": lambda now: now.loop_lag.p99,
    "cpu": lambda now: now.cpu,
    "resident": lambda now: float(now.resident),
    "connections": lambda now: float(now.connections),
}
"""What has a sparkline. Each column shows the highest value of its seconds."""


class Sparkline:
    """The highest value of each column of time; a column without any was not seen."""

    def __init__(self) -> None:
        self._columns: deque[tuple[int, float]] = deque(maxlen=COLUMNS_MAX)

    def add(self, at: float, value: float) -> None:
        """Note a value; `at` in seconds, not falling."""
        column = int(at // COLUMN_S)
        if self._columns and self._columns[-1][0] >= column:
            column, highest = self._columns.pop()
            value = max(value, highest)
        self._columns.append((column, value))

    def values(self, at: float, count: int) -> list[float | None]:
        """The last `count` columns up to the one of `at`; None where nothing was seen."""
        known, last = dict(self._columns), int(at // COLUMN_S)
        return [known.get(column) for column in range(last - count + 1, last + 1)]


class Watch:
    """Turns readings, as they come, into figures and sparklines."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before: Reading | None = None
        self._baselines: deque[Baseline] = deque(maxlen=int(LATELY_S / _BASELINE_S) + 2)
        self.sparklines = {name: Sparkline() for name in LINES}
        self.figures: Figures | None = None
        """The newest; None until there are two readings."""
        self.restarted_at: float | None = None
        """When the server was seen to have been started anew, if ever."""

    def take(self, reading: Reading, names: Mapping[int, str] | None = None) -> None:
        """Take the next reading, and names of chats as far as they are known."""
        before, self._before = self._before, reading
        if before is not None and reading.at <= before.at and reading.started_at == before.started_at:
            self._before = before  # an answer that was overtaken
            return
        if before is not None:
            now = figures(self._url, reading, before, self._lately(reading), names or {})
            self.figures = now
            if now.restarted:
                self.restarted_at = now.started_at
            for name, line in LINES.items():
                if (value := line(now)) is not None:
                    self.sparklines[name].add(now.at, value)
        self._keep(reading)

    @property
    def wanted(self) -> list[int]:
        """The chats whose names could be told."""
        return [chat.id for chat in self._before.chats] if self._before else []

    def _lately(self, reading: Reading) -> Baseline:
        while len(self._baselines) > 1 and self._baselines[1].at <= reading.at - LATELY_S:
            self._baselines.popleft()
        return self._baselines[0]

    def _keep(self, reading: Reading) -> None:
        anew = self._baselines and self._baselines[-1].started_at != reading.started_at
        if anew:
            self._baselines.clear()
        if not self._baselines or reading.at - self._baselines[-1].at >= _BASELINE_S:
            self._baselines.append(Baseline.of(reading))
