"""Downloads: only for those who may, in the ranges asked for, and never as something that a browser runs."""

import asyncio
import io
import os
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from chatproto.models import FileInfo
from chatserver.files.pictures import Pictures
from chatserver.http.protocol import BoundedHttp
from tests.server.test_rest import refused
from tests.support.files import image, noise, put, stored_files
from tests.support.s3 import s3_server
from tests.support.server import SILENT, Person, RunningServer, outgoing, running_server


async def get(person: Person, info: FileInfo, **headers: str) -> httpx.Response:
    return await person.http.get(f"/files/{info.id}", headers=headers)


async def test_a_download_is_an_attachment(anna: Person) -> None:
    """Its name, its type and its headers keep a browser from doing anything else with it."""
    answer = await get(anna, await put(anna, b"<script>alert(1)</script>", "grüße.html"))
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"gr_e.html\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.html".replace("gr_e", "gr__e")
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"].startswith("private")
    head = await anna.http.head(answer.url)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "content-type", "content-disposition", "etag", "accept-ranges"):
        assert head.headers[name] == answer.headers[name]


async def test_ranges_of_a_file(anna: Person) -> None:
    """Random ranges are slices; unsatisfiable ones name the size; several at once give everything."""
    data = noise(600_000)
    info = await put(anna, data)
    etag = (await get(anna, info)).headers["etag"]
    choose = random.Random(1)
    for _ in range(20):
        start, end = sorted(choose.sample(range(len(data)), 2))
        answer = await get(anna, info, range=f"bytes={start}-{end}")
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(data)}"
        assert answer.content == data[start : end + 1]
    assert (await get(anna, info, range="bytes=-7")).content == data[-7:]
    assert (await get(anna, info, range="bytes=599999-")).content == data[-1:]
    past = await get(anna, info, range="bytes=600000-")
    refused(past, "rangeInvalid")
    assert past.headers["content-range"] == "bytes */600000"
    for whole in ({"range": "bytes=0-1,5-6"}, {"range": "bytes=0-1", "if-range": '"other"'}, {"range": "nonsense"}):
        answer = await get(anna, info, **whole)
        assert (answer.status_code, answer.content) == (200, data)
    assert (await get(anna, info, **{"range": "bytes=1-1", "if-range": etag})).content == data[1:2]
    known = await get(anna, info, **{"if-none-match": etag})
    assert (known.status_code, known.content) == (304, b"")


async def test_who_may_read_a_file(anna: Person, ben: Person, eve: Person, server: RunningServer) -> None:
    """Owner, then members once a message shows it; for all others it is what a file that never was is."""
    info = await put(anna, image("PNG", (20, 10)), "plan.png")
    chat = await anna.group("garden", ben)
    for person in (ben, eve):
        for path in (f"/files/{info.id}", f"/files/{info.id}/thumbnail", "/files/1", f"/files/{1 << 48}"):
            foreign = refused(await person.http.get(path), "fileNotFound")
            assert foreign == refused(await person.http.get("/files/2"), "fileNotFound")
    async with anna.socket() as socket:
        [sent] = await socket.send_messages(outgoing("look", chat_id=chat.id, file_ids=[info.id]))
        assert sent.error is None
        assert (await get(ben, info)).status_code == 200
        assert (await ben.http.get(f"/files/{info.id}/thumbnail")).status_code == 200
        refused(await get(eve, info), "fileNotFound")
        [stolen] = await socket.send_messages(outgoing("mine", chat_id=chat.id, file_ids=[12345]))
        assert stolen.error is not None
        assert stolen.error.code == "fileNotFound"
    async with eve.socket() as socket:
        own = await eve.group("loot", ben)
        [stolen] = await socket.send_messages(outgoing("mine", chat_id=own.id, file_ids=[info.id]))
        assert stolen.error is not None
        assert stolen.error.code == "fileNotFound"
    assert sent.seq is not None
    await server.application.store.delete_message(anna.id, chat.id, sent.seq)
    refused(await get(ben, info), "fileNotFound")
    await server.application.files.janitor.tidy()
    refused(await get(anna, info), "fileNotFound")
    assert stored_files(server.data) == 0


HOSTILE = [
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/dev/null",
    "C:\\con",
    "\0",
    "a\r\nX-Evil: 1",
    "\x1b]52;c;x\x07",
    "\u202e",
]
HOSTILE += [
    '"; rm -rf /; "',
    "%2e%2e%2f",
    "a" * 1_000,
    "💥" * 200,
    "....//",
    "~/.ssh/config",
    "-rf",
    "$(id)",
    "`id`",
    "\ufeff.",
    "aux.txt",
]


async def test_a_hundred_hostile_names(server: RunningServer, anna: Person, tmp_path: Path) -> None:
    """No name leaves the folder, splits a header or reaches the disk."""
    choose = random.Random(7)
    names = HOSTILE + ["".join(choose.choices(HOSTILE, k=2)) for _ in range(100 - len(HOSTILE))]
    before = set(tmp_path.iterdir())

    async def there_and_back(name: str) -> None:
        answer = await get(anna, await put(anna, b"x", name))
        assert answer.status_code == 200
        assert "x-evil" not in answer.headers
        assert answer.headers["content-disposition"].startswith('attachment; filename="')

    for start in range(0, len(names), 5):
        await asyncio.gather(*(there_and_back(name) for name in names[start : start + 5]))
    assert set(tmp_path.iterdir()) == before
    await server.application.files.janitor.tidy()
    on_disk = [name for _, _, found in os.walk(server.data / "files") for name in found]
    assert len(on_disk) == 1
    assert on_disk[0].isalnum()


