"""Files of messages: copied before they are queued, uploaded whatever breaks, and sent in their turn."""

import asyncio
from pathlib import Path

import httpx
import pytest

from chatproto.models import Chat, Message
from chatterm.client.errors import ClientError
from chatterm.client.model import OutboxState, Target, Transfer, TransferChanged, TransferState
from chatterm.client.paths import account_files
from tests.client.conftest import Connect
from tests.support.client import IMPATIENT, Client, at_home, running_client, sign_in
from tests.support.files import noise
from tests.support.proxy import proxied
from tests.support.server import WAIT_S, Person, RunningServer, running_server

BIG = 6_000_000


def written(folder: Path, name: str, size: int, seed: int = 0) -> Path:
    path = folder / name
    path.write_bytes(noise(size, seed))
    return path


def spooled(client: Client) -> list[str]:
    """Names of the copies in the spool."""
    with at_home(client.home):
        folder = account_files(client.session.account.key).spool
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.exists() else []


def last(client: Client, chat: Chat) -> Message:
    event = client.log(chat.id)[-1]
    assert isinstance(event, Message)
    return event


async def content(person: Person, file_id: int) -> bytes:
    answer = await person.http.get(f"/files/{file_id}")
    assert answer.status_code == 200, answer.text
    return answer.content


def transfers(client: Client) -> list[Transfer]:
    return [notice.transfer for notice in client.notices if isinstance(notice, TransferChanged)]


async def test_files_queued_offline_arrive_as_they_were_then(
    tmp_path: Path, server: RunningServer, anna: Person, ben: Person
) -> None:
    """Changed or deleted afterwards, the originals do not matter; the message shows its files in their order."""
    chat = await anna.direct(ben)
    one, two = written(tmp_path, "one.bin", 300_000, 1), written(tmp_path, "two.bin", 0)
    client = Client(tmp_path / "anna", sign_in(tmp_path / "anna", anna))
    try:
        row = await client.session.send(Target(chat_id=chat.id), "look", files=(one, two))
        assert row.state is OutboxState.QUEUED
        assert len(spooled(client)) == 2
        expected = one.read_bytes()
        one.write_bytes(b"changed")
        two.unlink()
        await client.session.start()
        await client.outbox_empty()
        message = last(client, chat)
        assert (message.text, [(file.name, file.size) for file in message.files]) == (
            "look",
            [("one.bin", 300_000), ("two.bin", 0)],
        )
        assert await content(ben, message.files[0].id) == expected
        assert await content(ben, message.files[1].id) == b""
        assert spooled(client) == []
        states = [transfer.state for transfer in client.session.transfers.list()]
        assert states == [TransferState.DONE] * 2
    finally:
        await client.session.stop()


async def test_an_upload_goes_on_where_the_network_was_cut(
    tmp_path: Path, server: RunningServer, anna: Person, ben: Person
) -> None:
    """Cut again and again, each byte but the ones in flight goes over the network once."""
    chat = await anna.direct(ben)
    path = written(tmp_path, "big.bin", BIG, 2)
    async with (
        proxied(server.url) as proxy,
        running_client(tmp_path / "anna", anna, url=proxy.url, timing=IMPATIENT) as client,
    ):
        await client.online()
        proxy.to_server.hold_at = proxy.to_server.passed + BIG // 4
        await client.session.send(Target(chat_id=chat.id), "", files=(path,))
        offsets = [0]
        for cut in range(3):
            async with asyncio.timeout(WAIT_S):
                await proxy.to_server.held.wait()
            before = len(transfers(client))
            proxy.cut()
            proxy.to_server.release()
            if cut < 2:
                proxy.to_server.hold_at = proxy.to_server.passed + BIG // 4
            await client.offline()
            client.session.retry_now()
            offsets.append(await resumed(client, before))
        await client.outbox_empty()
        assert await content(ben, last(client, chat).files[0].id) == path.read_bytes()
        assert offsets == sorted(set(offsets)), "it began anew"


async def resumed(client: Client, before: int) -> int:
    """Where an upload goes on, as its notices after the first `before` say."""

    def running() -> list[int]:
        since = transfers(client)[before:]
        stopped = [place for place, each in enumerate(since) if each.state is TransferState.WAITING]
        return [each.done for each in since[stopped[0] :] if each.state is TransferState.RUNNING] if stopped else []

    await client.until(running)
    return running()[0]


async def test_messages_wait_behind_the_files_of_their_chat_only(
    tmp_path: Path, server: RunningServer, anna: Person, ben: Person
) -> None:
    """First in, first out in one chat, while another chat goes on; a paused upload lets later messages pass."""
    chat, other = await anna.direct(ben), await anna.group("Garden", ben)
    path = written(tmp_path, "big.bin", BIG, 3)
    async with (
        proxied(server.url) as proxy,
        running_client(tmp_path / "anna", anna, url=proxy.url) as client,
    ):
        session = client.session
        await client.online()
        proxy.to_server.hold_at = proxy.to_server.passed + BIG // 2
        row = await session.send(Target(chat_id=chat.id), "with a file", files=(path,))
        await session.send(Target(chat_id=chat.id), "behind it")
        await session.send(Target(chat_id=other.id), "elsewhere")
        async with asyncio.timeout(WAIT_S):
            await proxy.to_server.held.wait()
        (moving,) = session.transfers.list()
        assert (moving.state, session.transfers.moving().to_send) == (TransferState.RUNNING, BIG)
        proxy.to_server.release()
        assert await session.transfers.pause(moving.id)
        await client.has_texts(chat, "behind it")
        await client.has_texts(other, "elsewhere")
        (paused,) = session.transfers.list()
        assert (paused.state, paused.client_id, paused.name) == (TransferState.PAUSED, row.client_id, "big.bin")
        await client.outbox_at_most(1)
        assert await session.transfers.resume(paused.id)
        await client.has_texts(chat, "behind it", "with a file")
        assert not await session.transfers.pause(paused.id)


