"""A container that boots a clean Debian with systemd, by systemd-nspawn, on a network of its own by slirp4netns.

It has the kernel of this host, and so no swap, no clock and no kernel settings of its own.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from scripts.deployment.machine import ADDRESS, Door, Machine, MachineError

TOOLS: Final = ("systemd-nspawn", "slirp4netns", "unshare", "setpriv", "ssh", "ssh-keygen")
"""Debian: systemd-container slirp4netns openssh-client."""
_READY_S: Final = 60.0

_BOOT: Final = """
set -eu
cd "$1"
mount --make-rprivate /
mkdir -p base upper work merged
mount -o loop,ro,noload "$2" base
mount -t overlay overlay -o lowerdir=base,upperdir=upper,workdir=work merged
if [ ! -d /run/systemd/system ]; then  # nobody else here gives each container a place in the hierarchy
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [ -e "$hierarchy/cgroup.procs" ] || continue
        mkdir -p "$hierarchy/$3"
        echo $$ > "$hierarchy/$3/cgroup.procs"
    done
    set -- "$@" --keep-unit
fi
read -r _  # until its network is there
name=$3
shift 3
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
ended=
trap 'ended=1; kill -TERM "$child"' TERM
status=133  # it has asked for another start
while [ "$status" -eq 133 ] && [ -z "$ended" ]; do
    setpriv --pdeathsig KILL systemd-nspawn --quiet --boot --register=no --machine="$name" --directory=merged \
        --capability=CAP_NET_ADMIN --resolv-conf=off --link-journal=no --console=pipe "$@" < /dev/null &
    child=$!
    status=0
    wait "$child" || status=$?
    [ -z "$ended" ] || wait "$child" || true
done
exit "$status"
"""
"""What it mounts, and its network, end with it."""


@contextlib.contextmanager
def running(image: Path, folder: Path, doors: Mapping[int, Door]) -> Iterator[Machine]:
    """A container on an overlay of `image` for the length of the block, reached by `doors`."""
    folder.mkdir(exist_ok=True)
    unique = f"{folder.name}-{os.getpid()}"
    command = ("unshare", "--mount", "--net", "sh", "-c", _BOOT, "boot", str(folder), str(image.resolve()), unique)
    with (folder / "console.log").open("wb") as console:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=console, stderr=console)
    try:
        with _network(process, folder / "network.sock", doors):
            machine = Machine(folder, image, doors, process)
            machine.wait()
            yield machine
    finally:
        _end(process)
        _forget(unique)


@contextlib.contextmanager
def _network(process: "subprocess.Popen[bytes]", control: Path, doors: Mapping[int, Door]) -> Iterator[None]:
    """As QEMU's user network: it reaches out, and is reached by the ports that are forwarded."""
    tool = ("slirp4netns", "--mtu=65520", f"--api-socket={control}", str(process.pid), "eth0")
    _until(lambda: _own_network(process.pid), "a network of its own")
    network = subprocess.Popen(tool, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(control.exists, "slirp4netns")
        for there, here in doors.items():
            addresses = {"host_addr": here.address, "host_port": here.port, "guest_addr": ADDRESS, "guest_port": there}
            _ask(control, {"execute": "add_hostfwd", "arguments": {"proto": "tcp", **addresses}})
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()
        yield
    finally:
        network.terminate()
        network.wait(30)


def _own_network(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
    return False


def _ask(control: Path, request: object) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(control))
        sock.sendall(json.dumps(request).encode())
        sock.shutdown(socket.SHUT_WR)
        answer = json.loads(sock.recv(4096))
    if "error" in answer:
        raise MachineError(f"slirp4netns: {answer['error']}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Shut it down as a poweroff does; if that takes too long, as a power cut does."""
    process.terminate()
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)


def _forget(name: str) -> None:
    """Remove the empty cgroups that are left."""
    for hierarchy in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup/systemd")):
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


def _until(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _READY_S
    while not ready():
        if time.monotonic() > deadline:
            raise MachineError(f"there is no {what} after {_READY_S:.0f} s")
        time.sleep(0.05)
