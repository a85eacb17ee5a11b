"""Networks that lie, hang and break: nothing is lost, nothing is doubled, order stays."""

from collections.abc import AsyncIterator

import pytest

from chatproto.errors import ChatError, ErrorInfo
from chatterm.client.model import ConnectionChanged, Link, OutboxState, PresenceChanged, ProblemMet, Target
from tests.client.conftest import Connect
from tests.support.client import IMPATIENT, Client
from tests.support.proxy import Proxy, proxied
from tests.support.server import Person, RunningServer


@pytest.fixture
async def proxy(server: RunningServer) -> AsyncIterator[Proxy]:
    async with proxied(server.url) as running:
        yield running


def problem(client: Client) -> ErrorInfo:
    """Why the client is not online."""
    error = client.session.status.problem
    assert error is not None
    return error


async def test_what_is_sent_offline_goes_out_in_order_once_there_is_a_network(
    anna: Person, ben: Person, connect: Connect, proxy: Proxy
) -> None:
    """Queued while unreachable, delivered afterwards, and the outbox is empty then."""
    chat = await anna.direct(ben)
    proxy.refusing = True
    a = await connect(anna, url=proxy.url)
    await a.offline()
    assert problem(a).code in {"unreachable", "connectionLost"}
    for n in range(250):
        await a.say(chat, f"{n}")
    assert a.session.outbox.counts() == (250, 0)
    proxy.refusing = False
    a.session.retry_now()
    await a.outbox_empty()
    b = await (await connect(ben)).synced()
    await b.until(lambda: b.texts(chat.id) == [f"{n}" for n in range(250)])
    assert a.log(chat.id) == b.log(chat.id)


async def test_a_message_whose_ack_is_lost_is_stored_once(
    anna: Person, ben: Person, connect: Connect, proxy: Proxy
) -> None:
    """The server has it, the author does not know: it goes again under the same id, and is the same message."""
    chat = await anna.direct(ben)
    a = await (await connect(anna, url=proxy.url)).synced()
    b = await (await connect(ben)).synced()
    proxy.to_client.swallowing = True
    await a.say(chat, "once")
    await b.until(lambda: b.texts(chat.id) == ["once"])
    assert [row.state for row in a.session.outbox.rows()] == [OutboxState.SENDING]
    proxy.to_client.swallowing = False
    proxy.cut()
    await a.outbox_empty()
    await a.say(chat, "twice")
    await a.outbox_empty()
    await b.until(lambda: "twice" in b.texts(chat.id))
    assert b.texts(chat.id) == ["once", "twice"]
    assert a.log(chat.id) == b.log(chat.id)


async def test_a_line_that_is_dead_without_a_word_is_noticed_and_made_anew(
    anna: Person, ben: Person, connect: Connect, proxy: Proxy
) -> None:
    """Pings find the silence; what was sent into it is sent again."""
    chat = await anna.direct(ben)
    a = await (await connect(anna, url=proxy.url, timing=IMPATIENT)).synced()
    proxy.blackhole()
    await a.say(chat, "into the void")
    await a.offline()
    assert [row.text for row in a.session.outbox.rows()] == ["into the void"]
    proxy.blackhole(on=False)
    proxy.cut()
    await a.outbox_empty()
    assert a.texts(chat.id) == ["into the void"]


async def test_an_answer_that_stays_out_ends_the_connection(
    anna: Person, ben: Person, connect: Connect, server: RunningServer
) -> None:
    """The link is up and pings are answered late: the request's own limit applies."""
    chat = await anna.direct(ben)
    timing = type(IMPATIENT)(answer_timeout=0.3)
    async with proxied(server.url) as proxy:
        a = await (await connect(anna, url=proxy.url, timing=timing)).synced()
        proxy.to_client.hold()
        await a.say(chat, "late")
        await a.offline()
        assert problem(a).code == "unreachable"
        proxy.to_client.release()
        await a.outbox_empty()
        assert a.texts(chat.id) == ["late"]
        await a.session.stop()


