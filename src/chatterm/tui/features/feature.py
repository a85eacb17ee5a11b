"""The base of a feature: what it may use of the screen it belongs to."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from chatproto.errors import ChatError, ErrorInfo
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.ports import Engine

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp
    from chatterm.tui.conversation import Conversation
    from chatterm.tui.screen import ChatScreen


_log = logging.getLogger("chatterm.tui")
T = TypeVar("T")
MARK_AFTER_S: Final = 0.5
"""What takes longer than this is told."""


def described(error: Exception, title: str) -> ErrorInfo:
    """What went wrong in what `title` names; one that nobody foresaw goes to the log with its details."""
    if isinstance(error, ChatError | ClientError):
        return error.info()
    _log.error("%s failed", title, exc_info=error)
    told = f"{title} failed: {type(error).__name__}: {error}."
    return ErrorInfo(code="internal", message=told, hint="The rest works; the log has the details.")


class Feature:
    """Carries out actions of the table: `NAME(argument)` for each action that names this feature.

    The module `chatterm.tui.features.some_thing` has one subclass, `SomeThing`. Its methods may be coroutines;
    what they raise is told to the user, and the interface lives on.
    """

    def __init__(self, screen: "ChatScreen") -> None:
        self.screen = screen

    @property
    def app(self) -> "ChatApp":
        return cast("ChatApp", self.screen.app)

    @property
    def engine(self) -> Engine:
        return self.screen.engine

    @property
    def conversation(self) -> "Conversation":
        return self.screen.conversation

    def tell(self, text: str, *, failed: bool = False) -> None:
        """Say something for a moment; `text` must be safe for a terminal."""
        self.screen.tell(text, failed=failed)

    def begin(self, title: str, work: Awaitable[object]) -> None:
        """Do something in the background; what goes wrong is told."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # whatever it is, the rest of the interface lives on
                info = described(error, title)
                self.tell(terminal_safe(f"{info.message} {info.hint}".strip()), failed=True)

        self.screen.run_worker(guarded(), group="actions")

    async def patiently(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the server; if that takes a while, say so. Everything else can be used meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait((task,), timeout=MARK_AFTER_S)
            if not done:
                self.tell("◌ Waiting for the server…")
            return await task
        finally:
            task.cancel()
