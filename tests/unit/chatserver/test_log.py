"""Log lines: one a record, nothing that could act on a terminal or look like another line."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest

from chatserver.ops import log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # pytest's own handlers must survive the set-up
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def written(form: Literal["text", "json"]) -> list[str]:
    stream = io.StringIO()
    log.set_up("info", form, stream)
    logger = logging.getLogger("chatserver.test")
    logger.debug("not shown")
    logger.info("hello %s", "world\x1b[31m\nfake line", extra={"user": 7, "name_of": "two words", "blank": ""})
    try:
        raise ValueError("bad \x07 thing")
    except ValueError:
        logger.exception("it failed")
    return stream.getvalue().splitlines()


def test_text() -> None:
    """Time, level, logger, message, fields; control characters are pictures; a traceback is indented."""
    lines = written("text")
    assert lines[0].endswith('Z info chatserver.test hello world␛[31m␊fake line user=7 name_of="two words" blank=""')
    assert lines[1].endswith("error chatserver.test it failed")
    assert all(line.startswith("    ") for line in lines[2:])
    assert lines[-1] == "    ValueError: bad ␇ thing"


def test_json() -> None:
    """One object a line with the same facts."""
    first, second = map(json.loads, written("json"))
    assert first["level"] == "info"
    assert first["logger"] == "chatserver.test"
    assert first["message"] == "hello world\x1b[31m\nfake line"
    assert (first["user"], first["name_of"], first["blank"]) == (7, "two words", "")
    assert first["time"].endswith("Z")
    assert second["traceback"].endswith("ValueError: bad \x07 thing")
