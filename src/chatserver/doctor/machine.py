"""Looks at the machine: versions, memory, files a process may open, and whether the clock is set."""

import ctypes
import platform
import resource
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from chatproto.findings import Finding, bad, good, notice
from chatserver.backends import store_engine

_MEMORY: Final = Path("/proc/meminfo")
_AVAILABLE_MIB: Final = 100
_SWAPLESS_MIB: Final = 2_048
"""Machines with less memory than this should have swap."""
_DESCRIPTORS: Final = 4_096
_PATIENCE_S: Final = 10
_TIMEX_BYTES: Final = 512
"""More than `struct timex` has anywhere."""
_TIME_ERROR: Final = 5
_CONTAINED: Final = (Path("/run/systemd/container"), Path("/run/.containerenv"), Path("/.dockerenv"))
"""Of which one is there in a container of systemd or LXC, of Podman, of Docker."""


def check_versions() -> Iterator[Finding]:
    """The program and what it stands on."""
    yield good(
        "versions",
        f"chatserver {version('chatterm')}, Python {platform.python_version()}, {store_engine()}, "
        f"{ssl.OPENSSL_VERSION}, {platform.system()} {platform.release()}.",
    )


def check_machine() -> Iterator[Finding]:
    """Memory, descriptors and clock."""
    yield from check_memory(_MEMORY.read_text(encoding="ascii") if _MEMORY.exists() else "")
    yield _descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    yield _clock()


def check_memory(told: str) -> Iterator[Finding]:
    """What the text of /proc/meminfo says."""
    values = {}
    for line in told.splitlines():
        name, _, amount = line.partition(":")
        if amount.split()[:1] and amount.split()[0].isdecimal():
            values[name] = int(amount.split()[0]) // 1024
    if not {"MemTotal", "MemAvailable", "SwapTotal"} <= values.keys():
        yield notice("memory", "The system does not tell how much there is.")
        return
    total, available, swap = values["MemTotal"], values["MemAvailable"], values["SwapTotal"]
    message = f"{available:,} of {total:,} MiB are available, {swap:,} MiB swap."
    if available < _AVAILABLE_MIB:
        yield notice("memory", message, "See what uses it (ps aux --sort=-rss | head), or take a larger machine.")
    else:
        yield good("memory", message)
    if not swap and total < _SWAPLESS_MIB:
        hint = "Add 1 GB: fallocate -l 1G /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile"
        yield notice("swap", "There is none: a short need of memory ends a process.", hint)


def _descriptors(limit: int) -> Finding:
    if limit != resource.RLIM_INFINITY and limit < _DESCRIPTORS:
        hint = "Set LimitNOFILE=65536 in the service unit; each connected client needs one."
        return notice("descriptors", f"A process of this user may open {limit:,} files only.", hint)
    return good("descriptors", "Enough files may be open at a time.")


def _clock() -> Finding:
    """Whether something keeps it right; asking a server of the time would need the network."""
    if any(mark.exists() for mark in _CONTAINED):
        return _kernel_clock("This is a container, whose clock is that of its host: ask who runs it.")
    told = command_output("timedatectl", "show", "--property=NTPSynchronized", "--property=NTP")
    if "NTPSynchronized=yes" in told:
        return good("clock", "It is kept right by the network.")
    if "NTPSynchronized=no" in told:
        hint = "Run: timedatectl set-ntp true (Debian package systemd-timesyncd); sign-in and certificates need it."
        if "NTP=yes" in told:
            return notice("clock", "It is not synchronized yet.", "See: timedatectl timesync-status")
        return bad("clock", "Nothing keeps it right.", hint)
    return _kernel_clock("See that a client of NTP runs.")


def _kernel_clock(hint: str) -> Finding:
    """What the kernel was told of the clock, see adjtimex(2); asking changes nothing if the first field is 0."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    state = getattr(ctypes.CDLL(None), "adjtimex", lambda _: -1)(buffer)
    if state == _TIME_ERROR:
        return notice("clock", "Nothing has told the system that it is right.", hint)
    if state < 0:
        return notice("clock", "Whether something keeps it right is not known.", hint)
    return good("clock", "It is kept right by the network.")


def command_output(*command: str) -> str:
    """What another program prints; nothing if it is not there, fails or hangs."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)  # noqa: S603 - ours
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""
