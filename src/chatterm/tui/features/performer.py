"""Does actions of the table by name, wherever they were asked for, and keeps what goes wrong from ending the app."""

import importlib
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from chatproto.text import terminal_safe
from chatterm.tui.actions import APP_ACTIONS, Action, named
from chatterm.tui.features.feature import Feature, described

if TYPE_CHECKING:
    from chatterm.tui.screen import ChatScreen


class Performer:
    """The features of one screen."""

    def __init__(self, screen: "ChatScreen") -> None:
        self._screen = screen
        self._features: dict[str, Feature] = {}

    def perform(self, name: str, argument: str = "", failed: Callable[[], None] | None = None) -> None:
        """Do an action; a coroutine goes on in the background. Never raises: what goes wrong is told.

        `failed` is called after that, for whoever has to take something back then.
        """
        action = named(name)
        try:
            result = self._do(action, argument)
        except Exception as error:  # whatever a feature raises, the rest of the interface lives on
            self._tell(action, error, failed)
            return
        if inspect.isawaitable(result):
            self._screen.run_worker(self._finish(action, result, failed), group=action.feature or "actions")

    def feature(self, name: str) -> Feature:
        """A feature of this screen, loaded if it was not."""
        found = self._features.get(name)
        if found is None:
            module = importlib.import_module(f"chatterm.tui.features.{name}")
            kind = getattr(module, "".join(part.capitalize() for part in name.split("_")))
            found = self._features[name] = kind(self._screen)
        return found

    def _do(self, action: Action, argument: str) -> Any:
        if action.feature:
            return getattr(self.feature(action.feature), action.name)(argument)
        owner = self._screen.app if action.name in APP_ACTIONS else self._screen
        return getattr(owner, f"action_{action.name}")()

    async def _finish(self, action: Action, result: Awaitable[Any], failed: Callable[[], None] | None) -> None:
        try:
            await result
        except Exception as error:  # as above
            self._tell(action, error, failed)

    def _tell(self, action: Action, error: Exception, failed: Callable[[], None] | None) -> None:
        info = described(error, action.title)
        self._screen.tell(terminal_safe(f"{info.message} {info.hint}".strip()), failed=True)
        if failed is not None:
            failed()
