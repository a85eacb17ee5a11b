"""Tokens, logouts, other devices, other processes and other databases."""

import asyncio
import time
from pathlib import Path

import pytest
from msgspec import structs

from chatproto.models import Message, event_id
from chatterm.client.api import Api
from chatterm.client.cache import Cache
from chatterm.client.closing import ConnectionEndedError, Next
from chatterm.client.credentials import CredentialStore
from chatterm.client.lock import SenderLock
from chatterm.client.model import CacheReset, ConnectionChanged, EventsStored, Link, OutboxState, Target
from chatterm.client.paths import account_files
from chatterm.client.tokens import TokenSource, credentials_of
from tests.client.conftest import Connect
from tests.support.client import Client, at_home, running_client, sign_in
from tests.support.proxy import proxied
from tests.support.server import Person, RunningServer, running_server


def store_of(client: Client) -> CredentialStore:
    with at_home(client.home):
        return CredentialStore(account_files(client.session.account.key).credentials)


async def test_an_expired_access_token_is_refreshed_before_it_is_used(
    server: RunningServer, anna: Person, tmp_path: Path
) -> None:
    """The client comes online, and the new tokens are on disk, private as before."""
    account = sign_in(tmp_path / "home", anna)
    client = Client(tmp_path / "home", account)
    store = store_of(client)
    old = store.load()
    assert old is not None
    expired = structs.replace(old, access_expires_at=1)
    store.save(expired)
    try:
        await client.session.start()
        await client.online()
    finally:
        await client.session.stop()
    new = store.load()
    assert new is not None
    assert new.refresh_token != old.refresh_token
    assert new.access_expires_at > time.time_ns() // 1_000
    assert store.path.stat().st_mode & 0o777 == 0o600


async def test_a_token_that_the_server_refuses_is_refreshed_and_the_connection_made_at_once(
    server: RunningServer, anna: Person, tmp_path: Path
) -> None:
    """The clock here may be wrong: the server's word counts."""
    account = sign_in(tmp_path / "home", anna)
    client = Client(tmp_path / "home", account)
    store = store_of(client)
    old = store.load()
    assert old is not None
    store.save(structs.replace(old, access_token=old.access_token[:-4] + "AAAA"))
    try:
        await client.session.start()
        await client.online()
        links = [notice.status.link for notice in client.notices if isinstance(notice, ConnectionChanged)]
        assert Link.OFFLINE not in links
    finally:
        await client.session.stop()


async def test_many_callers_share_one_refresh(server: RunningServer, anna: Person, tmp_path: Path) -> None:
    """Two sources, as in two processes, and many callers: each gets a working token, one successor is made."""
    sign_in(tmp_path / "home", anna)
    client = Client(tmp_path / "home", sign_in(tmp_path / "home", anna))
    store = store_of(client)
    old = store.load()
    assert old is not None
    store.save(structs.replace(old, access_expires_at=1))
    async with Api(server.url) as first, Api(server.url) as second:
        sources = [TokenSource(store, first), TokenSource(CredentialStore(store.path), second)]
        tokens = await asyncio.gather(*(source.current() for source in sources * 10))
        for source in sources:
            await source.close()
        assert len(set(tokens)) == 1
        assert (await first.me(tokens[0])).id == anna.id
    await client.session.stop()


async def test_a_logout_elsewhere_signs_the_client_out_and_keeps_what_is_unsent(
    server: RunningServer, anna: Person, ben: Person, connect: Connect
) -> None:
    """The session is over: no reconnecting, a clear reason, and after a new login the message goes out."""
    chat = await anna.direct(ben)
    a = await (await connect(anna)).synced()
    async with Api(server.url) as api:
        await api.logout(anna.tokens.access_token)
    await a.link(Link.SIGNED_OUT)
    assert a.session.status.problem is not None
    assert a.session.status.problem.code == "sessionRevoked"
    await a.say(chat, "kept")
    assert [row.state for row in a.session.outbox.rows()] == [OutboxState.QUEUED]
    again = await server.signed_in(anna.user)
    store_of(a).save(credentials_of(again.tokens))
    await a.outbox_empty()
    assert a.texts(chat.id) == ["kept"]


async def test_without_tokens_the_client_is_signed_out_and_says_what_to_do(
    server: RunningServer, anna: Person, tmp_path: Path
) -> None:
    """Nothing is tried, nothing is lost."""
    account = sign_in(tmp_path / "home", anna)
    client = Client(tmp_path / "home", account)
    store_of(client).clear()
    try:
        await client.session.start()
        await client.link(Link.SIGNED_OUT)
        assert client.session.status.problem is not None
        assert client.session.status.problem.code == "notSignedIn"
        assert "chatterm login" in client.session.status.problem.hint
    finally:
        await client.session.stop()


async def test_another_database_behind_the_same_address_drops_the_cache_and_keeps_the_outbox(
    tmp_path: Path,
) -> None:
    """The epoch differs: what was cached is gone, what is unsent is sent to the new database."""
    home = tmp_path / "home"
    async with running_server(tmp_path / "first") as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        async with running_client(home, anna) as client:
            await client.synced()
            await client.say(chat, "old world")
            await client.outbox_empty()
    async with running_server(tmp_path / "second") as server:
        await server.person("Zoe")
        again = await server.person("Anna")
        account = client.session.account
        account = type(account)(account.key, server.url, account.email, again.id, account.display_name)
        with at_home(home):
            CredentialStore(account_files(account.key).credentials).save(credentials_of(again.tokens))
        second = Client(home, account)
        try:
            await second.session.send(Target(email="zoe@example.org"), "hello Zoe")
            await second.session.start()
            await second.synced()
            await second.outbox_empty()
            assert second.count(CacheReset) == 1
            assert second.texts(chat.id) == []
            zoe = second.session.cache.user_by_email("zoe@example.org")
            assert zoe is not None
            direct = second.session.cache.direct_chat(zoe.id)
            assert direct is not None
            assert second.texts(direct) == ["hello Zoe"]
        finally:
            await second.session.stop()


