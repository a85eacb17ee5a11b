"""Does actions of the table by name, wherever they were asked for, and keeps what goes wrong from ending the app."""

import importlib
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from chatproto.errors import ChatError, ErrorInfo
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.tui.actions import APP_ACTIONS, Action, named
from chatterm.tui.features.feature import Feature

if TYPE_CHECKING:
    from chatterm.tui.screen import ChatScreen

_log = logging.getLogger("chatterm.tui")


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
        if isinstance(error, ChatError | ClientError):
            info = error.info()
        else:
            _log.error("%s failed", action.name, exc_info=error)
            told = f"{action.title} failed: {type(error).__name__}: {error}."
            info = ErrorInfo(code="internal", message=told, hint="The rest works; the log has the details.")
        self._screen.tell(terminal_safe(f"{info.message} {info.hint}".strip()), failed=True)
        if failed is not None:
            failed()
