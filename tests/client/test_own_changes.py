"""Own changes of messages: durable at once, carried out exactly as asked when the server can be reached."""

from functools import partial
from pathlib import Path

import pytest

from chatproto.errors import ChatError
from chatproto.frames import Edit
from chatproto.models import Chat, Message
from chatterm.client.model import ChangeState, Link, ProblemMet
from tests.client.conftest import Connect
from tests.support.client import Client
from tests.support.proxy import proxied
from tests.support.server import Person, RunningServer


def message(client: Client, chat: Chat, seq: int) -> Message:
    return client.session.cache.messages(chat.id, [seq])[seq]


def is_pinned(client: Client, chat: Chat, seq: int) -> bool:
    return message(client, chat, seq).pinned


async def settled(client: Client) -> None:
    await client.until(lambda: not client.session.changes.rows())


async def test_changes_are_carried_out_and_the_cache_shows_them_when_they_leave_the_queue(
    anna: Person, ben: Person, connect: Connect
) -> None:
    chat = await anna.direct(ben)
    client = await connect(anna)
    other = await connect(ben)
    for text in ("one", "two", "three"):
        await client.say(chat, text)
    await client.has_texts(chat, "one", "two", "three")
    changes = client.session.changes
    await changes.edit(chat.id, 1, "edited")
    await changes.delete(chat.id, 2)
    await changes.react(chat.id, 3, "👍", on=True)
    await changes.pin(chat.id, 3, on=True)
    assert {seq: len(rows) for seq, rows in changes.pending(chat.id).items()} == {1: 1, 2: 1, 3: 2}
    await settled(client)
    for each in (client, other):
        await each.until(partial(is_pinned, each, chat, 3))
        assert message(each, chat, 1).text == "edited"
        assert message(each, chat, 2).deleted
        assert message(each, chat, 3).reactions[0].user_ids == [anna.id]
    await changes.react(chat.id, 3, "👍", on=False)
    await settled(client)
    assert not message(client, chat, 3).reactions


async def test_what_is_changed_offline_survives_the_process_and_arrives_in_order(
    anna: Person, ben: Person, server: RunningServer, connect: Connect
) -> None:
    """The last change of a kind counts, and a deletion replaces the others."""
    chat = await anna.direct(ben)
    async with proxied(server.url) as proxy:
        first = await connect(anna, url=proxy.url)
        for text in ("one", "two"):
            await first.say(chat, text)
        await first.has_texts(chat, "one", "two")
        proxy.refusing = True
        proxy.cut()
        await first.offline()
        changes = first.session.changes
        await changes.edit(chat.id, 1, "edited")
        await changes.edit(chat.id, 1, "edited again")
        await changes.react(chat.id, 1, "👍", on=True)
        await changes.edit(chat.id, 2, "never seen")
        await changes.delete(chat.id, 2)
        assert len(changes.rows()) == 3
        await first.session.stop()
        proxy.refusing = False
        again = await connect(anna, url=proxy.url)
        await settled(again)
        assert message(again, chat, 1).text == "edited again"
        assert message(again, chat, 1).reactions[0].emoji == "👍"
        assert message(again, chat, 2).deleted
        log = [event for event in again.log(chat.id) if event.seq > 2]
        assert len(log) == 3, "the replaced edits were never sent"


async def test_a_refused_edit_keeps_its_text_and_says_why(anna: Person, ben: Person, connect: Connect) -> None:
    chat = await anna.direct(ben)
    client = await connect(anna)
    await client.say(chat, "mine")
    await client.has_texts(chat, "mine")
    changes = client.session.changes
    await changes.edit(chat.id, 99, "of nothing")
    await client.until(lambda: any(row.state is ChangeState.FAILED for row in changes.rows()))
    (row,) = changes.rows()
    assert isinstance(row.change, Edit)
    assert row.change.text == "of nothing"
    assert row.error is not None
    assert row.error.code == "messageNotFound"
    assert client.count(ProblemMet) == 1
    await changes.retry(row.row_id)
    await client.until(lambda: client.count(ProblemMet) == 2)
    await client.until(lambda: changes.rows() and changes.rows()[0].state is ChangeState.FAILED)
    assert await changes.discard(row.row_id)
    assert changes.rows() == ()
    # Others are told, and gone: they can be asked for again.
    await changes.pin(chat.id, 99, on=True)
    await client.until(lambda: client.count(ProblemMet) == 3)
    await settled(client)


async def test_what_can_never_be_sent_is_refused_at_once(anna: Person, ben: Person, connect: Connect) -> None:
    chat = await anna.direct(ben)
    client = await connect(anna)
    async with ben.socket() as socket:
        await socket.say(chat, "Ben's")
    await client.has_texts(chat, "Ben's")
    changes = client.session.changes
    for attempt, code in (
        (changes.edit(chat.id, 1, "mine now"), "notAuthor"),
        (changes.edit(chat.id, 2, "   "), "textEmpty"),
        (changes.react(chat.id, 1, "no emoji", on=True), "reactionInvalid"),
    ):
        with pytest.raises(ChatError) as refused:
            await attempt
        assert refused.value.code == code
    assert changes.rows() == ()


async def test_changes_of_another_database_are_not_sent(
    anna: Person, ben: Person, server: RunningServer, connect: Connect, tmp_path: Path
) -> None:
    """After a restore, the numbers may name other messages."""
    chat = await anna.direct(ben)
    client = await connect(anna, sends=False)
    await client.say(chat, "one")
    await client.online()
    await client.session._context.storage.changes(
        lambda queue: queue.add(Edit(id=0, chat_id=chat.id, seq=1, text="x"), "another epoch")
    )
    client.session.changes.changed()
    await client.session.stop()
    again = await connect(anna)
    await again.until(lambda: any(row.error for row in again.session.changes.rows()))
    (row,) = again.session.changes.rows()
    assert row.error is not None
    assert row.error.code == "serverRestored"


async def test_another_process_of_the_account_sends_what_this_one_queues(
    anna: Person, ben: Person, connect: Connect
) -> None:
    chat = await anna.direct(ben)
    sender = await connect(anna, "shared")
    await sender.say(chat, "one")
    await sender.has_texts(chat, "one")
    queueing = await connect(anna, "shared", sends=False)
    assert not queueing.session.is_sender
    await queueing.session.changes.edit(chat.id, 1, "edited")
    await queueing.until(lambda: message(queueing, chat, 1).text == "edited")
    await settled(queueing)
    assert sender.session.status.link is Link.ONLINE
