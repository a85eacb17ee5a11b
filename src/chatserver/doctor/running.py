"""Looks at the running server: whether there is one, what it answers, and what the service manager says of it."""

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from chatproto.findings import Finding, bad, good, notice
from chatproto.rest import Health, Readiness
from chatserver.doctor.machine import command_output
from chatserver.doctor.reaching import answer, is_taken, local_url
from chatserver.ops.whereabouts import find
from chatserver.settings import Settings

_UNIT: Final = "chatserver.service"
_SYSTEMD: Final = Path("/run/systemd/system")
_LOOK: Final = f"See: systemctl status {_UNIT}, journalctl -u {_UNIT} -n 50"
_SERVE_LOCK: Final = "serve.lock"
_LOCK_WORDS: Final = 8


def check_server(settings: Settings) -> Iterator[Finding]:
    """Whether a server serves the data folder, and whether it is well."""
    if not _is_serving(settings.data):
        yield notice("server", f"No server serves {settings.data} now.", "Start it: systemctl start chatserver")
        yield _port(settings)
        return
    here = find(settings.data)
    if here is None:
        yield notice("server", "One runs; where it can be reached is not known.", "Restart it when it suits.")
        return
    url = local_url(here.url)
    try:
        health = msgspec.json.decode(answer(url + "/healthz").content, type=Health)
        readiness = msgspec.json.decode(answer(url + "/readyz").content, type=Readiness)
    except httpx.TransportError as error:
        yield bad("server", f"It runs as process {here.pid}, but {url} does not answer: {type(error).__name__}.", _LOOK)
        return
    except msgspec.MsgspecError:
        yield bad("server", f"At {url} something else answers.", "See which program listens there: ss -tlnp")
        return
    yield good("server", f"chatserver {health.version} serves {here.url} as process {here.pid}.")
    if health.version != version("chatterm"):
        hint = "Bring this version in: systemctl restart chatserver"
        yield notice("running version", f"{health.version} runs; {version('chatterm')} is installed.", hint)
    for check in readiness.checks:
        if not check.ok:
            yield bad("readiness", f"{check.name}: {check.detail}", _LOOK)
    if readiness.ready:
        yield good("readiness", "Database, schema, disk and delivery are well.")
    yield from _encryption(here.url, settings)


def _encryption(url: str, settings: Settings) -> Iterator[Finding]:
    """Plain HTTP is for this machine alone: what a proxy on it asks."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "http" and not (host == "localhost" or host.startswith("127.") or host == "::1"):
        hint = "Set 'domain' (or 'tls_certificate'), or listen on 127.0.0.1 behind a proxy that does TLS."
        yield bad("encryption", f"{url} can be reached from outside, without encryption.", hint)
    elif parts.scheme == "https":
        yield good("encryption", "The server speaks TLS itself.")
    elif not settings.trusted_proxies:
        yield good("encryption", "It is reached from this machine only.")
    else:
        yield good("encryption", "It is reached through a proxy on this machine only.")


def _is_serving(data: Path) -> bool:
    """Whether a process holds the lock of the one server; taking it to find out could stop one that starts."""
    here = find(data)
    try:
        lock = (data / _SERVE_LOCK).stat()
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return here is not None and Path(f"/proc/{here.pid}").exists()
    return holds_lock(locks, lock, here.pid if here is not None else None)


def holds_lock(locks: str, file: os.stat_result, pid: int | None) -> bool:
    """Whether the text of /proc/locks has a lock of flock(2) on a file.

    Btrfs and overlayfs show another device there than stat(2) does; then it is enough that `pid` has locked a file of
    this number.
    """
    device = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}"
    for line in locks.splitlines():
        words = line.split()  # number: FLOCK ADVISORY WRITE pid device:inode start end
        if len(words) < _LOCK_WORDS or words[1] != "FLOCK":
            continue
        on, _, inode = words[5].rpartition(":")
        if inode == str(file.st_ino) and (on == device or words[4] == str(pid)):
            return True
    return False


def _port(settings: Settings) -> Finding:
    """Whether the address is free for a server that does not run."""
    place = f"{settings.host} port {settings.port}"
    if settings.port and is_taken(settings.host, settings.port):
        if command_output("systemctl", "is-active", "chatserver.socket").strip() == "active":
            return good("port", "systemd keeps it open and starts the server when somebody connects.")
        return bad("port", f"Another program listens on {place}.", f"See which: ss -tlnp 'sport = :{settings.port}'")
    if 0 < settings.port < _privileged() and os.geteuid() != 0:
        hint = "Let systemd open it, as deploy/systemd/chatserver.socket does, or choose one above 1023."
        return notice("port", f"{place} is free, but not for this user to open.", hint)
    return good("port", f"{place} is free.")


def _privileged() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1_024


def check_service() -> Iterator[Finding]:
    """What systemd says of the unit, if both are there."""
    if not _SYSTEMD.exists():
        return
    told = command_output(
        "systemctl", "show", _UNIT, "--property=LoadState,ActiveState,SubState,UnitFileState,NRestarts,Result"
    )
    values = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    if values.get("LoadState") != "loaded":
        hint = "Install deploy/systemd, as docs/deployment.md does: then it starts with the machine and after a crash."
        yield notice("service", f"systemd knows no {_UNIT}.", hint)
        return
    state = f"{values.get('ActiveState')} ({values.get('SubState')})"
    if values.get("ActiveState") == "failed":
        yield bad("service", f"{_UNIT} has failed: {values.get('Result')}.", _LOOK)
    elif values.get("UnitFileState") not in {"enabled", "static"}:
        yield notice(
            "service", f"{_UNIT} is {state}, and does not start with the machine.", f"Run: systemctl enable {_UNIT}"
        )
    else:
        yield good("service", f"{_UNIT} is {state} and starts with the machine.")
    if values.get("NRestarts", "0") != "0":
        hint = f"See why: journalctl -u {_UNIT} -p warning. 'systemctl reset-failed {_UNIT}' counts anew."
        yield notice("restarts", f"systemd has started it again {values['NRestarts']} times.", hint)
