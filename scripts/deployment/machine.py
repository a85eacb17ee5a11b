"""A machine with a clean Debian, virtual or a container, that is reached by ssh alone."""

import contextlib
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

GATEWAY: Final = "10.0.2.2"
"""This host, as the network of QEMU and of slirp4netns shows it to its guest."""
ADDRESS: Final = "10.0.2.15"
"""The guest's own, in a network that has nobody else."""
_BOOT_S: Final = 600.0
_TOLD: Final = 2_000
"""Characters of the console that are worth telling."""
_RELOAD_S: Final = 30.0
_SSH_FAILED: Final = 255
_UNHEARD: Final = "kex_exchange_identification"
"""What ssh says if the other side reads its settings anew just then; nothing was run."""


class MachineError(Exception):
    """The machine cannot be made or reached."""


class Door(NamedTuple):
    """Where this host leads to a port of the machine."""

    address: str
    port: int


class Machine:
    """A running machine, reached by `doors`, of which number 22 is for ssh."""

    def __init__(
        self, folder: Path, image: Path, doors: Mapping[int, Door], process: "subprocess.Popen[bytes]"
    ) -> None:
        self.doors = doors
        self._console = folder / "console.log"
        self.key = image.parent / "key"
        self._process = process

    def run(self, script: str, *, check: bool = True, timeout: float = 900) -> "subprocess.CompletedProcess[str]":
        """A bash script as root, with stdout and stderr in one. Raises `MachineError` if it fails and `check`."""
        done = self._once(script, timeout)
        deadline = time.monotonic() + _RELOAD_S
        while done.returncode == _SSH_FAILED and _UNHEARD in done.stdout and time.monotonic() < deadline:
            time.sleep(0.5)
            done = self._once(script, timeout)
        if check and done.returncode:
            raise MachineError(f"exit code {done.returncode} of:\n{script}\nIt said:\n{done.stdout}")
        return done

    def _once(self, script: str, timeout: float) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._ssh(), "cat > /root/.script && bash /root/.script < /dev/null"],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def copy_in(self, source: Path, target: str) -> None:
        """A file from here to there."""
        with source.open("rb") as content:
            subprocess.run([*self._ssh(), f"cat > {shlex.quote(target)}"], stdin=content, check=True, timeout=300)

    def copy_out(self, source: str, target: Path) -> None:
        """A file from there to here."""
        with target.open("wb") as content:
            subprocess.run([*self._ssh(), f"cat {shlex.quote(source)}"], stdout=content, check=True, timeout=300)

    def wait(self, *, patience: float = _BOOT_S) -> None:
        """Until it takes commands. Raises `MachineError`."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise MachineError(f"it ended with {self._process.returncode}; its console:\n{self._last_words()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.run("true", check=False, timeout=15).returncode == 0:
                    return
            time.sleep(0.5)
        raise MachineError(f"it did not start in {patience:.0f} s; its console:\n{self._last_words()}")

    def _last_words(self) -> str:
        """The folder with its console is gone when somebody could look."""
        return self._console.read_text(encoding="utf-8", errors="replace")[-_TOLD:]

    def boot_id(self) -> str:
        """Another one after each start."""
        return self.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()

    def reboot(self) -> None:
        """Restart it, and wait until it takes commands again."""
        before = self.boot_id()
        self.run("systemctl reboot", check=False)
        deadline = time.monotonic() + _BOOT_S
        while time.monotonic() < deadline:
            self.wait()
            with contextlib.suppress(MachineError):
                if self.boot_id() != before:
                    return
            time.sleep(0.5)
        raise MachineError("it did not restart")

    def _ssh(self) -> list[str]:
        options = {
            "IdentityFile": str(self.key),
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "15",
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return ["ssh", *flags, "-p", str(self.doors[22].port), f"root@{self.doors[22].address}"]


def free_port() -> int:
    """One of the loopback interface that was free just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def run_tool(*command: str) -> None:
    """A command whose output matters only if it fails. Raises `MachineError`."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise MachineError(f"{command[0]} failed ({done.returncode}):\n{done.stdout}")
