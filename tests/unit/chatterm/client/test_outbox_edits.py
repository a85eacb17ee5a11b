"""Changing an unsent message in its place, as long as it cannot have reached the server."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from chatproto.errors import ErrorInfo
from chatterm.client.model import NOTHING_ENCLOSED, Enclosed, OutboxRow, OutboxState, Target
from chatterm.client.outbox import Outbox
from chatterm.client.outbox_edits import rewrite

GARDEN = Target(chat_id=7)
REFUSED = ErrorInfo(code="notMember", message="No.")


def to(text: str, row: OutboxRow, enclosed: Enclosed = NOTHING_ENCLOSED) -> Callable[[sqlite3.Connection], object]:
    return lambda connection: rewrite(connection, row.client_id, text, enclosed)


def test_a_waiting_message_keeps_its_place_and_its_id(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "outbox.db")
    first, second = outbox.append(GARDEN, "one"), outbox.append(GARDEN, "two")
    assert outbox.change(to("uno", first, Enclosed(reply_to=3)))
    rows = outbox.rows()
    assert [(row.text, row.client_id) for row in rows] == [("uno", first.client_id), ("two", second.client_id)]
    assert rows[0].enclosed == Enclosed(reply_to=3)
    outbox.close()


def test_one_that_may_be_on_the_server_is_left_alone(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "outbox.db")
    row = outbox.append(GARDEN, "one")
    outbox.take(1, 1_000)
    assert outbox.change(to("uno", row)) is None
    outbox.requeue_sending()
    assert outbox.change(to("uno", row)) is None, "its outcome is unknown"
    assert outbox.rows()[0].text == "one"
    outbox.sent(row.client_id)
    assert outbox.change(to("uno", row)) is None
    outbox.close()


def test_a_refused_one_is_queued_again_under_another_id_and_lets_go_what_it_held(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path / "outbox.db")
    first = outbox.append(GARDEN, "one")
    outbox.append(GARDEN, "two")
    outbox.take(1, 1_000)
    outbox.refused(first.client_id, REFUSED)
    assert [row.state for row in outbox.rows()] == [OutboxState.FAILED, OutboxState.HELD]
    assert outbox.change(to("uno", first))
    rows = outbox.rows()
    assert [(row.text, row.state) for row in rows] == [("uno", OutboxState.QUEUED), ("two", OutboxState.QUEUED)]
    assert rows[0].client_id != first.client_id
    assert (rows[0].attempts, rows[0].error) == (0, None)
    outbox.close()
