"""Walks the page of deployment on a clean Debian, and looks whether what it promises is so."""

import asyncio
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scripts.deployment import machine
from scripts.deployment.client import Client
from scripts.deployment.machine import Machine
from scripts.deployment.page import Block, blocks
from scripts.deployment.source import ROOT, Source
from tests.support.pebble import DOMAIN, Pebble, running_pebble

PAGE: Final = ROOT / "docs/deployment.md"
GATEWAY: Final = "10.0.2.2"
"""This machine, as QEMU's user network shows it to its guest."""
_TEST_CA: Final = "/etc/ssl/test-ca.pem"
"""What its own address is trusted by, where the server and Caddy may read it."""
SOURCE: Final = "/root/source.bundle"
_OWN_CAS: Final = Path("/usr/local/share/ca-certificates")
"""What this machine trusts besides the usual; the guest has the same network."""
_SCORE: Final = re.compile(r"exposure level for chatserver\.service: ([0-9.]+)")

Say = Callable[[str], None]


class Walk:
    """One machine, one page."""

    def __init__(self, guest: Machine, pebble: Pebble, client: Client, source: Source, say: Say) -> None:
        self._guest = guest
        self._pebble = pebble
        self._client = client
        self._source = source
        self._say = say
        self._values = ""
        self.ran = 0
        self.skipped: list[Block] = []
        self.score = ""

    def all(self) -> None:
        """Every block in its order; between parts, what somebody would see there. Raises `AssertionError`."""
        before = {"Upgrade": self._newer_version, "Other ways to TLS": self._own_ca}
        after = {
            "The program": self._settled,
            "Accounts": self._chat,
            "Look at it": self._survives,
            "Backups": self._still_there,
            "Upgrade": self._still_there,
            "Other ways to TLS": self._still_there,
        }
        found = blocks(PAGE)
        for number, block in enumerate(found):
            if block.heading != found[number - 1].heading and block.heading in before:
                before[block.heading]()
            self._one(block)
            last = number + 1 == len(found) or found[number + 1].heading != block.heading
            if last and block.heading in after:
                after[block.heading]()

    def _one(self, block: Block) -> None:
        if block.sets_values:
            self._values = (
                f"export DOMAIN={DOMAIN} EMAIL=owner@example.org SOURCE={SOURCE}\n"
                "export PIP_CERT=/etc/ssl/certs/ca-certificates.crt\n"
            )
            return
        if block.skipped:
            self.skipped.append(block)
            self._say(f"not tried ({block.skipped}): {block.heading}: {block.script.splitlines()[0]} ...")
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
        self._guest.copy_in(self._pebble.ca_file, _TEST_CA)
        self._guest.run(
            f'printf \'acme_directory = "{self._directory()}"\\nacme_ca_file = "{_TEST_CA}"\\n\' '
            f">> /etc/chatserver/config.toml\necho '10.0.2.15 {DOMAIN}' >> /etc/hosts\n"
            f"chmod 644 {_TEST_CA}"
        )

    def _chat(self) -> None:
        """Two people write to each other from another machine."""
        for name in ("anna", "bela"):
            self._guest.run(
                f"echo 'correct horse' | chatserver user add {name}@example.org --name {name} --password-stdin"
            )
        self._client.login()
        self._still_there()

    def _still_there(self) -> None:
        """What was written is there once, and something new arrives."""
        self._client.exchange()

    def _survives(self) -> None:
        """Restarts refuse nobody, a new process follows a killed or stuck one, the machine comes back with all."""
        refused = self._client.refused_while(lambda: self._guest.run("systemctl restart chatserver"))
        assert not refused, f"{refused} connections were refused during a restart"
        self._still_there()
        for name in ("KILL", "STOP"):
            before = self._pid()
            self._guest.run(f"kill -{name} {before}")
            self._client.until_answered()
            assert self._pid() != before
            self._still_there()
        self._guest.reboot()
        self._client.until_answered()
        self._still_there()
        self._say("restarted, killed, stopped, rebooted: nobody refused, nothing lost")

    def _pid(self) -> str:
        return self._guest.run("systemctl show --property=MainPID --value chatserver").stdout.strip()

    def _own_ca(self) -> None:
        """Caddy asks the same CA as the server did."""
        lines = rf"{{\n\tacme_ca {self._directory()}\n\tacme_ca_root {_TEST_CA}"
        self._guest.run(f"sed -i '1,/^{{/ s#^{{#{lines}#' /opt/chatserver/source/deploy/Caddyfile")

    def _directory(self) -> str:
        return f"https://{GATEWAY}:{self._pebble.directory.rpartition(':')[2]}"

    def _newer_version(self) -> None:
        """There is a new one where the source is."""
        self._source.commit("A newer version")
        self._guest.copy_in(self._source.bundle(), SOURCE)


def prepare(guest: Machine, source: Source, folder: Path, root: str) -> None:
    """What is there before an owner begins: the source somewhere, and the network's own CAs trusted."""
    guest.copy_in(source.bundle(), SOURCE)
    (folder / "root.crt").write_text(root)
    for certificate in (folder / "root.crt", *sorted(_OWN_CAS.glob("*.crt"))):
        guest.copy_in(certificate, f"/usr/local/share/ca-certificates/{certificate.name}")
    guest.run("update-ca-certificates >/dev/null")


async def prove(folder: Path, cache: Path, *, emulated: bool, say: Say) -> Walk:
    """Make the machine and walk. Raises `AssertionError` and `MachineError`."""
    missing = [tool for tool in (*machine.TOOLS, "pebble", "pebble-challtestsrv") if shutil.which(tool) is None]
    assert not missing, f"not installed: {', '.join(missing)}"
    image = machine.base_image(cache)
    say("the image is there; the machine starts")
    with machine.running(image, folder, (22, 80, 443), emulated=emulated) as guest:
        names = (GATEWAY, "127.0.0.1", "localhost")
        async with running_pebble(folder / "pebble", *names, http_port=guest.ports[80]) as pebble:
            root = await pebble.root()
            source = Source(folder)
            await asyncio.to_thread(prepare, guest, source, folder, root)
            client = Client(folder, guest.ports[443], root)
            walk = Walk(guest, pebble, client, source, say)
            await asyncio.to_thread(walk.all)
            return walk
