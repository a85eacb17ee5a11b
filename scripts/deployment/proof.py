"""What the walk needs around it: machines, a CA, the source and clients."""

import asyncio
import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from scripts.deployment import container, debian, virtual
from scripts.deployment.client import Client
from scripts.deployment.machine import GATEWAY, Door, Machine, free_port
from scripts.deployment.source import Source
from scripts.deployment.walk import NEW_ADDRESS, SOURCE, Around, Walk
from tests.support.pebble import running_pebble

_OWN_CAS: Final = Path("/usr/local/share/ca-certificates")
"""What this machine trusts besides the usual; the guest has the same network."""


class Machines:
    """Clean ones, all reached at the same ports, each at an address of its own, as the name leads to one of them."""

    def __init__(self, folder: Path, image: Path, *, contained: bool, emulated: bool) -> None:
        self._folder = folder
        self._image = image
        self._contained = contained
        self._emulated = emulated
        self.http, self.https = free_port(), free_port()
        self._root = ""
        self.source = Source(folder)

    @contextlib.contextmanager
    def running(self, name: str, address: str) -> Iterator[Machine]:
        """One of them."""
        ports = ((80, self.http), (443, self.https))
        doors = {22: Door("127.0.0.1", free_port())} | {there: Door(address, here) for there, here in ports}
        folder = self._folder / name
        with contextlib.ExitStack() as undo:
            if self._contained:
                guest = undo.enter_context(container.running(self._image, folder, doors))
            else:
                guest = undo.enter_context(virtual.running(self._image, folder, doors, emulated=self._emulated))
            self._prepare(guest)
            yield guest

    def trust(self, root: str) -> None:
        """They are to trust this CA."""
        self._root = root

    def _prepare(self, guest: Machine) -> None:
        """What is there before an owner begins: the source somewhere, and the network's own CAs trusted."""
        guest.copy_in(self.source.bundle(), SOURCE)
        own = self._folder / "root.crt"
        own.write_text(self._root)
        for certificate in (own, *sorted(_OWN_CAS.glob("*.crt"))):
            guest.copy_in(certificate, f"/usr/local/share/ca-certificates/{certificate.name}")
        guest.run("update-ca-certificates >/dev/null")


async def prove(folder: Path, cache: Path, *, contained: bool, emulated: bool, say: Callable[[str], None]) -> Walk:
    """Make the machines and walk. Raises `AssertionError` and `MachineError`."""
    tools = (*debian.TOOLS, *(container if contained else virtual).TOOLS, "pebble", "pebble-challtestsrv")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    assert not missing, f"not installed: {', '.join(missing)}"
    image = debian.base_image(cache)
    say("the image is there; the machine starts")
    machines = Machines(folder, image, contained=contained, emulated=emulated)
    names = (GATEWAY, "127.0.0.1", "localhost")
    async with running_pebble(folder / "pebble", *names, http_port=machines.http) as pebble:
        root = await pebble.root()
        machines.trust(root)

        def walk() -> Walk:
            with machines.running("first", "127.0.0.1") as guest:
                client = Client(folder, machines.https, root)
                another = functools.partial(machines.running, "second", NEW_ADDRESS)
                done = Walk(guest, Around(pebble, client, machines.source, another, contained), say)
                done.all()
                return done

        return await asyncio.to_thread(walk)
