"""The outbox against a small model of its rules, in random long runs: nothing is lost, doubled or reordered."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatproto.errors import ErrorInfo
from chatterm.client.model import Target
from chatterm.client.outbox import Outbox
from chatterm.client.outbox_rows import BLOCKING, NEW_ID, target_key

TARGETS = [Target(chat_id=1), Target(user_id=3), Target(email="d@example.org")]
BOUND = {"u:3": 1, "e:d@example.org": 2}
"""The direct chats that two of the targets turn out to be."""
REFUSALS = ["textTooLong", "notMember", "userNotFound", "clientIdConflict"]


@dataclass
class Row:
    """A message as the rules see it."""

    number: int
    client_id: bytes
    target: str
    state: str = "queued"
    attempts: int = 0
    code: str | None = None

    @property
    def blocks(self) -> bool:
        return self.state == "failed" and self.code in BLOCKING


class OutboxMachine(RuleBasedStateMachine):
    """Two processes share an outbox; a sender takes batches and a server answers, or does not."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "outbox.db"
        self.outbox = self.open()
        self.other = self.open()
        self.model: list[Row] = []
        self.count = 0
        self.accepted: dict[bytes, int] = {}
        self.gone: set[int] = set()

    def open(self) -> Outbox:
        outbox = Outbox.open(self.path)
        outbox._connection.execute("PRAGMA synchronous = OFF")  # the rules are under test, not the disk
        return outbox

    def teardown(self) -> None:
        self.outbox.close()
        self.other.close()
        self.folder.cleanup()

    def settle(self) -> None:
        """The rule of the model: held is exactly what lies behind a blocking refusal to the same target."""
        blocked: set[str] = set()
        for row in self.model:
            if row.state in ("queued", "held"):
                row.state = "held" if row.target in blocked else "queued"
            if row.blocks:
                blocked.add(row.target)

    def in_state(self, *states: str) -> list[Row]:
        return [row for row in self.model if row.state in states]

    @rule(to=st.sampled_from(TARGETS), by_other=st.booleans())
    def append(self, to: Target, by_other: bool) -> None:
        row = (self.other if by_other else self.outbox).append(to, str(self.count))
        self.model.append(Row(self.count, row.client_id, target_key(to)))
        self.count += 1
        self.settle()

    @rule(limit=st.integers(1, 4))
    def take(self, limit: int) -> None:
        busy = {row.target for row in self.in_state("sending")}
        expected = [row for row in self.in_state("queued") if row.target not in busy][:limit]
        taken = self.outbox.take(limit, 1 << 20)
        assert [row.client_id for row in taken] == [row.client_id for row in expected]
        for row in expected:
            row.state, row.attempts = "sending", row.attempts + 1

    @precondition(lambda self: self.in_state("sending"))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """The server answers all that is in flight: accepted (the answer may be lost), refused, or not now."""
        sent, refused, requeue = [], [], []
        for row in self.in_state("sending"):
            outcome = data.draw(st.sampled_from(["sent", "lost", "later", *REFUSALS]))
            if outcome in ("sent", "lost"):
                self.accept(row)
            if outcome == "sent":
                sent.append(row.client_id)
                self.model.remove(row)
                self.gone.add(row.number)
            elif outcome in ("lost", "later") or row.client_id in self.accepted:
                requeue.append(row.client_id)
                row.state = "queued"
            else:
                refused.append((row.client_id, ErrorInfo(code=outcome, message="No.")))
                row.state, row.code = "failed", outcome
        self.outbox.finish(sent=sent, refused=refused, requeue=requeue)
        self.settle()

    def accept(self, row: Row) -> None:
        known = self.accepted.setdefault(row.client_id, row.number)
        assert known == row.number, "two messages never share a client id"

    @rule()
    def lose_connection(self) -> None:
        lost = self.in_state("sending")
        assert self.outbox.requeue_sending() == len(lost)
        for row in lost:
            row.state = "queued"
        self.settle()

    @precondition(lambda self: self.model)
    @rule(data=st.data(), by_other=st.booleans())
    def retry(self, data: st.DataObject, by_other: bool) -> None:
        row = data.draw(st.sampled_from(self.model))
        result = (self.other if by_other else self.outbox).retry(row.client_id)
        assert result is not None
        assert result.text == str(row.number)
        again = [row] if row.state == "failed" else []
        if row.state == "held":
            earlier = self.model[: self.model.index(row)]
            again = [before for before in earlier if before.blocks and before.target == row.target]
        for failed in again:
            if failed.code == NEW_ID:
                assert result.client_id != failed.client_id
                failed.client_id, failed.attempts = result.client_id, 0
            failed.state, failed.code = "queued", None
        self.settle()

    @precondition(lambda self: self.model)
    @rule(data=st.data(), by_other=st.booleans())
    def discard(self, data: st.DataObject, by_other: bool) -> None:
        row = data.draw(st.sampled_from(self.model))
        allowed = row.state == "failed" or (row.state in ("queued", "held") and row.attempts == 0)
        assert (self.other if by_other else self.outbox).discard(row.client_id) is allowed
        if allowed:
            assert row.client_id not in self.accepted, "what the server has is never reported as discarded"
            self.model.remove(row)
            self.gone.add(row.number)
            self.settle()

    @rule(person=st.sampled_from(TARGETS[1:]))
    def direct_chat_becomes_known(self, person: Target) -> None:
        key = target_key(person)
        moved = [row for row in self.model if row.target == key]
        assert self.outbox.rebind(person, BOUND[key]) == len(moved)
        for row in moved:
            row.target = f"c:{BOUND[key]}"
        self.settle()

    @rule(size=st.integers(0, 16))
    def unknown_ids_change_nothing(self, size: int) -> None:
        nobody = os.urandom(16)
        self.outbox.finish(sent=[nobody], requeue=[nobody])
        assert self.outbox.retry(nobody) is None
        assert self.outbox.row(nobody[:size]) is None
        assert not self.outbox.discard(nobody)

    @rule()
    def restart(self) -> None:
        self.outbox.close()
        self.outbox = self.open()
        assert self.outbox.problem is None

    @invariant()
    def follows_the_rules(self) -> None:
        rows = self.outbox.rows()
        assert rows == self.other.rows()
        assert [
            (
                int(row.text),
                row.client_id,
                target_key(row.target),
                row.state.value,
                row.attempts,
                row.error and row.error.code,
            )
            for row in rows
        ] == [(row.number, row.client_id, row.target, row.state, row.attempts, row.code) for row in self.model]
        waiting = len(self.in_state("queued", "sending"))
        assert self.outbox.counts() == (waiting, len(self.model) - waiting)

    @invariant()
    def loses_nothing(self) -> None:
        """Every message is still here, or the server has it, or the user discarded it."""
        assert {row.number for row in self.model} | self.gone == set(range(self.count))
        assert not {row.number for row in self.model} & self.gone


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
