"""Whose turn it is while files are uploaded, and how often their progress is told."""

import asyncio
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.client import outbox_uploads
from chatterm.client.api import Api
from chatterm.client.cache import Cache
from chatterm.client.context import Context
from chatterm.client.errors import not_connected
from chatterm.client.model import Account, Notice, Target, TransferChanged, TransferState
from chatterm.client.outbox import Outbox
from chatterm.client.paths import AccountFiles
from chatterm.client.storage import Storage
from chatterm.client.tokens import TokenSource
from chatterm.client.transfers import Transfers

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.integers(0, 1)),
        st.tuples(st.just("files"), st.integers(0, 1)),
        st.tuples(st.sampled_from(["uploaded", "paused", "resumed"]), st.integers(0, 20)),
        st.tuples(st.just("send"), st.integers(1, 4)),
    ),
    max_size=40,
)


@dataclass
class Model:
    """A message as the rules see it."""

    client_id: bytes
    chat: int
    waits: bool
    paused: bool = False


def due(rows: list[Model], limit: int) -> list[bytes]:
    """What may be sent: what has its files, unless an earlier one to its chat still waits for its own, unpaused."""
    blocked: set[int] = set()
    found = []
    for row in rows:
        if row.waits and not row.paused:
            blocked.add(row.chat)
        elif not row.waits and row.chat not in blocked:
            found.append(row.client_id)
    return found[:limit]


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_files_hold_back_later_messages_of_their_chat_unless_they_are_paused(steps: list[tuple[str, int]]) -> None:
    """Random messages, uploads and pauses: each batch is exactly what the rule allows, in the order typed."""
    with tempfile.TemporaryDirectory() as folder, closing(Outbox.open(Path(folder) / "outbox.db")) as outbox:
        outbox._connection.execute("PRAGMA synchronous = OFF")  # the rule is under test, not the disk
        rows: list[Model] = []
        for what, number in steps:
            if what in ("text", "files"):
                files = [outbox_uploads.fresh_attachment("a", 1)] if what == "files" else []
                row = outbox.append(Target(chat_id=number + 1), "x", attached=files)
                rows.append(Model(row.client_id, number, waits=bool(files)))
            elif what == "send":
                taken = [row.client_id for row in outbox.take(number, 1 << 20)]
                assert taken == due(rows, number)
                outbox.finish(sent=taken)
                rows = [row for row in rows if row.client_id not in taken]
            elif number < len(rows):
                change(outbox, rows[number], what)


def change(outbox: Outbox, model: Model, what: str) -> None:
    """Complete, pause or resume the files of a message, in the outbox and in the model."""
    row = outbox.row(model.client_id)
    assert row is not None
    if what == "uploaded":
        for file in row.attached:
            outbox.change(partial(outbox_uploads.complete, client_id=row.client_id, spool=file.spool, file_id=7))
        model.waits = model.paused = False
    else:
        done = outbox.change(lambda db: outbox_uploads.set_paused(db, row.client_id, paused=what == "paused"))
        assert done == model.waits
        model.paused = model.waits and what == "paused"


def nothing() -> tuple[Api, TokenSource]:
    raise not_connected()


async def test_progress_is_told_ten_times_a_second_and_its_rate_is_smooth(tmp_path: Path) -> None:
    """However many parts go out; the last one is told, too, and changes of state at once."""
    files = AccountFiles(tmp_path)
    account = Account("anna", "http://127.0.0.1:1", "anna@example.org", 1, "Anna")
    notices: list[Notice] = []
    now = 100.0
    with closing(Cache.open(files.cache)) as cache, closing(Outbox.open(files.outbox)) as outbox:
        context = Context(account, cache, outbox, Storage(files), notices.append)
        transfers = Transfers(context, files.pictures, nothing, clock=lambda: now)
        file = outbox_uploads.fresh_attachment("a.bin", 4_000_000)
        row = outbox.append(Target(chat_id=1), "x", attached=[file])
        for part in range(1, 1_001):
            now += 0.002
            transfers.upload_moved(row, file, part * 2_000)
        told = [notice.transfer for notice in notices if isinstance(notice, TransferChanged)]
        assert 19 <= len(told) <= 21
        assert abs(told[-1].rate - 1_000_000) < 50_000
        (shown,) = outbox.rows()
        assert (shown.attached[0].sent, outbox.row(row.client_id)) == (2_000_000, row), "what is stored stays as it was"
        transfers.upload_moved(row, file, 2_000_001)
        async with asyncio.timeout(5):
            while not any(isinstance(n, TransferChanged) and n.transfer.done == 2_000_001 for n in notices):
                await asyncio.sleep(0)
        transfers.upload_done(row, file, 9)
        last = notices[-1]
        assert isinstance(last, TransferChanged)
        assert (last.transfer.state, last.transfer.done) == (TransferState.DONE, 4_000_000)
        assert transfers.moving() == (0, 0, 0, 0)
        assert outbox.rows()[0].attached[0].sent == 0
