"""A server's data folder with everything in it, and backups of it made and read within this process."""

import io
import tempfile
from pathlib import Path
from typing import Any

from chatserver.backup import making, restoring
from chatserver.backup.making import Made
from chatserver.backup.restoring import Restored
from chatserver.backup.unpacking import Unpacked
from chatserver.settings import Settings
from tests.support import files
from tests.support.server import outgoing, running_server

MADE_AT = 1_700_000_000


async def furnish(data: Path, **settings: Any) -> None:
    """Two people, two chats, messages of which one is deleted, files of which two are the same and one is a picture."""
    async with running_server(data, **settings) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        direct, group = await anna.direct(ben), await anna.group("Plans", ben)
        shown = [
            await files.put(anna, files.noise(100_000), "a.bin"),
            await files.put(anna, files.noise(100_000), "again.bin"),
            await files.put(anna, files.image("PNG", (400, 300)), "b.png"),
        ]
        async with anna.socket() as socket:
            for number in range(10):
                await socket.say(direct if number % 2 else group, f"Message {number}")
            sent = await socket.send_messages(
                outgoing("See", chat_id=group.id, file_ids=[file.id for file in shown[:2]]),
                outgoing("And", chat_id=direct.id, file_ids=[shown[2].id]),
            )
        assert [result.error for result in sent] == [None, None]
        answer = await anna.http.delete(f"/chats/{direct.id}/messages/1")
        assert answer.status_code in {200, 204}, answer.text
        await server.application.files.janitor.tidy()
    acme = data / "acme"
    acme.mkdir()
    (acme / "account.json").write_text("{}")


def quiet(_stage: str, _done: int, _total: int, /) -> None:
    """Progress that nobody looks at."""


def make(settings: Settings, passphrase: str | None = None, config: Path | None = None) -> tuple[bytes, Made]:
    """A backup in memory."""
    sink = io.BytesIO()
    with tempfile.TemporaryDirectory() as scratch:
        made = making.make(
            settings,
            config,
            sink,
            Path(scratch),
            made_at=MADE_AT,
            passphrase=passphrase,
            room=lambda _: None,
            report=quiet,
        )
    return sink.getvalue(), made


def verify(backup: bytes, passphrase: str | None = None) -> Unpacked:
    """What is found in a backup. Raises `BackupError`."""
    with tempfile.TemporaryDirectory() as scratch:
        return restoring.verify(io.BytesIO(backup), lambda: passphrase, Path(scratch), quiet)


def restore(backup: bytes, settings: Settings, passphrase: str | None = None, *, sign_out: bool = False) -> Restored:
    """Put a backup in place. Raises `BackupError`."""
    return restoring.restore(io.BytesIO(backup), lambda: passphrase, settings, sign_out=sign_out, report=quiet)


def tree(folder: Path) -> dict[str, bytes]:
    """All files of a folder but databases and locks."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in {".lock"} and not path.name.startswith(("chat.db", "search.db"))
    }
