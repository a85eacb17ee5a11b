"""Do something once for many causes: the first cause starts a short delay, the rest join it."""

import asyncio
from collections.abc import Callable


class Coalesced:
    """Runs `action` once, `delay` seconds after the first `poke` since its last run."""

    __slots__ = ("_action", "_delay", "_timer")

    def __init__(self, delay: float, action: Callable[[], None]) -> None:
        self._delay = delay
        self._action = action
        self._timer: asyncio.TimerHandle | None = None

    def poke(self) -> None:
        """There is a cause. Must run on the event loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._run)

    def close(self) -> None:
        """Forget a pending run."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        self._timer = None
        self._action()
