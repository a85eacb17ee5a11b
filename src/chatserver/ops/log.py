"""Logging to stderr, one line a record, as text or JSON. Nothing logs secrets or the text of messages.

Modules log with the standard library; structlog renders, in the one thread that writes, so that neither a slow stderr
nor the rendering holds up the server. Where lines are taken too slowly they are dropped and counted, never kept
without bound.
"""

import contextlib
import json
import logging
import queue
import sys
import threading
import time
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO

from chatproto.text import terminal_safe
from chatserver import measures
from chatserver.ops import context

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["text", "json"]

_OURS: Final = "chatserver"
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes every record has; all others were given with `extra`."""
_SECRET: Final = ("token", "password", "secret", "authorization", "cookie", "text", "body")
"""Fields whose names hold one of these are not written, in case somebody logs one by mistake."""
_WITHHELD: Final = "(withheld)"
_CAPACITY: Final = 10_000
"""Lines that may wait for a slow stderr; about 10 MB."""
_CLOSE_S: Final = 2.0
"""Seconds that the end of the server may wait for its last lines to be taken."""

_told = measures.counter("chatserver_log_warnings", "Log lines of a high level.", "level", values=("warning", "error"))
_exceptions = measures.counter(
    "chatserver_exceptions", "Exceptions that nothing expected: defects, each with its traceback in the log."
)
_lost = measures.counter("chatserver_log_lines_lost", "Log lines dropped because stderr did not take them in time.")


class LogWriter(logging.Handler):
    """Takes records from any thread without waiting, and writes them in order from a thread of its own."""

    def __init__(self, stream: TextIO, form: Form, capacity: int = _CAPACITY) -> None:
        """`capacity`: how many records may wait."""
        super().__init__()
        self._stream = stream
        self._form = form
        self._renderer: logging.Formatter | None = None
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(capacity)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, with what is only known here and now."""
        record.msg, record.args = record.getMessage(), None
        record.context = context.fields()
        if record.levelno >= logging.WARNING:
            _count(record)
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._lost += 1
            _lost.value += 1

    def close(self) -> None:
        """Write what waits, for at most two seconds each: a stderr that nobody reads is not waited for. Idempotent."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=_CLOSE_S)
                self._thread.join(_CLOSE_S)
        super().close()

    def _run(self) -> None:
        while (record := self._waiting.get()) is not None:
            lines = [self._render(record)]
            lost, self._lost = self._lost, 0
            if lost:
                lines.append(self._render(_lost_lines(lost)))
            with contextlib.suppress(OSError, ValueError):  # stderr is closed: there is nobody to tell
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()

    def _render(self, record: logging.LogRecord) -> str:
        if self._renderer is None:
            # Loading structlog takes longer than starting to accept; the first line can wait for it.
            self._renderer = _renderer(self._form)
        return self._renderer.format(record)


def _count(record: logging.LogRecord) -> None:
    """Called for one record at a time, whatever thread it comes from."""
    is_error = record.levelno >= logging.ERROR
    _told.add(1, "error" if is_error else "warning")
    if is_error and record.exc_info:
        _exceptions.value += 1


def set_up(level: Level, form: Form, stream: TextIO | None = None) -> LogWriter:
    """Send every record of at least `level` to stderr; replaces what was set up before. Its owner closes it."""
    writer = LogWriter(stream or sys.stderr, form)
    logging.basicConfig(level=logging.WARNING, handlers=[writer], force=True)
    set_level(level)
    return writer


def set_level(level: Level) -> None:
    """What is written from now on. Other libraries only get to warn: some of them narrate what they were given."""
    logging.getLogger(_OURS).setLevel(level.upper())


def toggle_debug(usual: Level) -> Level:
    """Switch between `debug` and the usual level; returns which it is now."""
    level: Level = usual if logging.getLogger(_OURS).level == logging.DEBUG else "debug"
    set_level(level)
    return level


def _lost_lines(count: int) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": _OURS,
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": "log lines were lost",
            "lines": count,
        }
    )


def _renderer(form: Form) -> logging.Formatter:
    import structlog  # noqa: PLC0415 - see `LogWriter._render`

    last = structlog.processors.JSONRenderer(default=str, ensure_ascii=True) if form == "json" else _as_text
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_facts, structlog.processors.format_exc_info],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _ordered, last],
    )


def _facts(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What a record says, and whose work it was."""
    record: logging.LogRecord = event["_record"]
    extras = {name: value for name, value in vars(record).items() if name not in _STANDARD and name != "context"}
    given = {**getattr(record, "context", {}), **extras}
    event.update(
        (name, _WITHHELD if any(part in name.lower() for part in _SECRET) else value) for name, value in given.items()
    )
    event.update(time=_time(record), level=record.levelname.lower(), logger=record.name)
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event


def _ordered(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """`time`, `level`, `logger`, `message`, given fields, `traceback`."""
    first = {name: event.pop(name) for name in ("time", "level", "logger")}
    first["message"] = event.pop("event")
    trace = event.pop("exception", None)
    ordered = {**first, **event}
    if trace is not None:
        ordered["traceback"] = trace
    return ordered


def _as_text(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """`2026-01-31T12:00:00.123Z info chatserver.store what happened key=value`; a traceback follows, indented."""
    trace = event.pop("traceback", None)
    head = " ".join(str(event.pop(name)) for name in ("time", "level", "logger", "message"))
    line = terminal_safe(head + "".join(f" {name}={_quoted(value)}" for name, value in event.items()))
    if trace is not None:
        line += "\n    " + terminal_safe(trace, multiline=True).replace("\n", "\n    ")
    return line


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"


def _quoted(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
