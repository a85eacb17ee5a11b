"""Presence: online, away and offline over several devices, and when somebody was last seen."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chatproto import codec, limits
from chatproto.errors import CloseCode
from chatproto.frames import Away, Error, Hello, Presence, Watch, Welcome
from chatserver.app import Timing
from chatserver.clock import now_us
from tests.support.server import FAST, Person, RunningServer, Socket, running_server

AT_ONCE = Timing(heads_interval=3600.0, presence_interval=0.005, presence_grace=0.0, users_interval=3600.0)


@pytest.fixture
async def fast(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server with short intervals, and without news of the users that a test adds."""
    async with running_server(tmp_path / "data", replace(FAST, users_interval=3600.0)) as running:
        yield running


def state_in(frame: Presence, user_id: int) -> str | None:
    """What a frame says of a user; no user is named twice."""
    found = [name for name in ("online", "away", "offline") if user_id in getattr(frame, name)]
    assert len(found) <= 1
    return found[0] if found else None


async def watch(socket: Socket, *people: Person) -> Presence:
    """Watch these users; the state of all of them."""
    await socket.send(Watch(user_ids=[person.id for person in people]))
    return await socket.until(Presence, lambda frame: all(state_in(frame, person.id) for person in people))


async def test_a_user_is_away_when_all_devices_are(fast: RunningServer) -> None:
    """Two devices: one away is no news, both are; the one that is in use again brings the user back."""
    anna, ben = await fast.person("Anna"), await fast.person("Ben")
    before = now_us()
    async with anna.socket() as watcher, ben.socket() as laptop, ben.socket() as phone:
        assert state_in(await watch(watcher, ben), ben.id) == "online"
        await laptop.send(Away())
        await phone.send(Away())
        change = await watcher.expect(Presence)
        assert (change.online, change.away, change.offline) == ([], [ben.id], [])
        ((user_id, at),) = change.last_seen
        assert user_id == ben.id
        assert before <= at <= now_us()
        assert await watch(watcher, ben) == change
        await phone.send(Away(away=False))
        change = await watcher.expect(Presence)
        assert (change.online, change.away, change.last_seen) == ([ben.id], [], [])


async def test_losing_the_device_in_use_leaves_the_user_away(fast: RunningServer) -> None:
    """After the grace, what the remaining devices say counts; then none is left."""
    anna, ben = await fast.person("Anna"), await fast.person("Ben")
    async with anna.socket() as watcher:
        async with ben.socket() as phone:
            await phone.send(Away())
            async with ben.socket():
                assert state_in(await watch(watcher, ben), ben.id) == "online"
            assert (await watcher.expect(Presence)).away == [ben.id]
        assert (await watcher.expect(Presence)).offline == [ben.id]


async def test_last_seen_survives_a_restart(tmp_path: Path) -> None:
    """An orderly end stores it at once, for those who are connected too; who was never there has none."""
    slow = Timing(last_seen_interval=3600.0)
    async with running_server(tmp_path / "data", slow) as server:
        anna, ben, cleo, dora = [await server.person(name) for name in ("Anna", "Ben", "Cleo", "Dora")]
        async with ben.socket():
            pass
        async with contextlib.AsyncExitStack() as held:
            await held.enter_async_context(cleo.socket())
            end = now_us()
            server.server.stop()
            await server.server.stopping.wait()
    async with running_server(tmp_path / "data", slow) as server, server.socket() as watcher:
        await watcher.send(Hello(token=anna.tokens.access_token))
        await watcher.expect(Welcome)
        whole = await watch(watcher, ben, cleo, dora)
        assert whole.offline == sorted([ben.id, cleo.id, dora.id])
        seen = dict(whole.last_seen)
        assert seen.keys() == {ben.id, cleo.id}
        assert seen[ben.id] < end <= seen[cleo.id]


async def test_last_seen_is_stored_while_the_server_runs(fast: RunningServer) -> None:
    """So that a crash costs little; many changes are one row."""
    ben = await fast.person("Ben")
    async with ben.socket() as socket:
        for away in (True, False) * 20:
            await socket.send(Away(away=away))
        store = fast.application.store
        async with asyncio.timeout(10):
            while not (stored := await store.last_seen([ben.id])):
                await watch(socket, ben)
        assert stored[ben.id] <= now_us()


