"""Two people with chatterm on this machine, who reach the guest under its name."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.support.pebble import DOMAIN

_PATIENCE_S: Final = 300.0
"""An emulated machine takes minutes for what a real one does in seconds."""
_PEOPLE: Final = ("anna", "bela")
PASSWORD: Final = "correct horse"


class Client:
    """What somebody sees of the server from outside."""

    def __init__(self, folder: Path, port: int, root: str) -> None:
        self._folder = folder
        self._port = port
        self._hosts = folder / "hosts"
        self._address = ""
        self.follow("127.0.0.1")
        self._ca = folder / "trusted.pem"
        self._ca.write_text(root)
        self._sent: list[tuple[str, str]] = []
        self._written = 0

    def follow(self, address: str) -> None:
        """From now on the server's name leads there."""
        self._address = address
        self._hosts.write_text(f"127.0.0.1 localhost\n{address} {DOMAIN}\n")

    def login(self) -> None:
        """Sign both in."""
        for name in _PEOPLE:
            url = f"https://{DOMAIN}:{self._port}"
            words = ("login", url, "--email", f"{name}@example.org", "--password-stdin")
            self._run(name, *words, stdin=f"{PASSWORD}\n")

    def queue(self) -> None:
        """Each writes to the other while no server answers."""
        self._send("1")

    def exchange(self) -> None:
        """A message from each arrives at the other, after all that were written before, each once and in order."""
        self._send("120")
        for name in _PEOPLE:
            self._until_seen(name)

    @property
    def count(self) -> int:
        """Of messages that were written so far."""
        return len(self._sent)

    def forget(self, first: int, last: int) -> None:
        """The messages from number `first` to before `last` are not expected any more."""
        del self._sent[first:last]

    def _send(self, timeout_s: str) -> None:
        for name, other in zip(_PEOPLE, reversed(_PEOPLE), strict=True):
            self._written += 1
            self._sent.append((name, f"message {self._written} by {name}"))
            self._run(name, "send", "--timeout", timeout_s, f"{other}@example.org", self._sent[-1][1])

    def _until_seen(self, name: str) -> None:
        other = next(person for person in _PEOPLE if person != name)
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            lines = self._run(name, "history", f"{other}@example.org", "--json", "--limit", "200").splitlines()
            texts = [record.get("text") for record in map(json.loads, lines) if record.get("text")]
            if self._agrees(texts):
                return
            assert time.monotonic() < deadline, f"sent: {self._sent}; {name} has: {texts}"
            time.sleep(0.5)

    def _agrees(self, texts: list[str]) -> bool:
        """Everything once, and what one person wrote in the order of writing; two who write at a time have none."""
        by_writer = [[text for text in texts if text.endswith(f" by {name}")] for name in _PEOPLE]
        wanted = [[text for writer, text in self._sent if writer == name] for name in _PEOPLE]
        return by_writer == wanted and len(texts) == len(self._sent)

    def until_answered(self) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + _PATIENCE_S
        while not self._asks():
            assert time.monotonic() < deadline, "the server did not answer again"
            time.sleep(1)

    def refused_while(self, act: Callable[[], object]) -> int:
        """How many of those who connect during an act, and until the server answers after it, are turned away."""
        refused, ended = [], threading.Event()

        def keep_asking() -> None:
            while not ended.is_set():
                refused.extend([] if self._asks() else [1])

        askers = [threading.Thread(target=keep_asking) for _ in range(3)]
        for asker in askers:
            asker.start()
        try:
            act()
            self.until_answered()
        finally:
            ended.set()
            for asker in askers:
                asker.join()
        return len(refused)

    def _asks(self) -> bool:
        """One request on a connection of its own."""
        context = ssl.create_default_context(cafile=str(self._ca))
        request = f"GET /healthz HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode()
        try:
            with (
                socket.create_connection((self._address, self._port), timeout=_PATIENCE_S) as sock,
                context.wrap_socket(sock, server_hostname=DOMAIN) as connection,
            ):
                connection.sendall(request)
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def _run(self, name: str, *words: str, stdin: str = "") -> str:
        """A command of chatterm with its own home and, in its own name space, our names of machines."""
        program = shutil.which("chatterm", path=str(Path(sys.executable).parent)) or "chatterm"
        entered = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(self._hosts))
        environment = {**os.environ, "CHATTERM_HOME": str(self._folder / name), "SSL_CERT_FILE": str(self._ca)}
        done = subprocess.run(
            [*entered, program, *words],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment,
            timeout=_PATIENCE_S * 2,
            check=False,
        )
        assert done.returncode == 0, (
            f"chatterm {' '.join(words)} failed ({done.returncode}): {done.stderr}{done.stdout}"
        )
        return done.stdout
