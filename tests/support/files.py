"""Files and images for tests."""

import io
import os
import random
from typing import Any

import httpx
from PIL import Image

from chatproto import codec
from chatproto.models import FileInfo
from chatproto.rest import Upload
from tests.support.server import Person

PATCH = "application/offset+octet-stream"


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that are no known format; the same for the same seed."""
    return b"\x00\x01" + random.Random(seed).randbytes(size - 2) if size >= 2 else b"\x00" * size


def image(kind: str, size: tuple[int, int], **save: Any) -> bytes:
    """An image with a gradient, so that a turned one differs."""
    picture = Image.radial_gradient("L").resize(size).convert("RGB")
    picture.paste((255, 0, 0), (0, 0, max(1, size[0] // 4), max(1, size[1] // 4)))
    buffer = io.BytesIO()
    picture.save(buffer, kind, **save)
    return buffer.getvalue()


async def begin(person: Person, size: int, name: str = "notes.bin", client_id: str | None = None) -> Upload:
    """Announce a file."""
    body: dict[str, Any] = {"name": name, "size": size}
    if client_id:
        body["clientId"] = client_id
    answer = await person.http.post("/uploads", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return codec.decode_body(answer.content, Upload)


async def append(person: Person, upload: Upload, offset: int, data: Any, **headers: str) -> httpx.Response:
    """Send bytes from an offset on."""
    given = {"content-type": PATCH, "upload-offset": str(offset), **headers}
    return await person.http.patch(f"/uploads/{upload.id}", content=data, headers=given)


async def put(person: Person, data: bytes, name: str = "notes.bin") -> FileInfo:
    """Upload a whole file."""
    answer = await person.http.post("/files", params={"name": name}, content=data)
    assert answer.status_code == 201, answer.text
    return codec.decode_body(answer.content, FileInfo)


def stored_files(data: "os.PathLike[str]") -> int:
    """Files that the spool and the storage hold on disk."""
    return sum(len(names) for _, _, names in os.walk(os.path.join(data, "files")))  # noqa: PTH118 - a folder to walk
