"""A machine that slept, or came into another network, is connected again within seconds."""

import asyncio
from dataclasses import replace

from chatterm.client import link as link_module
from chatterm.client.connection import Timing
from chatterm.client.machine import MachineWatch, slept, source_address
from chatterm.client.model import ConnectionChanged, Link
from tests.client.conftest import Connect
from tests.support.client import Client
from tests.support.proxy import proxied
from tests.support.server import WAIT_S, Person, RunningServer

PATIENT = Timing(look_interval=0.01, probe_timeout=0.2)
"""Its pings notice a dead line after 40 seconds, which is longer than a test may take."""


class Machine:
    """What a test says of the machine it runs on."""

    def __init__(self) -> None:
        self.slept = 0.0
        self.source = "192.0.2.1"
        self.looked_at = asyncio.Event()

    def watch(self) -> MachineWatch:
        return MachineWatch(slept=lambda: self.slept, source_address=self._look)

    def _look(self, _: str) -> str:
        self.looked_at.set()
        return self.source


async def give(client: Client, machine: Machine) -> None:
    """Have a running client watch another machine than the real one, and wait for its first look."""
    reconnector = client.session._reconnector
    assert isinstance(reconnector, link_module.Reconnector)
    reconnector._watch = machine.watch()
    async with asyncio.timeout(WAIT_S):
        await machine.looked_at.wait()


async def test_after_sleep_a_dead_line_is_given_up_at_once_and_a_living_one_kept(
    anna: Person, server: RunningServer, connect: Connect
) -> None:
    machine = Machine()
    async with proxied(server.url) as proxy:
        client = await (await connect(anna, url=proxy.url, timing=PATIENT)).online()
        await give(client, machine)
        told = client.count(ConnectionChanged)
        machine.slept += 3_600
        await asyncio.wait_for(client.session._reconnector._connection.probe(), 5)  # type: ignore[union-attr] # it is there
        assert client.session.status.link is Link.ONLINE
        assert client.count(ConnectionChanged) == told
        proxy.blackhole()
        machine.slept += 3_600
        await client.until(lambda: client.session.status.link is not Link.ONLINE)
        proxy.blackhole(on=False)
        proxy.cut()
        await client.online()


async def test_another_network_ends_the_wait_for_the_next_attempt(
    anna: Person, server: RunningServer, connect: Connect
) -> None:
    machine = Machine()
    async with proxied(server.url) as proxy:
        client = await (await connect(anna, url=proxy.url, timing=replace(PATIENT, open_timeout=1.0))).online()
        await give(client, machine)
        reconnector = client.session._reconnector
        assert reconnector is not None
        proxy.refusing = True
        proxy.cut()
        await client.offline()
        reconnector._backoff._failures = 60  # as after many attempts: the next one is up to a minute away
        reconnector._backoff._rng = lambda: 1.0
        reconnector.retry_now()
        await client.until(lambda: (client.session.status.retry_at or 0) > client.session.status.since + 30)
        proxy.refusing = False
        machine.source = "198.51.100.7"
        await client.online()


def test_only_news_is_news() -> None:
    machine = Machine()
    watch = machine.watch()
    assert not watch.changed("192.0.2.9")
    assert not watch.changed("192.0.2.9")
    machine.source = ""
    assert not watch.changed("192.0.2.9"), "no way at all is nothing to act on"
    machine.source = "192.0.2.1"
    assert watch.changed("192.0.2.9"), "there is a way again"
    assert not watch.changed("192.0.2.10"), "another server"
    machine.slept += 1
    assert not watch.changed("192.0.2.10")
    machine.slept += 10
    assert watch.changed("192.0.2.10")
    assert not watch.changed("")


def test_the_real_machine_is_asked_without_sending_anything() -> None:
    assert slept() >= 0
    assert source_address("127.0.0.1") == "127.0.0.1"
    assert source_address("chat.example.org") == "", "a name would have to be asked for"
