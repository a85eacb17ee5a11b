"""Logging to stderr, one line a record, as text or JSON. Nothing logs secrets or the text of messages."""

import json
import logging
import sys
import time
from typing import Any, Final, Literal, TextIO

from chatproto.text import terminal_safe

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes every record has; all others were given with `extra`."""


def set_up(level: str, form: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Send every record of at least `level` to stderr; replaces what was set up before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Warnings of these two are ours to show; their narration is not.
    for noisy in ("asyncio", "aiosqlite"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.123Z info chatserver.store what happened key=value`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows on lines of its own, indented."""
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _extras(record).items())
        line = f"{_time(record)} {record.levelname.lower()} {record.name} {record.getMessage()}{fields}"
        line = terminal_safe(line)
        if record.exc_info:
            trace = terminal_safe(self.formatException(record.exc_info), multiline=True)
            line += "\n    " + trace.replace("\n", "\n    ")
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, given fields, `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, ASCII only."""
        content: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"


def _quoted(value: object) -> str:
    text = str(value)
    return text if text and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
