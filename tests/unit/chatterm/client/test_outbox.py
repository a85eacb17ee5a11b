"""The outbox: what was queued stays until the server has it, in order for each target, and refusals keep the text."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatproto.errors import ErrorInfo
from chatterm.client import outbox_uploads
from chatterm.client.errors import ClientError
from chatterm.client.model import OutboxRow, OutboxState, Target
from chatterm.client.outbox import Outbox
from chatterm.client.outbox_uploads import fresh_attachment

A, B = Target(chat_id=1), Target(email="bela@example.org")
NOT_MEMBER = ErrorInfo(code="notMember", message="You are not a member.", hint="Ask a member.")
TOO_LONG = ErrorInfo(code="textTooLong", message="Too long.")
CONFLICT = ErrorInfo(code="clientIdConflict", message="Used before.")
GONE = ErrorInfo(code="fileNotFound", message="There is no such file.")
LOTS = 1 << 20


class Clock:
    def __init__(self) -> None:
        self.now = 1_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "account" / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    opened = Outbox.open(path, clock=Clock())
    yield opened
    opened.close()


def fill(outbox: Outbox, *pairs: tuple[Target, str]) -> list[OutboxRow]:
    return [outbox.append(target, text) for target, text in pairs]


def states(outbox: Outbox) -> dict[str, str]:
    return {row.text: row.state.value for row in outbox.rows()}


def take(outbox: Outbox, limit: int = 100) -> list[str]:
    return [row.text for row in outbox.take(limit, LOTS)]


def test_a_queued_message_survives_a_restart(outbox: Outbox, path: Path) -> None:
    """Every field, for every kind of target, with a client id of its own."""
    targets = [Target(chat_id=7), Target(user_id=8), Target(email="x:y@example.org")]
    rows = [outbox.append(target, "text\0\n\U0001f34e") for target in targets]
    again = Outbox.open(path)
    assert again.problem is None
    assert again.rows() == rows
    assert [row.target for row in rows] == targets
    assert [row.created_at for row in rows] == [1_001, 1_002, 1_003]
    assert {(row.state, row.attempts, row.error) for row in rows} == {(OutboxState.QUEUED, 0, None)}
    assert len({row.client_id for row in rows} | {b""}) == 4
    assert {len(row.client_id) for row in rows} == {16}
    assert again.row(rows[1].client_id) == rows[1]
    again.close()


def test_a_target_has_exactly_one_address(outbox: Outbox) -> None:
    """Anything else is a mistake of the caller, and nothing is queued."""
    for target in (Target(), Target(chat_id=1, user_id=2)):
        with pytest.raises(ValueError, match="exactly one"):
            outbox.append(target, "text")
    assert outbox.rows() == []


def test_appending_twice_under_one_client_id_queues_once(outbox: Outbox) -> None:
    """The same message is returned; another one is refused."""
    first = outbox.append(A, "text", b"i" * 16)
    assert outbox.append(A, "text", b"i" * 16) == first
    for target, text in ((A, "other"), (B, "text")):
        with pytest.raises(ClientError) as caught:
            outbox.append(target, text, b"i" * 16)
        assert caught.value.code == "clientIdConflict"
    assert outbox.rows() == [first]


def test_batches_are_taken_oldest_first_and_counted(outbox: Outbox) -> None:
    """Taken rows are in flight, with their attempts counted, on disk."""
    fill(outbox, (A, "1"), (B, "2"), (A, "3"))
    assert take(outbox, 2) == ["1", "2"]
    assert states(outbox) == {"1": "sending", "2": "sending", "3": "queued"}
    assert [row.attempts for row in outbox.rows()] == [1, 1, 0]
    assert outbox.counts() == (3, 0)


def test_a_batch_is_bounded_by_its_text(outbox: Outbox) -> None:
    """UTF-8 bytes count, order is kept, and one message always fits."""
    texts = ["é" * 10, "b" * 10, "c" * 30, "d"]
    fill(outbox, *((Target(chat_id=number + 1), text) for number, text in enumerate(texts)))
    assert [row.text for row in outbox.take(9, 35)] == texts[:2]
    assert [row.text for row in outbox.take(9, 29)] == texts[2:3]
    assert [row.text for row in outbox.take(9, 29)] == texts[3:]
    assert outbox.take(9, 29) == []


def test_nothing_overtakes_a_message_in_flight_to_the_same_target(outbox: Outbox) -> None:
    """Other targets go on."""
    fill(outbox, (A, "a1"), (A, "a2"), (B, "b1"))
    assert take(outbox, 1) == ["a1"]
    assert take(outbox) == ["b1"]
    assert outbox.requeue_sending() == 2
    assert take(outbox) == ["a1", "a2", "b1"]


def test_nothing_overtakes_a_message_whose_files_the_server_may_have_dropped(outbox: Outbox) -> None:
    """It ends the batch for its target, so that it can be uploaded again before what is behind it is sent."""
    fill(outbox, (A, "a1"))
    file = fresh_attachment("a.bin", 10)
    row = outbox.append(A, "a2", attached=[file])
    fill(outbox, (A, "a3"), (B, "b1"))
    outbox.change(lambda db: outbox_uploads.complete(db, row.client_id, file.spool, 7))
    batch = outbox.take(9, LOTS)
    assert [taken.text for taken in batch] == ["a1", "a2", "b1"]
    outbox.finish(sent=[batch[0].client_id, batch[2].client_id], refused=[(row.client_id, GONE)])
    assert take(outbox) == []
    (again,) = outbox.rows()[0].attached
    outbox.change(lambda db: outbox_uploads.complete(db, row.client_id, again.spool, 8))
    assert take(outbox) == ["a2"]
    outbox.sent(row.client_id)
    assert take(outbox) == ["a3"]


def test_answers_are_applied_together(outbox: Outbox) -> None:
    """Sent rows leave, refused ones stay with their reason, the others go again under the same id."""
    rows = fill(outbox, (A, "1"), (B, "2"), (A, "3"))
    outbox.take(9, LOTS)
    outbox.finish(sent=[rows[0].client_id], refused=[(rows[1].client_id, TOO_LONG)], requeue=[rows[2].client_id])
    assert states(outbox) == {"2": "failed", "3": "queued"}
    assert outbox.rows()[0].error == TOO_LONG
    assert outbox.counts() == (1, 1)
    outbox.finish(sent=[rows[0].client_id, b"?" * 16], requeue=[rows[1].client_id])
    assert states(outbox) == {"2": "failed", "3": "queued"}, "answers that come twice change nothing"
    assert [row.client_id for row in outbox.take(9, LOTS)] == [rows[2].client_id]
    outbox.sent(rows[2].client_id)
    assert states(outbox) == {"2": "failed"}


def test_a_temporary_error_is_no_refusal(outbox: Outbox) -> None:
    """The caller has to requeue; nothing is marked as failed."""
    row = outbox.append(A, "1")
    with pytest.raises(ValueError, match="temporary"):
        outbox.refused(row.client_id, ErrorInfo(code="overloaded", message="Busy.", temporary=True))
    assert states(outbox) == {"1": "queued"}


def test_one_poisoned_message_blocks_nobody(outbox: Outbox) -> None:
    """A refusal of the message itself concerns only that message."""
    rows = fill(outbox, (A, "bad"), (A, "good"))
    outbox.take(1, LOTS)
    outbox.refused(rows[0].client_id, TOO_LONG)
    assert take(outbox) == ["good"]


@pytest.mark.parametrize("code", ["notMember", "userNotFound"])
def test_a_refusal_of_the_target_holds_its_later_messages(outbox: Outbox, code: str) -> None:
    """Also those appended afterwards; other targets go on; held ones wait for the user like failed ones."""
    rows = fill(outbox, (A, "a1"), (A, "a2"), (B, "b1"))
    outbox.take(1, LOTS)
    outbox.refused(rows[0].client_id, ErrorInfo(code=code, message="No."))
    outbox.append(A, "a3")
    assert states(outbox) == {"a1": "failed", "a2": "held", "b1": "queued", "a3": "held"}
    assert outbox.counts() == (1, 3)
    assert take(outbox) == ["b1"]


def test_retrying_the_refused_message_frees_what_it_held(outbox: Outbox) -> None:
    """The same id in the same place, so the order is the one in which they were written."""
    rows = fill(outbox, (A, "a1"), (A, "a2"))
    outbox.refused(rows[0].client_id, NOT_MEMBER)
    again = outbox.retry(rows[0].client_id)
    assert again is not None
    assert (again.client_id, again.row_id, again.error) == (rows[0].client_id, rows[0].row_id, None)
    assert states(outbox) == {"a1": "queued", "a2": "queued"}
    assert take(outbox) == ["a1", "a2"]


def test_retrying_a_held_message_retries_what_holds_it(outbox: Outbox) -> None:
    """It never overtakes the earlier ones."""
    rows = fill(outbox, (A, "a1"), (A, "a2"), (A, "a3"))
    outbox.take(2, LOTS)
    outbox.finish(refused=[(rows[0].client_id, NOT_MEMBER), (rows[1].client_id, NOT_MEMBER)])
    assert states(outbox) == {"a1": "failed", "a2": "failed", "a3": "held"}
    outbox.retry(rows[1].client_id)
    assert states(outbox) == {"a1": "failed", "a2": "held", "a3": "held"}
    outbox.retry(rows[2].client_id)
    assert take(outbox) == ["a1", "a2", "a3"]


def test_a_used_client_id_is_replaced_by_the_retry(outbox: Outbox) -> None:
    """Under the old one it would be refused for ever."""
    row = outbox.append(A, "1")
    outbox.take(1, LOTS)
    outbox.refused(row.client_id, CONFLICT)
    again = outbox.retry(row.client_id)
    assert again is not None
    assert again.client_id != row.client_id
    assert (again.text, again.row_id, again.attempts) == ("1", row.row_id, 0)
    assert outbox.row(row.client_id) is None
    assert outbox.retry(row.client_id) is None


def test_retrying_what_has_not_failed_changes_nothing(outbox: Outbox) -> None:
    """Queued and in-flight rows go their way."""
    row = outbox.append(A, "1")
    assert outbox.retry(row.client_id) == row
    (sending,) = outbox.take(1, LOTS)
    assert outbox.retry(row.client_id) == sending


def test_only_what_cannot_be_sent_already_is_discarded(outbox: Outbox) -> None:
    """Never attempted, or refused; once tried, the server may have it."""
    rows = fill(outbox, (A, "never tried"), (A, "in flight"), (A, "tried"), (A, "refused"), (A, "held"))
    outbox.discard(rows[0].client_id)
    outbox.take(3, LOTS)
    assert not outbox.discard(rows[1].client_id)
    outbox.finish(requeue=[rows[2].client_id], refused=[(rows[3].client_id, NOT_MEMBER)])
    assert not outbox.discard(rows[2].client_id)
    assert states(outbox)["held"] == "held"
    assert outbox.discard(rows[4].client_id)
    assert outbox.discard(rows[3].client_id)
    assert not outbox.discard(rows[3].client_id)
    assert states(outbox) == {"in flight": "sending", "tried": "queued"}


def test_discarding_the_refused_message_frees_what_it_held(outbox: Outbox) -> None:
    """Nothing is held without a reason that can be seen."""
    rows = fill(outbox, (A, "a1"), (A, "a2"))
    outbox.refused(rows[0].client_id, NOT_MEMBER)
    assert outbox.discard(rows[0].client_id)
    assert states(outbox) == {"a2": "queued"}


def test_a_row_is_held_only_by_earlier_refusals(outbox: Outbox) -> None:
    """One between two refusals goes when the first of them is gone; one behind both still waits."""
    rows = fill(outbox, (A, "a1"), (A, "a2"), (A, "a3"), (A, "a4"))
    outbox.take(3, LOTS)
    refused = [(rows[0].client_id, NOT_MEMBER), (rows[2].client_id, NOT_MEMBER)]
    outbox.finish(refused=refused, requeue=[rows[1].client_id])
    assert states(outbox) == {"a1": "failed", "a2": "held", "a3": "failed", "a4": "held"}
    outbox.discard(rows[0].client_id)
    assert states(outbox) == {"a2": "queued", "a3": "failed", "a4": "held"}


def test_rows_follow_a_person_into_the_chat(outbox: Outbox) -> None:
    """Once the direct chat is known, what waits for the person and what waits for the chat are one line."""
    chat = Target(chat_id=9)
    rows = fill(outbox, (B, "1"), (chat, "2"), (B, "3"), (A, "4"))
    outbox.take(1, LOTS)
    assert outbox.rebind(B, 9) == 2
    assert outbox.rebind(B, 9) == 0
    assert [row.text for row in outbox.rows([chat])] == ["1", "2", "3"]
    assert take(outbox) == ["4"], "1 is in flight to the chat now"
    outbox.refused(rows[0].client_id, NOT_MEMBER)
    assert states(outbox) == {"1": "failed", "2": "held", "3": "held", "4": "sending"}


def test_rows_can_be_asked_by_target(outbox: Outbox) -> None:
    """In sending order, bounded, and none for no target."""
    fill(outbox, (A, "1"), (B, "2"), (A, "3"), (Target(user_id=1), "4"))
    assert [row.text for row in outbox.rows([A])] == ["1", "3"]
    assert [row.text for row in outbox.rows([B, A])] == ["1", "2", "3"]
    assert [row.text for row in outbox.rows([A], limit=1)] == ["1"]
    assert outbox.rows([]) == []


def test_what_another_process_queued_is_noticed(outbox: Outbox, path: Path) -> None:
    """The version changes with others' writes, and not with one's own."""
    other = Outbox.open(path)
    before = outbox.data_version()
    outbox.append(A, "own")
    assert outbox.data_version() == before
    other.append(A, "other's")
    after = outbox.data_version()
    assert after != before
    assert outbox.data_version() == after
    assert take(outbox) == ["own", "other's"]
    other.close()


def test_a_full_outbox_takes_no_more(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound counts rows, not their numbers, and says what to do."""
    monkeypatch.setattr("chatterm.client.outbox.ROWS_MAX", 3)
    rows = fill(outbox, *((A, str(number)) for number in range(3)))
    with pytest.raises(ClientError) as caught:
        outbox.append(A, "4")
    assert caught.value.code == "outboxFull"
    outbox.sent(rows[1].client_id)
    outbox.append(A, "5")
    assert sorted(states(outbox)) == ["0", "2", "5"]


def test_a_full_disk_refuses_the_message_whole(outbox: Outbox) -> None:
    """It is not queued, the error says why, and what was queued is untouched; with space again it works."""
    outbox.append(A, "before")
    pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
    outbox._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ClientError) as caught:
        outbox.append(A, "x" * 16_384)
    assert caught.value.code == "diskFull"
    assert "nothing was changed" in caught.value.message
    assert states(outbox) == {"before": "queued"}
    outbox._connection.execute("PRAGMA max_page_count = 100000")
    outbox.append(A, "after")
    assert take(outbox) == ["before", "after"]


def test_a_busy_outbox_is_a_clear_error(outbox: Outbox, path: Path) -> None:
    """When another process writes for too long, the append fails whole and can be tried again."""
    other = Outbox.open(path)
    other._connection.execute("BEGIN IMMEDIATE")
    outbox._connection.execute("PRAGMA busy_timeout = 1")
    with pytest.raises(ClientError) as caught:
        outbox.append(A, "1")
    assert caught.value.code == "storageBusy"
    other._connection.execute("ROLLBACK")
    other.close()
    outbox.append(A, "1")
    assert states(outbox) == {"1": "queued"}