async def test_watching_often_is_answered_for_the_last_list(fast: RunningServer) -> None:
    """A screen that scrolls sends many lists; the state of those watched at the end is told."""
    anna, ben = await fast.person("Anna"), await fast.person("Ben")
    async with anna.socket() as watcher:
        for start in range(1, 100):
            await watcher.send(Watch(user_ids=list(range(start, start + limits.WATCH_MAX))))
        await watcher.send(Watch(user_ids=[ben.id, anna.id]))
        last = await watcher.until(Presence, lambda frame: ben.id in frame.offline)
        assert (last.online, last.away, last.offline) == ([anna.id], [], [ben.id])


async def test_no_user_may_have_too_many_connections(tmp_path: Path) -> None:
    """The newest is refused for now and the others stay; when one ends there is room again."""
    async with running_server(tmp_path / "data", user_sockets=2) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        async with anna.socket() as first, ben.socket():
            async with anna.socket() as second, anna.socket(greet=False) as third:
                await third.raw.send(codec.encode_text(Hello(token=anna.tokens.access_token)))
                refusal = (await third.expect(Error)).error
                assert (refusal.code, refusal.temporary) == ("tooManyConnections", True)
                assert refusal.retry_after is not None
                assert (await third.closed())[0] == CloseCode.TRY_LATER
                assert state_in(await watch(first, anna), anna.id) == "online"
                assert state_in(await watch(second, ben), ben.id) == "online"
            async with anna.socket() as again:
                assert state_in(await watch(again, ben), ben.id) == "online"


_STEPS = st.lists(st.tuples(st.sampled_from(["connect", "drop", "away", "back"]), st.integers(0, 2)), max_size=10)


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=_STEPS)
def test_watchers_end_with_the_truth(steps: list[tuple[str, int]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever several devices do, who folds the changes sees what a fresh watcher sees, which is what is."""

    async def run() -> None:
        async with running_server(tmp_path_factory.mktemp("presence") / "data", AT_ONCE) as server:
            anna, ben = await server.person("Anna"), await server.person("Ben")
            async with anna.socket() as watcher, anna.socket() as fresh:
                assert state_in(await watch(watcher, ben), ben.id) == "offline"
                async with contextlib.AsyncExitStack() as rest:
                    devices = await _live_through(steps, ben, rest)
                    expected = "offline" if not devices else "online" if not all(devices.values()) else "away"
                    async with asyncio.timeout(10):
                        while state_in(await watch(fresh, ben), ben.id) != expected:  # drops show in their own time
                            pass
                    view = "offline"
                    while view != expected:
                        view = state_in(await watcher.expect(Presence), ben.id) or view
                    await watcher.send(Watch(user_ids=[ben.id, anna.id]))
                    while anna.id not in (frame := await watcher.expect(Presence)).online:
                        view = state_in(frame, ben.id) or view
                    assert state_in(frame, ben.id) == expected
                    while view != expected:  # an answer may overtake the last change
                        view = state_in(await watcher.expect(Presence), ben.id) or view
                    was_there = any(step == "connect" for step, _ in steps) and expected != "online"
                    assert [user_id for user_id, _ in frame.last_seen] == [ben.id] * was_there

    asyncio.run(run())


async def _live_through(
    steps: list[tuple[str, int]], person: Person, rest: contextlib.AsyncExitStack
) -> dict[Socket, bool]:
    """Do what the steps say with up to three devices; those left, and whether each is away."""
    devices: dict[int, tuple[Socket, contextlib.AsyncExitStack]] = {}
    away: dict[Socket, bool] = {}
    for step, number in steps:
        if step == "connect" and number not in devices:
            stack = await rest.enter_async_context(contextlib.AsyncExitStack())
            socket = await stack.enter_async_context(person.socket())
            devices[number], away[socket] = (socket, stack), False
        elif step == "drop" and number in devices:
            socket, stack = devices.pop(number)
            del away[socket]
            await stack.aclose()
        elif step in {"away", "back"} and number in devices:
            socket = devices[number][0]
            away[socket] = step == "away"
            await socket.send(Away(away=away[socket]))
            await watch(socket, person)  # answered after it was taken
    return away