async def test_of_two_sessions_one_sends_and_the_other_takes_over(anna: Person, ben: Person, connect: Connect) -> None:
    """Messages queued by either go out once and in order, also after the sender is gone."""
    chat = await anna.direct(ben)
    first = await (await connect(anna, home="shared")).synced()
    second = await (await connect(anna, home="shared")).synced()
    assert (first.session.is_sender, second.session.is_sender) == (True, False)
    for n in range(20):
        await (first if n % 2 else second).say(chat, f"{n}")
    await first.outbox_empty()
    await second.until(lambda: second.texts(chat.id) == [f"{n}" for n in range(20)])
    await first.session.stop()
    await second.say(chat, "taken over")
    await second.outbox_empty()
    assert second.session.is_sender
    b = await (await connect(ben)).synced()
    assert b.texts(chat.id) == [*(f"{n}" for n in range(20)), "taken over"]


async def test_both_sessions_of_one_account_are_told_of_a_live_message(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """They share the cache, so one of them always finds the event stored already."""
    chat = await anna.direct(ben)
    first = await (await connect(anna, home="shared")).synced()
    second = await (await connect(anna, home="shared")).synced()
    async with ben.socket() as socket:
        await socket.say(chat, "to both")
    for client in (first, second):
        await client.has_texts(chat, "to both")
        await client.told_of(EventsStored(chat.id, 1, 1, live=True))


async def test_a_seen_marker_moves_here_at_once_and_on_the_other_device_soon(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """Unread counts agree on all devices."""
    chat = await anna.direct(ben)
    first, second = await (await connect(ben)).synced(), await (await connect(ben, home="phone")).synced()
    async with anna.socket() as socket:
        for n in range(3):
            await socket.say(chat, f"{n}")
    for client in (first, second):
        await client.has_texts(chat, "0", "1", "2")
    assert (first.entry(chat).unread, second.entry(chat).unread) == (3, 3)
    await first.session.mark_seen(chat.id, 2)
    assert first.entry(chat).unread == 1
    await second.until(lambda: second.entry(chat).unread == 1)
    await first.until(lambda: first.session.cache.pending_seen() == [])


async def test_a_seen_marker_moved_offline_reaches_the_server_later(
    anna: Person, ben: Person, connect: Connect, tmp_path: Path
) -> None:
    """It is kept until the server confirms it."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.say(chat, "read me")
    account = sign_in(tmp_path / "Ben", ben)
    async with running_client(tmp_path / "Ben", ben) as client:
        await client.synced()
    offline = Client(tmp_path / "Ben", account)
    await offline.session.mark_seen(chat.id, 1)
    assert offline.entry(chat).unread == 0
    await offline.session.stop()
    phone = await (await connect(ben, home="phone")).synced()
    assert phone.entry(chat).unread == 1
    await connect(ben)
    await phone.until(lambda: phone.entry(chat).unread == 0)


async def test_stopping_leaves_no_task_behind_and_frees_the_lock(
    anna: Person, ben: Person, connect: Connect, tmp_path: Path
) -> None:
    """Also in the middle of sending; what was typed last goes out before the end."""
    chat = await anna.direct(ben)
    tasks = asyncio.all_tasks()
    async with running_client(tmp_path / "Anna", anna) as client:
        await client.online()
        await client.say(chat, "last words")
    left = [task for task in asyncio.all_tasks() - tasks if "chatterm" in str(task.get_coro())]
    assert left == []
    with at_home(tmp_path / "Anna"):
        lock = SenderLock(account_files(client.session.account.key).sender_lock)
    assert lock.acquire()
    lock.release()
    b = await (await connect(ben)).synced()
    assert b.texts(chat.id) == ["last words"]
    await client.session.stop()


async def test_a_lost_answer_to_a_refresh_costs_nothing(server: RunningServer, anna: Person, tmp_path: Path) -> None:
    """The server has rotated the token, the client does not know: asking again gives the same successor."""
    client = Client(tmp_path / "home", sign_in(tmp_path / "home", anna))
    store = store_of(client)
    old = store.load()
    assert old is not None
    store.save(structs.replace(old, access_expires_at=1))
    async with proxied(server.url) as proxy, Api(proxy.url, request_timeout_s=0.5) as api:
        source = TokenSource(store, api)
        proxy.to_client.swallowing = True
        with pytest.raises(ConnectionEndedError) as caught:
            await source.current()
        assert (caught.value.code, caught.value.next) == ("unreachable", Next.BACK_OFF)
        proxy.to_client.swallowing = False
        assert (await api.me(await source.current())).id == anna.id
        await source.close()
    await client.session.stop()


async def test_a_server_that_lost_events_has_its_copy_made_anew(
    anna: Person, ben: Person, connect: Connect, tmp_path: Path
) -> None:
    """A head below what was seen before means that the log is another one, whatever the epoch says."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.say(chat, "still there")
    async with running_client(tmp_path / "Ben", ben) as client:
        await client.synced()
    with at_home(tmp_path / "Ben"):
        cache = Cache.open(account_files(client.session.account.key).cache)
    lost = Message(id=event_id(chat.id, 2), seq=2, at=2, sender_id=anna.id, client_id=b"l" * 16, text="lost")
    cache.store_events(chat.id, [lost])
    cache.close()
    again = await connect(ben)
    await again.has_texts(chat, "still there")
    assert again.count(CacheReset) == 1
