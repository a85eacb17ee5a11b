"""Other chat clients of the terminal that are installed here, measured in the same way and the same minutes."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatterm.bench.figures import Report, percentile
from chatterm.bench.outside import Terminal, key_times

SETTLE_S: Final = 1.5
_NOBODY: Final = 65_534
_POEZIO: Final = "[Poezio]\nserver = localhost\ncustom_host = 127.0.0.1\ncustom_port = 9\n"
"""Without it, poezio would look for a server of its own choice on the internet."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A program, how it is started without a server, and what its first screen says."""

    command: tuple[str, ...]
    needle: bytes
    as_user: bool = False
    """It does not run for root."""

    @property
    def name(self) -> str:
        return self.command[0]


PEERS: Final = (
    Peer(("irssi", "--home={home}", "--noconnect"), b"Irssi"),
    Peer(("weechat", "-d", "{home}"), b"WeeChat"),
    Peer(("profanity",), b"Profanity"),
    Peer(("poezio", "-f", "{home}/poezio.cfg"), b"Info", as_user=True),
)


def measure(report: Report, starts: int, keys: int) -> None:
    """Start, keys and memory of each, with nothing cached and nobody signed in; what is not installed is left out."""
    for peer in PEERS:
        if shutil.which(peer.name) is None:
            continue
        try:
            _measure(peer, report, starts, keys)
        except (OSError, TimeoutError) as error:
            report.note(f"{peer.name}: the rest could not be measured: {str(error)[:80]}")


def _measure(peer: Peer, report: Report, starts: int, keys: int) -> None:
    begun = []
    for _ in range(starts):
        with _started(peer) as opened:
            begun.append(opened.read_until(peer.needle))
    report.add(f"{peer.name}: exec to first frame", percentile(begun, 0.5) * 1_000, "ms")
    with _started(peer) as opened:
        opened.read_until(peer.needle)
        opened.drain(SETTLE_S)
        report.percentiles(f"{peer.name}: key to paint", key_times(opened, keys))
        report.add(f"{peer.name}: resident memory", opened.memory(), "MB")


@contextlib.contextmanager
def _started(peer: Peer) -> Iterator[Terminal]:
    """The program with an empty home of its own."""
    with tempfile.TemporaryDirectory(prefix="chatterm-peer-", ignore_cleanup_errors=True) as home:
        config = Path(home) / "poezio.cfg"
        config.write_text(_POEZIO)
        command = [part.format(home=home) for part in peer.command]
        if peer.as_user and os.geteuid() == 0:
            for path in (Path(home), config):
                os.chown(path, _NOBODY, _NOBODY)
            command = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *command]
        opened = Terminal(command, _environment(Path(home)))
        try:
            yield opened
        finally:
            opened.close()


def _environment(home: Path) -> Mapping[str, str]:
    folders = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    return {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8", **folders}
