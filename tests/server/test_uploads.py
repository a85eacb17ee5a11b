"""Uploads: refused before bytes are taken, resumed wherever they were cut, complete only when durable."""

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from chatproto.models import FileInfo
from chatproto.rest import Upload
from tests.server.test_rest import read, refused
from tests.support.files import PATCH, append, begin, noise, put, stored_files
from tests.support.server import SILENT, Person, RunningServer, running_server


async def content(person: Person, info: FileInfo) -> bytes:
    answer = await person.http.get(f"/files/{info.id}")
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_a_file_arrives_in_pieces(anna: Person) -> None:
    """Each answer says where the upload is; the last one has the file, and so has every later look."""
    data = noise(300_000)
    upload = await begin(anna, len(data), "a/../plan.bin")
    assert (upload.offset, upload.file, upload.name) == (0, None, "a_.._plan.bin")
    for start in range(0, len(data), 70_000):
        answer = await append(anna, upload, start, data[start : start + 70_000])
        state = read(answer, Upload)
        assert state.offset == min(start + 70_000, len(data))
        assert answer.headers["upload-offset"] == str(state.offset)
    assert state.file is not None
    assert (state.file.size, state.file.media_type) == (len(data), "application/octet-stream")
    assert read(await anna.http.get(f"/uploads/{upload.id}"), Upload).file == state.file
    head = await anna.http.head(f"/uploads/{upload.id}")
    assert (head.headers["upload-offset"], head.headers["upload-length"], head.content) == ("300000", "300000", b"")
    assert await content(anna, state.file) == data


async def test_bytes_for_another_offset_are_told_the_right_one(anna: Person) -> None:
    """Nothing is stored twice or left out; the answer's header says where to go on."""
    data = noise(1_000)
    upload = await begin(anna, 1_000)
    read(await append(anna, upload, 0, data[:400]), Upload)
    for wrong in (0, 399, 401, 1_000):
        answer = await append(anna, upload, wrong, data[wrong : wrong + 10])
        refused(answer, "uploadOffset")
        assert answer.headers["upload-offset"] == "400"
    done = read(await append(anna, upload, 400, data[400:]), Upload)
    assert await content(anna, done.file) == data
    refused(await append(anna, upload, 0, data), "uploadOffset")
    assert read(await append(anna, upload, 1_000, b""), Upload) == done


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-type": "application/octet-stream", "upload-offset": "0"}, "invalidFrame"),
        ({"content-type": PATCH}, "invalidFrame"),
        ({"content-type": PATCH, "upload-offset": "-1"}, "invalidFrame"),
        ({"content-type": PATCH, "upload-offset": "1" * 16}, "invalidFrame"),
        ({"content-type": PATCH, "upload-offset": "x"}, "invalidFrame"),
    ],
)
async def test_a_piece_says_what_it_is_and_where_it_belongs(anna: Person, headers: dict[str, str], code: str) -> None:
    upload = await begin(anna, 10)
    refused(await anna.http.patch(f"/uploads/{upload.id}", content=b"x", headers=headers), code)


async def test_more_bytes_than_announced_are_refused(anna: Person) -> None:
    """Also when their number is not announced; what was announced can still be sent."""
    upload = await begin(anna, 100)
    refused(await append(anna, upload, 0, noise(101)), "tooLarge")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield noise(101)

    refused(await append(anna, upload, 0, endless()), "tooLarge")
    state = read(await anna.http.get(f"/uploads/{upload.id}"), Upload)
    data = noise(100)
    assert read(await append(anna, upload, state.offset, data[state.offset :]), Upload).file is not None


async def test_beginning_again_gives_the_same_upload(anna: Person, ben: Person) -> None:
    """A lost answer costs nothing: the client id finds the upload, open or complete. It is each user's own."""
    client_id = base64.b64encode(os.urandom(16)).decode()
    first = await begin(anna, 6, client_id=client_id)
    await append(anna, first, 0, b"abc")
    again = await begin(anna, 6, client_id=client_id)
    assert (again.id, again.offset) == (first.id, 3)
    await append(anna, first, 3, b"def")
    assert (await begin(anna, 6, client_id=client_id)).file is not None
    assert (await begin(ben, 6, client_id=client_id)).id != first.id
    body = {"name": "notes.bin", "size": 7, "clientId": client_id}
    refused(await anna.http.post("/uploads", json=body), "uploadConflict")


async def test_an_empty_file(anna: Person) -> None:
    """It is complete once an empty piece has said so."""
    upload = await begin(anna, 0)
    done = read(await append(anna, upload, 0, b""), Upload)
    assert done.file is not None
    assert await content(anna, done.file) == b""
    assert (await put(anna, b"")).size == 0


async def test_a_whole_file_in_one_request(anna: Person) -> None:
    """For scripts; its size must be known, because it is refused before it is taken."""
    info = await put(anna, b"hello\n", "notes.txt")
    assert (info.name, info.size, info.media_type) == ("notes.txt", 6, "text/plain")

    async def unknown() -> AsyncIterator[bytes]:
        yield b"x"

    refused(await anna.http.post("/files", content=unknown()), "lengthRequired")