async def test_what_waits_for_files_is_sent_in_order(
    connect: Connect, tmp_path: Path, anna: Person, ben: Person
) -> None:
    """Messages typed behind one with files, while it is uploaded, come after it."""
    chat = await anna.direct(ben)
    client = await connect(anna)
    await client.online()
    paths = [written(tmp_path, f"{number}.bin", 900_000, number) for number in range(3)]
    for number, path in enumerate(paths):
        await client.session.send(Target(chat_id=chat.id), f"file {number}", files=(path,))
        await client.session.send(Target(chat_id=chat.id), f"text {number}")
    await client.outbox_empty()
    assert client.texts(chat.id) == [f"{kind} {number}" for number in range(3) for kind in ("file", "text")]


async def test_a_file_that_the_server_refuses_fails_its_message_and_keeps_it(tmp_path: Path) -> None:
    """The reason is shown, later messages go on, and a retry sends it once the server takes it."""
    path = written(tmp_path, "large.bin", 2_000, 4)
    async with running_server(tmp_path / "data", file_max_bytes=1_000) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        account = sign_in(tmp_path / "anna", anna)
        client = Client(tmp_path / "anna", account)
        await client.session.start()
        row = await client.session.send(Target(chat_id=chat.id), "too large", files=(path,))
        await client.session.send(Target(chat_id=chat.id), "goes on")
        await client.until(lambda: client.session.outbox.counts() == (0, 1))
        assert client.texts(chat.id) == ["goes on"]
        (failed,) = client.session.outbox.rows()
        assert (failed.client_id, failed.state, failed.text) == (row.client_id, OutboxState.FAILED, "too large")
        assert failed.error is not None
        assert failed.error.code == "fileTooLarge"
        assert "large.bin" in failed.error.message
        (transfer,) = client.session.transfers.list()
        assert (transfer.state, transfer.error) == (TransferState.FAILED, failed.error)
        port = httpx.URL(server.url).port or 0
        await client.session.stop()
    async with running_server(tmp_path / "data", at_port=port):
        client = Client(tmp_path / "anna", account)
        await client.session.start()
        assert await client.session.transfers.resume(transfer.id)
        await client.outbox_empty()
        assert client.texts(chat.id) == ["goes on", "too large"]
        assert spooled(client) == []
        await client.session.stop()


async def test_a_cancelled_upload_keeps_the_text_and_a_discarded_message_takes_its_copies_along(
    connect: Connect, tmp_path: Path, anna: Person, ben: Person
) -> None:
    """Cancelling fails the message, for the user to retry or discard; discarding leaves nothing behind."""
    chat = await anna.direct(ben)
    client = await connect(anna, sends=False)
    path = written(tmp_path, "plan.bin", 1_000)
    row = await client.session.send(Target(chat_id=chat.id), "plan", files=(path,))
    (transfer,) = client.session.transfers.list()
    assert transfer.state is TransferState.WAITING
    assert await client.session.transfers.cancel(transfer.id)
    (kept,) = client.session.outbox.rows()
    assert (kept.state, kept.text, kept.error and kept.error.code) == (OutboxState.FAILED, "plan", "uploadCancelled")
    assert len(spooled(client)) == 1
    await client.session.retry(row.client_id)
    assert client.session.outbox.rows()[0].is_uploading
    assert await client.session.discard(row.client_id)
    assert spooled(client) == []


async def test_files_that_the_server_dropped_are_uploaded_again(
    connect: Connect, tmp_path: Path, anna: Person, ben: Person, server: RunningServer
) -> None:
    """A message that waited for longer than the server keeps unseen files is sent all the same."""
    chat = await anna.direct(ben)
    path = written(tmp_path, "late.bin", 5_000, 5)
    client = Client(tmp_path / "anna", sign_in(tmp_path / "anna", anna))
    await client.session.send(Target(chat_id=chat.id), "late", files=(path,))
    (row,) = client.session.outbox.rows()
    outbox = client.session.outbox
    from chatterm.client import outbox_uploads  # noqa: PLC0415 - what an uploader would have noted a day ago

    outbox.change(lambda db: outbox_uploads.complete(db, row.client_id, row.attached[0].spool, 123_456))
    assert not outbox.rows()[0].is_uploading
    try:
        await client.session.start()
        await client.outbox_empty()
        assert await content(ben, last(client, chat).files[0].id) == path.read_bytes()
    finally:
        await client.session.stop()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: folder / "missing", "fileMissing"),
        (lambda folder: folder, "fileNotRegular"),
        (lambda folder: Path("/dev/null"), "fileNotRegular"),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_anything_is_queued(
    connect: Connect, tmp_path: Path, anna: Person, make: "object", code: str
) -> None:
    """One bad file among good ones: nothing is queued, nothing is copied."""
    client = await connect(anna)
    good = written(tmp_path, "good.bin", 10)
    with pytest.raises(ClientError) as caught:
        await client.session.send(Target(user_id=anna.id), "x", files=(good, make(tmp_path)))  # type: ignore[operator]
    assert caught.value.code == code
    assert (client.session.outbox.counts(), spooled(client)) == ((0, 0), [])
    with pytest.raises(ClientError) as caught:
        await client.session.send(Target(user_id=anna.id), "x", files=(good,) * 11)
    assert caught.value.code == "tooManyFiles"
