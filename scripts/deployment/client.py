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
PASSWORD: Final = "correct horse"


class Client:
    """What somebody sees of the server from outside."""

    def __init__(self, folder: Path, port: int, root: str) -> None:
        self._folder = folder
        self._port = port
        self._hosts = folder / "hosts"
        self._hosts.write_text(f"127.0.0.1 localhost\n127.0.0.1 {DOMAIN}\n")
        self._ca = folder / "trusted.pem"
        self._ca.write_text(root)
        self._sent: list[str] = []

    def login(self) -> None:
        """Sign both in."""
        for name in ("anna", "bela"):
            url = f"https://{DOMAIN}:{self._port}"
            words = ("login", url, "--email", f"{name}@example.org", "--password-stdin")
            self._run(name, *words, stdin=f"{PASSWORD}\n")

    def exchange(self) -> None:
        """A message from one arrives at the other, after all earlier ones, each once and in order."""
        self._sent.append(f"message {len(self._sent)}")
        self._run("anna", "send", "--timeout", "120", "bela@example.org", self._sent[-1])
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            lines = self._run("bela", "history", "anna@example.org", "--json", "--limit", "100").splitlines()
            texts = [record.get("text") for record in map(json.loads, lines) if record.get("text")]
            if texts == self._sent:
                return
            assert time.monotonic() < deadline, f"sent: {self._sent}; there is: {texts}"

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
                socket.create_connection(("127.0.0.1", self._port), timeout=_PATIENCE_S) as sock,
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
