"""Uploads and `kill -9`, of the server and of the client that sends: the file arrives whole, once."""

import asyncio
import sys
from pathlib import Path

from chatproto.models import Message
from chatterm.client.accounts import Accounts
from chatterm.client.model import Account, Target
from tests.client.test_crashes import log_in
from tests.support.client import Client, at_home
from tests.support.files import noise
from tests.support.proxy import Proxy, proxied
from tests.support.server import WAIT_S, ServerProcess

BIG = 8_000_000


async def held(proxy: Proxy) -> None:
    async with asyncio.timeout(WAIT_S):
        await proxy.to_server.held.wait()


async def received(folder: Path, reader: Client, file_of: Message) -> bytes:
    """What somebody else gets of a message's file."""
    folder.mkdir()
    transfer = await reader.session.transfers.download(file_of.files[0], folder)
    assert transfer.path is not None
    return transfer.path.read_bytes()


async def test_an_upload_outlives_the_death_of_the_server(tmp_path: Path) -> None:
    """Killed twice in the middle: it goes on where the server has it, and the message comes once."""
    path = tmp_path / "big.bin"
    path.write_bytes(noise(BIG, 11))
    async with ServerProcess(tmp_path / "data") as server, proxied(server.url) as proxy:
        for name in ("anna", "ben"):
            await server.add_user(f"{name}@example.org", name)
        account = await log_in(tmp_path / "anna", proxy.url, "anna@example.org")
        anna = Client(tmp_path / "anna", account)
        ben = Client(tmp_path / "ben", await log_in(tmp_path / "ben", server.url, "ben@example.org"))
        try:
            await anna.session.start()
            await anna.online()
            proxy.to_server.hold_at = proxy.to_server.passed + BIG // 3
            begun = proxy.to_server.passed
            await anna.session.send(Target(email="ben@example.org"), "big", files=(path,))
            for kill in (2, 1):
                await held(proxy)
                await server.kill()
                proxy.cut()
                proxy.to_server.release()
                if kill > 1:
                    proxy.to_server.hold_at = proxy.to_server.passed + BIG // 3
                await anna.offline()
                await server.start()
                anna.session.retry_now()
            await anna.outbox_empty()
            # At each kill a part is lost that the server had not written yet; a new beginning would cost a third each.
            assert proxy.to_server.passed - begun < BIG + BIG // 2, "it began anew"
            await ben.session.start()
            await ben.synced()
            chat_id = ben.session.cache.direct_chat(account.user_id)
            assert chat_id is not None
            (message,) = [event for event in ben.log(chat_id) if isinstance(event, Message)]
            assert await received(tmp_path / "got", ben, message) == path.read_bytes()
        finally:
            await anna.session.stop()
            await ben.session.stop()


async def killed_in_the_middle(account: Account, home: Path, path: Path, proxy: Proxy) -> None:
    """`chatterm send --file` as a process, killed after half of the file went out."""
    with at_home(home):
        Accounts().add(account)
    proxy.to_server.hold_at = proxy.to_server.passed + BIG // 2
    command = "import sys; from chatterm.cli.main import main; sys.exit(main())"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", command, "send", "ben@example.org", "big", "--file", str(path), "--wait"),
        env={"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin"},
        stderr=asyncio.subprocess.PIPE,
    )
    await held(proxy)
    process.kill()
    await process.communicate()


async def test_an_upload_outlives_the_death_of_its_client(tmp_path: Path) -> None:
    """The next client of the account goes on with what the killed one had sent."""
    path = tmp_path / "big.bin"
    content = noise(BIG, 12)
    path.write_bytes(content)
    async with ServerProcess(tmp_path / "data") as server, proxied(server.url) as proxy:
        for name in ("anna", "ben"):
            await server.add_user(f"{name}@example.org", name)
        account = await log_in(tmp_path / "anna", proxy.url, "anna@example.org")
        begun = proxy.to_server.passed
        await killed_in_the_middle(account, tmp_path / "anna", path, proxy)
        path.unlink()
        proxy.to_server.release()
        anna = Client(tmp_path / "anna", account)
        ben = Client(tmp_path / "ben", await log_in(tmp_path / "ben", server.url, "ben@example.org"))
        try:
            (row,) = anna.session.outbox.rows()
            assert row.is_uploading
            await anna.session.start()
            await anna.outbox_empty()
            assert proxy.to_server.passed - begun < BIG + BIG // 4, "it began anew"
            await ben.session.start()
            await ben.synced()
            chat_id = ben.session.cache.direct_chat(account.user_id)
            assert chat_id is not None
            (message,) = [event for event in ben.log(chat_id) if isinstance(event, Message)]
            assert message.client_id == row.client_id
            assert await received(tmp_path / "got", ben, message) == content
        finally:
            await anna.session.stop()
            await ben.session.stop()