async def test_missed_events_arrive_after_a_break(anna: Person, ben: Person, connect: Connect, proxy: Proxy) -> None:
    """What others wrote while the line was down is there after it, without a hole."""
    chat = await anna.direct(ben)
    a = await (await connect(anna, url=proxy.url)).synced()
    proxy.refusing = True
    proxy.cut()
    await a.offline()
    async with ben.socket() as socket:
        for n in range(30):
            await socket.say(chat, f"{n}")
    proxy.refusing = False
    a.session.retry_now()
    await a.until(lambda: a.texts(chat.id) == [f"{n}" for n in range(30)])
    assert a.session.cache.holes(chat.id, 1, 30) == []
    assert a.entry(chat).unread == 30


async def test_the_status_says_since_when_it_is_offline_and_when_it_tries_again(
    anna: Person, connect: Connect, proxy: Proxy
) -> None:
    """`since` is the moment the connection was lost, however many attempts follow."""
    a = await (await connect(anna, url=proxy.url)).synced()
    online_since = a.session.status.since
    proxy.refusing = True
    proxy.cut()
    await a.offline()
    first = a.session.status
    assert first.since > online_since
    assert first.retry_at is not None
    before = proxy.accepted
    a.session.retry_now()
    await a.until(lambda: a.session.status.link is Link.OFFLINE and proxy.accepted > before)
    assert a.session.status.since == first.since
    seen = [notice.status.link for notice in a.notices if isinstance(notice, ConnectionChanged)]
    assert seen[:3] == [Link.CONNECTING, Link.ONLINE, Link.OFFLINE]


async def test_presence_is_unknown_without_a_connection(
    anna: Person, ben: Person, connect: Connect, proxy: Proxy
) -> None:
    """Who was online is not shown as online once nobody can say."""
    await anna.direct(ben)
    a = await (await connect(anna, url=proxy.url)).synced()
    await connect(ben)
    a.session.watch([ben.id])
    await a.until(lambda: a.session.is_online(ben.id))
    proxy.refusing = True
    proxy.cut()
    await a.until(lambda: not a.session.is_online(ben.id))
    assert PresenceChanged(frozenset({ben.id})) in a.notices
    proxy.refusing = False
    a.session.retry_now()
    await a.until(lambda: a.session.is_online(ben.id))


async def test_a_refused_message_keeps_its_text_and_reason_and_blocks_nobody(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """A poisoned message fails alone; those behind it to others go out."""
    chat = await anna.direct(ben)
    a = await (await connect(anna)).synced()
    await a.session.send(Target(email="nobody@example.org"), "lost?")
    await a.session.send(Target(email="nobody@example.org"), "behind")
    await a.say(chat, "fine")
    await a.until(lambda: a.texts(chat.id) == ["fine"] and a.session.outbox.counts() == (0, 2))
    failed, held = a.session.outbox.rows()
    assert (failed.state, failed.text) == (OutboxState.FAILED, "lost?")
    assert failed.error is not None
    assert failed.error.code == "userNotFound"
    assert (held.state, held.text) == (OutboxState.HELD, "behind")
    assert await a.session.discard(failed.client_id)
    await a.until(lambda: [row.text for row in a.session.outbox.rows()] == ["behind"])


async def test_a_temporary_refusal_is_tried_again_and_said(
    anna: Person, ben: Person, connect: Connect, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk on the server: the message waits, the user is told, and it goes out when there is room."""
    chat = await anna.direct(ben)
    a = await (await connect(anna)).synced()
    store = server.application.store
    real = store.append

    async def full(*_: object) -> list[object]:
        raise ChatError("diskFull", retry_after=0.01)

    monkeypatch.setattr(store, "append", full)
    await a.say(chat, "patience")
    await a.until(lambda: any(isinstance(n, ProblemMet) and n.error.code == "diskFull" for n in a.notices))
    assert [row.text for row in a.session.outbox.rows()] == ["patience"]
    monkeypatch.setattr(store, "append", real)
    await a.outbox_empty()
    assert a.texts(chat.id) == ["patience"]
