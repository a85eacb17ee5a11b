"""Clients of a server that was restored from a backup: nothing doubled, nothing mixed up, nothing unsent lost."""

import asyncio
import contextlib
from pathlib import Path

from chatproto.frames import Outgoing
from chatproto.models import Message
from chatserver.settings import Settings
from chatterm.client.model import CacheReset, ChangeState
from tests.support.backups import make, restore
from tests.support.client import Client, running_client, sign_in
from tests.support.server import FAST, running_server


async def test_clients_resynchronize_with_a_restored_server(tmp_path: Path) -> None:
    """What was sent after the backup is gone for everybody; what is unsent arrives once; a queued change hits nothing.

    The restored server gives the seqs of lost messages to others, which the changes that were meant for the lost ones
    must not touch.
    """
    async with contextlib.AsyncExitStack() as clients:
        async with running_server(tmp_path / "data", FAST) as server:
            port = int(server.url.rpartition(":")[2])
            anna, ben = await server.person("Anna"), await server.person("Ben")
            chat = await anna.direct(ben)
            before = await clients.enter_async_context(running_client(tmp_path / "anna", anna))
            others = await clients.enter_async_context(running_client(tmp_path / "ben", ben))
            for text in ("one", "two"):
                await before.say(chat, text)
            await others.has_texts(chat, "one", "two")
            backup, _ = await asyncio.to_thread(make, Settings(data=server.data))
            for text in ("lost by Anna", "lost too"):
                await before.say(chat, text)
            await others.say(chat, "lost by Ben")
            for client in (before, others):
                await client.outbox_empty()
                await client.until(lambda client=client: len(client.texts(chat.id)) == 5)  # type: ignore[misc] # mypy cannot tell a default's type
        for client in (before, others):
            await client.offline()
        await before.say(chat, "unsent")
        lost = next(
            event for event in before.log(chat.id) if isinstance(event, Message) and event.text == "lost by Anna"
        )
        await before.session.changes.edit(chat.id, lost.seq, "must not be seen")
        await before.session.changes.delete(chat.id, 1)
        restored = restore(backup, Settings(data=tmp_path / "restored"))
        async with running_server(restored.data, FAST, at_port=port) as server:
            for client in (before, others):
                await (await client.online()).synced()
                assert client.count(CacheReset) == 1
            await before.outbox_empty()
            await others.say(chat, "from Ben")
            for client in (before, others):
                await client.until(lambda client=client: len(client.texts(chat.id)) >= 4)  # type: ignore[misc] # as above
                assert client.texts(chat.id) == ["one", "two", "unsent", "from Ben"]
            states = [row.state for row in before.session.changes.rows()]
            assert states == [ChangeState.FAILED, ChangeState.FAILED]
            stored, _ = await server.application.store.messages(chat.id, limit=100)
            assert [message.text for message in stored] == ["one", "two", "unsent", "from Ben"]
            assert stored[lost.seq - 1].text == "unsent"  # it has the place of a lost one, and is not edited


async def test_an_unsent_message_that_was_stored_before_the_backup_is_not_stored_again(tmp_path: Path) -> None:
    """The answer was lost, so it is still in the outbox; the restored server knows it by its client id."""
    async with running_server(tmp_path / "data", FAST) as server:
        port = int(server.url.rpartition(":")[2])
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        client = Client(tmp_path / "anna", sign_in(tmp_path / "anna", anna))
        await client.say(chat, "once")
        (row,) = client.session.outbox.rows()
        async with anna.socket() as socket:
            (result,) = await socket.send_messages(Outgoing(client_id=row.client_id, text=row.text, chat_id=chat.id))
            assert result.error is None
        backup, _ = await asyncio.to_thread(make, Settings(data=server.data))
    restored = restore(backup, Settings(data=tmp_path / "restored"))
    async with running_server(restored.data, FAST, at_port=port) as server:
        await client.session.start()
        await client.outbox_empty()
        stored, _ = await server.application.store.messages(chat.id, limit=100)
        assert [message.text for message in stored] == ["once"]
        await client.session.stop()