def exif(orientation: int) -> Image.Exif:
    data = Image.Exif()
    data[0x0112] = orientation
    data[0x010F] = "a camera's maker"
    return data


async def thumbnail(person: Person, info: FileInfo) -> Image.Image:
    answer = await person.http.get(f"/files/{info.id}/thumbnail")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
async def test_an_image_has_its_size_and_a_thumbnail(anna: Person, kind: str) -> None:
    info = await put(anna, image(kind, (800, 400)), "photo.dat")
    assert (info.media_type, info.width, info.height, info.thumbnail) == (f"image/{kind.lower()}", 800, 400, True)
    assert (await thumbnail(anna, info)).size == (320, 160)


async def test_a_thumbnail_is_upright_and_says_nothing_else(anna: Person) -> None:
    """EXIF's turn is applied, and no metadata is left."""
    info = await put(anna, image("JPEG", (800, 400), exif=exif(6)))
    assert (info.width, info.height) == (400, 800)
    small = await thumbnail(anna, info)
    assert small.size == (160, 320)
    assert not dict(small.getexif())
    red = small.convert("RGB").getpixel((150, 10))  # the upper left corner is red, and now at the upper right
    assert isinstance(red, tuple)
    assert red[0] > 200
    assert red[1] < 100


def giant_png(side: int) -> bytes:
    """A PNG of one colour that claims `side` x `side` pixels, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * min(side, 1_000)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        giant_png(50_000),
        image("PNG", (50, 50))[:-40],
        b"\x89PNG\r\n\x1a\n" + noise(5_000),
        b"\xff\xd8\xff" + noise(5_000),
        b"GIF89a" + b"\xff" * 100,
        b"RIFF\xff\xff\xff\x7fWEBPVP8 " + noise(500),
    ],
    ids=["bomb", "cut", "png", "jpeg", "gif", "webp"],
)
async def test_an_image_that_cannot_be_decoded_is_a_plain_file(anna: Person, data: bytes) -> None:
    """It is kept, but nobody is told that it is an image."""
    info = await put(anna, data, "photo.png")
    assert (info.media_type, info.width, info.thumbnail) == ("application/octet-stream", 0, False)
    refused(await anna.http.get(f"/files/{info.id}/thumbnail"), "fileNotFound")
    assert (await get(anna, info)).content == data


async def test_decoding_is_ended_when_it_takes_too_long(tmp_path: Path) -> None:
    """The process is killed, and further images are not kept waiting."""
    source = tmp_path / "image"
    source.write_bytes(image("PNG", (100, 100)))
    assert await Pictures(timeout_s=0.0).shrink(source, tmp_path / "a") is None
    assert await Pictures(waiting_max=0).shrink(source, tmp_path / "b") is None
    found = await Pictures().shrink(source, tmp_path / "c")
    assert found is not None
    assert (found.width, found.height) == (100, 100)


async def test_a_download_that_nobody_takes_is_ended(
    anna: Person, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that stops reading does not hold its connection and its file for ever."""
    ended = asyncio.Event()

    def give_up(connection: BoundedHttp) -> None:
        connection.transport.abort()
        ended.set()

    monkeypatch.setattr("chatserver.http.protocol._STALL_TIMEOUT_S", 0.1)
    monkeypatch.setattr(BoundedHttp, "_give_up", give_up)
    info = await put(anna, noise(30_000_000))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]), limit=1_024)
    request = f"GET /files/{info.id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {anna.tokens.access_token}\r\n\r\n"
    writer.write(request.encode())
    async with asyncio.timeout(10):
        await ended.wait()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(30_000_000)
    writer.close()


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


async def test_s3_serves_the_same(tmp_path: Path, s3_url: str) -> None:
    """The server with its files in S3: upload, ranges, thumbnail, removal."""
    async with httpx.AsyncClient() as http:
        assert (await http.put(f"{s3_url}/files")).status_code == 200
    async with running_server(
        tmp_path / "data",
        SILENT,
        file_storage="s3",
        s3_bucket="files",
        s3_endpoint=s3_url,
        s3_region="us-east-1",
        s3_access_key_id="id",
        s3_secret_access_key="secret",
        file_grace_s=0,
    ) as server:
        anna = await server.person("Anna")
        data = image("PNG", (400, 400))
        info = await put(anna, data)
        assert (await get(anna, info)).content == data
        assert (await get(anna, info, range="bytes=3-9")).content == data[3:10]
        assert (await thumbnail(anna, info)).size == (320, 320)
        assert stored_files(server.data) == 0
        await server.application.files.janitor.tidy()
        refused(await get(anna, info), "fileNotFound")
        async with httpx.AsyncClient() as http:
            assert "<Key>" not in (await http.get(f"{s3_url}/files")).text
