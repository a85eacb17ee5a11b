"""Uploads and a server that dies or has no room: what was answered is kept, and the rest is sent again."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from chatproto import codec
from chatproto.rest import Tokens, Upload
from tests.server.test_rest import read, refused
from tests.support.files import PATCH, append, begin, noise, stored_files
from tests.support.server import PASSWORD, SILENT, WAIT_S, ServerProcess, running_server

MIB = 1_048_576


@contextlib.asynccontextmanager
async def signed_in(server: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, timeout=WAIT_S) as http:
        answer = await http.post("/auth/login", json={"email": "anna@example.org", "password": PASSWORD})
        tokens = codec.decode_body(answer.content, Tokens)
        http.headers["Authorization"] = f"Bearer {tokens.access_token}"
        yield http


def piece(offset: int) -> dict[str, str]:
    return {"content-type": PATCH, "upload-offset": str(offset)}


async def test_an_upload_outlives_a_killed_server(tmp_path: Path) -> None:
    """SIGKILL in the middle of a piece: the next server says a true offset, and the file becomes what was sent."""
    data = noise(8 * MIB)
    async with ServerProcess(tmp_path / "data") as server:
        await server.add_user("anna@example.org", "Anna")
        async with signed_in(server) as http:
            upload = read(await http.post("/uploads", json={"name": "a.bin", "size": len(data)}), Upload, 201)
            path = f"/uploads/{upload.id}"
            read(await http.patch(path, content=data[: 3 * MIB], headers=piece(0)), Upload)
            sent = asyncio.Event()

            async def hanging() -> AsyncIterator[bytes]:
                yield data[3 * MIB : 6 * MIB]
                sent.set()
                await asyncio.Event().wait()

            sending = asyncio.create_task(http.patch(path, content=hanging(), headers=piece(3 * MIB)))
            async with asyncio.timeout(WAIT_S):
                await sent.wait()
            await server.kill()
            sending.cancel()
            await asyncio.wait([sending])
        await server.start()
        async with signed_in(server) as http:
            offset = int((await http.head(path)).headers["upload-offset"])
            assert 3 * MIB <= offset <= 6 * MIB
            done = read(await http.patch(path, content=data[offset:], headers=piece(offset)), Upload)
            assert done.file is not None
            assert (await http.get(f"/files/{done.file.id}")).content == data


async def test_a_full_disk_in_the_middle_of_an_upload(tmp_path: Path) -> None:
    """The system refuses to write on: a temporary refusal, and with room the upload goes on where it stopped."""
    data = noise(6 * MIB)
    async with ServerProcess(tmp_path / "data") as server:
        await server.add_user("anna@example.org", "Anna")
        async with signed_in(server) as http:
            upload = read(await http.post("/uploads", json={"name": "a.bin", "size": len(data)}), Upload, 201)
            path = f"/uploads/{upload.id}"
            unlimited = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (4 * MIB, unlimited[1]))
            assert refused(await http.patch(path, content=data, headers=piece(0)), "diskFull").error.temporary
            refused(await http.post("/files", content=data), "diskFull")
            assert (await http.get("/me")).status_code == 200
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
            offset = read(await http.get(path), Upload).offset
            assert 0 < offset <= 4 * MIB
            done = read(await http.patch(path, content=data[offset:], headers=piece(offset)), Upload)
            assert done.file is not None
            assert (await http.get(f"/files/{done.file.id}")).content == data


async def test_a_server_that_died_between_the_steps_of_completing(tmp_path: Path) -> None:
    """All bytes are there and the content is kept, but no row says so: an empty piece completes it."""
    data = noise(50_000)
    async with running_server(tmp_path / "data", SILENT) as server:
        anna = await server.person("Anna")
        upload = await begin(anna, len(data))
        read(await append(anna, upload, 0, data[:-1]), Upload)
        record = await server.application.store.upload(anna.id, upload.id)
        assert record is not None
        contents = server.application.files.uploads._contents
        with contents.spool.path(record.key).open("ab") as spooled:
            spooled.write(data[-1:])
        await contents.keep(record.key)
    async with running_server(tmp_path / "data", SILENT) as server:
        anna = await server.signed_in(anna.user)
        done = read(await append(anna, upload, len(data), b""), Upload)
        assert done.file is not None
        assert (await anna.http.get(f"/files/{done.file.id}")).content == data
        assert stored_files(server.data) == 1


async def test_a_server_that_died_while_removing(tmp_path: Path) -> None:
    """The bytes are gone and the database does not know yet: the next round goes through, and leaves nothing."""
    async with running_server(tmp_path / "data", SILENT) as server:
        anna = await server.person("Anna")
        upload = await begin(anna, 1_000)
        await append(anna, upload, 0, noise(500))
        assert (await anna.http.delete(f"/uploads/{upload.id}")).status_code == 204
        store, files = server.application.store, server.application.files
        doomed = await store.doomed_blobs(10)
        assert len(doomed) == 1
        await files.uploads._contents.remove(doomed)
        assert await store.doomed_blobs(10) == doomed
        await files.janitor.tidy()
        assert await store.doomed_blobs(10) == []
        assert stored_files(server.data) == 0
