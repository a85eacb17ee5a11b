"""Walks the page of deployment on a clean Debian, and looks whether what it promises is so."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scripts.deployment.client import Client
from scripts.deployment.machine import ADDRESS, GATEWAY, Machine
from scripts.deployment.page import NEW_MACHINE, NEW_SCHEMA, VALUES, Block, blocks
from scripts.deployment.source import ROOT, Source
from scripts.deployment.upgrade import Upgrade
from tests.support.pebble import DOMAIN, Pebble

PAGE: Final = ROOT / "docs/deployment.md"
NEW_ADDRESS: Final = "127.0.0.2"
"""Where the name leads after the move."""
_TEST_CA: Final = "/etc/ssl/test-ca.pem"
"""What its own address is trusted by, where the server and Caddy may read it."""
SOURCE: Final = "/root/source.bundle"
_SCORE: Final = re.compile(r"exposure level for chatserver\.service: ([0-9.]+)")
_MOVED: Final = ("The machine", "The program", "The firewall")
"""What the page asks for on a machine to move to."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is around the machine."""

    pebble: Pebble
    client: Client
    source: Source
    another: Callable[[], contextlib.AbstractContextManager[Machine]]
    """Makes a machine to move to."""
    contained: bool
    """Machines are containers."""


class Walk:
    """One page, one machine, and another to move to."""

    def __init__(self, guest: Machine, around: Around, say: Callable[[str], None]) -> None:
        self._guest = guest
        self._new = guest
        self._around = around
        self._client = around.client
        self._say = say
        self._values = ""
        self._blocks = blocks(PAGE)
        self._undo = contextlib.ExitStack()
        self._running = False
        """There is a server in which people write to each other."""
        self.ran = 0
        self.skipped: list[Block] = []
        self.score = ""

    def all(self) -> None:
        """Every block in its order; between parts, what somebody would see there. Raises `AssertionError`."""
        before = {
            "Remove it": self._ended,
            "Upgrade": self._newer_version,
            "Move to another machine": self._new_machine,
            "Other ways to TLS": self._own_ca,
        }
        after = {"The program": self._settled, "Accounts": self._chat, "Look at it": self._survives}
        with self._undo:
            for heading in dict.fromkeys(block.heading for block in self._blocks):
                before.get(heading, _nothing)()
                for block in self._of(heading):
                    self._noted(block)
                after.get(heading, self._client.exchange if self._running else _nothing)()

    def _of(self, *headings: str) -> list[Block]:
        return [block for block in self._blocks if block.heading in headings]

    def _noted(self, block: Block) -> None:
        """A block, and what has to happen around it."""
        if block.note == VALUES:
            self._values = (
                f"export DOMAIN={DOMAIN} EMAIL=owner@example.org SOURCE={SOURCE}\n"
                "export PIP_CERT=/etc/ssl/certs/ca-certificates.crt\n"
            )
        elif block.note == NEW_SCHEMA:
            self._changed_schema(block)
        elif block.note == NEW_MACHINE:
            self._moved(block)
        else:
            self._one(block)

    def _changed_schema(self, undoing: Block) -> None:
        """The part's first block upgrades once more; `undoing` leads back."""
        upgrade = Upgrade(self._guest, self._around.source, self._client)
        upgrade.prepare(SOURCE)
        self._one(self._of(undoing.heading)[0])
        upgrade.used_then_refused()
        self._one(undoing)
        upgrade.undone()
        self._say(f"schema {upgrade.older} to {upgrade.newer}, refused by the old version, rolled back, read anew")

    def _one(self, block: Block) -> None:
        reason = block.why_not(contained=self._around.contained)
        if reason:
            self.skipped.append(block)
            self._say(f"not tried ({reason}): {block.heading}: {block.script.splitlines()[0]} ...")
            return
        began = time.monotonic()
        done = self._guest.run(f"set -euo pipefail\n{self._values}{block.script}", check=False, timeout=3_600)
        first = block.script.splitlines()[0][:60]
        self._say(f"{time.monotonic() - began:6.0f} s  {block.heading}: {first}")
        assert done.returncode == 0, f"'{block.heading}' failed ({done.returncode}):\n{block.script}\n{done.stdout}"
        self.ran += 1
        score = _SCORE.search(done.stdout)
        if score:
            self.score = score[1]

    def _settled(self) -> None:
        """What the world does for an owner: the name leads to the machine, and the CA is one that clients trust."""
        self._guest.copy_in(self._around.pebble.ca_file, _TEST_CA)
        self._guest.run(
            f'printf \'acme_directory = "{self._directory()}"\\nacme_ca_file = "{_TEST_CA}"\\n\' '
            f">> /etc/chatserver/config.toml\necho '{ADDRESS} {DOMAIN}' >> /etc/hosts\n"
            f"chmod 644 {_TEST_CA}"
        )

    def _chat(self) -> None:
        """Two people write to each other from another machine."""
        for name in ("anna", "bela"):
            self._guest.run(
                f"echo 'correct horse' | chatserver user add {name}@example.org --name {name} --password-stdin"
            )
        self._client.login()
        self._running = True
        self._client.exchange()

    def _survives(self) -> None:
        """Restarts refuse nobody, a new process follows a killed or stuck one, the machine comes back with all."""
        refused = self._client.refused_while(lambda: self._guest.run("systemctl restart chatserver"))
        assert not refused, f"{refused} connections were refused during a restart"
        self._client.exchange()
        for name in ("KILL", "STOP"):
            before = self._pid()
            self._guest.run(f"kill -{name} {before}")
            self._client.until_answered()
            assert self._pid() != before
            self._client.exchange()
        self._guest.reboot()
        self._client.until_answered()
        self._client.exchange()
        self._guest.run("systemctl start chatserver-doctor")
        self._say("restarted, killed, stopped, rebooted: nobody refused, nothing lost")

    def _pid(self) -> str:
        return self._guest.run("systemctl show --property=MainPID --value chatserver").stdout.strip()

    def _own_ca(self) -> None:
        """Caddy asks the same CA as the server did."""
        lines = rf"{{\n\tacme_ca {self._directory()}\n\tacme_ca_root {_TEST_CA}"
        self._guest.run(f"sed -i '1,/^{{/ s#^{{#{lines}#' /opt/chatserver/source/deploy/Caddyfile")

    def _directory(self) -> str:
        return f"https://{GATEWAY}:{self._around.pebble.directory.rpartition(':')[2]}"

    def _newer_version(self) -> None:
        """There is a new one where the source is."""
        self._around.source.commit("A newer version")
        self._guest.copy_in(self._around.source.bundle(), SOURCE)

    def _ended(self) -> None:
        """Nobody writes any more."""
        self._running = False

    def _new_machine(self) -> None:
        """One where the page's first steps are done, which the old one reaches as NEW."""
        old, self._guest = self._guest, self._undo.enter_context(self._around.another())
        for block in self._of(*_MOVED):
            self._one(block)
        self._settled()
        address = f"Host NEW new\n  HostName {GATEWAY}\n  Port {self._guest.doors[22].port}\n"
        old.copy_in(self._guest.key, "/root/.ssh/id_ed25519")
        old.run(f"chmod 600 /root/.ssh/id_ed25519\nprintf '{address}  StrictHostKeyChecking no\n' > /root/.ssh/config")
        self._new, self._guest = self._guest, old

    def _moved(self, block: Block) -> None:
        """What was written while no server was there arrives, from clients that only follow the name."""
        self._client.queue()
        self._guest = self._new
        self._one(block)
        self._client.follow(NEW_ADDRESS)
        asyncio.run(self._around.pebble.lead_to(NEW_ADDRESS))
        self._client.exchange()
        self._say("moved to another machine: nobody signed in anew, nothing lost")


def _nothing() -> None:
    """There is nothing to do."""
