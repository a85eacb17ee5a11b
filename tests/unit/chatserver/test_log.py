"""Log lines: one a record, nothing that could act on a terminal or look like another line."""

import contextvars
import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from typing import Literal

import pytest

from chatserver.ops import context, log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level, own = root.handlers[:], root.level, logging.getLogger("chatserver").level
    root.handlers.clear()  # pytest's own handlers must survive the set-up
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("chatserver").setLevel(own)


def written(form: Literal["text", "json"]) -> list[str]:
    stream = io.StringIO()
    writer = log.set_up("info", form, stream)
    logger = logging.getLogger("chatserver.test")
    logger.debug("not shown")
    logger.info("hello %s", "world\x1b[31m\nfake line", extra={"user": 7, "name_of": "two words", "blank": ""})
    try:
        raise ValueError("bad \x07 thing")
    except ValueError:
        logger.exception("it failed")
    writer.close()
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


def test_a_field_that_sounds_like_a_secret_is_withheld() -> None:
    """Whoever logs one by mistake does no harm."""
    stream = io.StringIO()
    writer = log.set_up("info", "json", stream)
    logging.getLogger("chatserver.test").info("x", extra={"accessToken": "canary", "new_password": "canary", "user": 1})
    writer.close()
    line = json.loads(stream.getvalue())
    assert (line["accessToken"], line["new_password"], line["user"]) == ("(withheld)", "(withheld)", 1)


def test_lines_of_one_piece_of_work_say_whose_it_is() -> None:
    """The context is taken when the line is logged, not when it is written."""

    class Work:
        def __init__(self, number: int) -> None:
            self.number = number

        def log_fields(self) -> dict[str, int]:
            return {"work": self.number}

    def work(number: int) -> None:
        context.enter(Work(number))
        logging.getLogger("chatserver.test").info("done", extra={"work_of": number})

    stream = io.StringIO()
    writer = log.set_up("info", "json", stream)
    for number in range(3):
        contextvars.copy_context().run(work, number)
    logging.getLogger("chatserver.test").info("no work")
    writer.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line.get("work"), line.get("work_of")) for line in lines] == [(0, 0), (1, 1), (2, 2), (None, None)]


def test_other_libraries_only_warn_whatever_the_level() -> None:
    """Some narrate what they were given, such as the parameters of a statement."""
    stream = io.StringIO()
    writer = log.set_up("debug", "text", stream)
    logging.getLogger("aiosqlite").debug("INSERT canary")
    logging.getLogger("PIL").info("canary")
    logging.getLogger("chatserver.store").debug("shown")
    logging.getLogger("asyncio").warning("shown too")
    assert log.toggle_debug("warning") == "warning"
    logging.getLogger("chatserver.store").info("not shown")
    assert log.toggle_debug("warning") == "debug"
    logging.getLogger("chatserver.store").debug("shown again")
    writer.close()
    said = [line.partition(" ")[2] for line in stream.getvalue().splitlines()]
    assert said == [
        "debug chatserver.store shown",
        "warning asyncio shown too",
        "debug chatserver.store shown again",
    ]


def test_a_stderr_that_is_not_read_holds_nobody_up_and_costs_bounded_memory() -> None:
    """Lines beyond the queue are dropped, counted, and spoken of once somebody reads again."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as reader, os.fdopen(writing, "w") as stream:
        writer = log.LogWriter(stream, "text", capacity=10)
        logger = logging.getLogger("chatserver.test")
        logger.addHandler(writer)
        logger.propagate = False
        try:
            for _ in range(500):  # several times what a pipe holds
                logger.error("x" * 1_000)
            said: list[str] = []
            taking = threading.Thread(target=lambda: said.extend(reader))
            taking.start()
            writer.close()
        finally:
            logger.removeHandler(writer)
            logger.propagate = True
        stream.close()
        taking.join()
    lost = sum(int(line.rpartition("=")[2]) for line in said if "log lines were lost lines=" in line)
    written = sum("xxx" in line for line in said)
    assert lost > 0
    assert written + lost == 500
