"""What the log says about whose work is being done: set once per request or connection, carried by its tasks."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol


class Context(Protocol):
    """One request or connection, as far as the log is concerned."""

    def log_fields(self) -> Mapping[str, Any]:
        """Facts to put on every line; never a secret, nor anything that a person wrote."""
        ...


_current: ContextVar[Context | None] = ContextVar("log_context", default=None)


def enter(context: Context) -> None:
    """From now on the lines of this task, and of tasks it starts, belong to this context."""
    _current.set(context)


def fields() -> Mapping[str, Any]:
    """The facts of the current context."""
    context = _current.get()
    return context.log_fields() if context is not None else {}