async def test_a_giant_is_refused_before_its_bytes(server: RunningServer, anna: Person) -> None:
    """A client that waits for '100 Continue' gets the refusal instead, and sends nothing."""
    refused(await anna.http.post("/uploads", json={"name": "x", "size": 1 << 38}), "fileTooLarge")
    refused(await anna.http.post("/uploads", json={"name": "x", "size": 1 << 50}), "invalidFrame")
    head = (
        f"POST /files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {anna.tokens.access_token}\r\n"
        f"content-length: {1 << 38}\r\nexpect: 100-continue\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(head.encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_room_is_shared_out_before_it_is_used(tmp_path: Path) -> None:
    """A user's quota counts what they have announced; giving up gives back; everybody together has a limit too."""
    async with running_server(tmp_path / "data", SILENT, file_user_bytes=1_000, file_total_bytes=1_500) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        first = await begin(anna, 600)
        refused(await anna.http.post("/uploads", json={"name": "x", "size": 401}), "quotaExceeded")
        refused(await anna.http.post("/files", content=noise(401)), "quotaExceeded")
        await begin(ben, 600)
        refused(await anna.http.post("/uploads", json={"name": "x", "size": 301}), "diskFull")
        assert (await anna.http.delete(f"/uploads/{first.id}")).status_code == 204
        refused(await anna.http.get(f"/uploads/{first.id}"), "uploadNotFound")
        await put(anna, noise(900))
        refused(await anna.http.post("/uploads", json={"name": "x", "size": 1}), "diskFull")


async def test_a_disk_without_room_is_told_as_such(tmp_path: Path) -> None:
    """Uploads leave the reserve alone, and messages go on."""
    async with running_server(tmp_path / "data", SILENT, file_reserve_bytes=1 << 60) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        body = refused(await anna.http.post("/files", content=b"x"), "diskFull")
        assert body.error.temporary
        async with anna.socket() as socket_:
            assert (await socket_.say(await anna.direct(ben), "still here")).seq == 1


async def test_equal_content_is_stored_once(server: RunningServer, anna: Person, ben: Person) -> None:
    """Two files of two people, one content; each keeps its name and may go without the other."""
    data = noise(5_000)
    first, second = await put(anna, data, "a.bin"), await put(ben, data, "b.bin")
    assert first.id != second.id
    await server.application.files.janitor.tidy()
    assert stored_files(server.data) == 1
    assert (await content(anna, first), await content(ben, second)) == (data, data)


async def test_a_newcomer_takes_over(server: RunningServer, anna: Person) -> None:
    """A connection that hangs in the middle of a piece gives way to the next request for the same upload."""
    data = noise(200_000)
    upload = await begin(anna, len(data))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    writer.write(
        f"PATCH /uploads/{upload.id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {anna.tokens.access_token}\r\n"
        f"content-type: {PATCH}\r\nupload-offset: 0\r\ncontent-length: {len(data)}\r\n"
        "expect: 100-continue\r\n\r\n".encode()
        + data[:100_000]
    )
    async with asyncio.timeout(10):
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"  # the server wants the bytes
    state = read(await anna.http.get(f"/uploads/{upload.id}"), Upload)
    done = read(await append(anna, upload, state.offset, data[state.offset :]), Upload)
    assert await content(anna, done.file) == data
    writer.close()


async def test_a_cut_connection_keeps_what_arrived(server: RunningServer, anna: Person) -> None:
    """Half a piece counts: the upload goes on behind it."""
    data = noise(3_000_000)
    upload = await begin(anna, len(data))

    async def cut() -> AsyncIterator[bytes]:
        yield data[:2_000_000]
        raise ConnectionError

    with contextlib.suppress(ConnectionError, httpx.HTTPError):
        await append(anna, upload, 0, cut(), **{"content-length": str(len(data))})
    state = read(await anna.http.get(f"/uploads/{upload.id}"), Upload)
    assert 0 <= state.offset <= 2_000_000
    done = read(await append(anna, upload, state.offset, data[state.offset :]), Upload)
    assert await content(anna, done.file) == data


async def test_foreign_uploads_do_not_exist(anna: Person, eve: Person) -> None:
    """Every call on another's upload is told what one on nothing is told, and changes nothing."""
    upload = await begin(anna, 10)
    await append(anna, upload, 0, b"12345")
    for path in (f"/uploads/{upload.id}", "/uploads/1", f"/uploads/{1 << 48}"):
        refused(await eve.http.get(path), "uploadNotFound")
        refused(await eve.http.delete(path), "uploadNotFound")
        headers = {"content-type": PATCH, "upload-offset": "5"}
        refused(await eve.http.patch(path, content=b"67890", headers=headers), "uploadNotFound")
    assert read(await anna.http.get(f"/uploads/{upload.id}"), Upload).offset == 5


async def test_abandoned_uploads_and_unshown_files_go(tmp_path: Path) -> None:
    """Their bytes too, and their owner has the room back."""
    async with running_server(
        tmp_path / "data", SILENT, upload_expiry_s=0, file_grace_s=0, file_user_bytes=1_000
    ) as server:
        anna = await server.person("Anna")
        upload = await begin(anna, 500)
        await append(anna, upload, 0, noise(100))
        info = await put(anna, noise(400))
        refused(await anna.http.post("/uploads", json={"name": "x", "size": 101}), "quotaExceeded")
        await server.application.files.janitor.tidy()
        refused(await anna.http.get(f"/uploads/{upload.id}"), "uploadNotFound")
        refused(await anna.http.get(f"/files/{info.id}"), "fileNotFound")
        assert stored_files(server.data) == 0
        await begin(anna, 1_000)


async def test_a_request_that_does_nothing_is_ended(
    server: RunningServer, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body may take as long as it likes while it goes on, but not stand still."""
    monkeypatch.setattr("chatserver.http.protocol._ARRIVAL_TIMEOUT_S", 0.05)
    monkeypatch.setattr("chatserver.http.protocol._PROGRESS_BYTES", 1)
    upload = await begin(anna, 100)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    head = (
        f"PATCH /uploads/{upload.id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {anna.tokens.access_token}\r\n"
        f"content-type: {PATCH}\r\nupload-offset: 0\r\ncontent-length: 100\r\n\r\n"
    )
    writer.write(head.encode() + b"x" * 10)
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    writer.close()
    assert read(await anna.http.get(f"/uploads/{upload.id}"), Upload).offset == 10
