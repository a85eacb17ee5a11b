"""A virtual machine: one core, 1 GB, by QEMU."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from scripts.deployment.machine import Door, Machine, run_tool

TOOLS: Final = ("qemu-system-x86_64", "qemu-img", "ssh", "ssh-keygen")
"""Debian: qemu-system-x86 qemu-utils openssh-client."""


@contextlib.contextmanager
def running(image: Path, folder: Path, doors: Mapping[int, Door], *, emulated: bool) -> Iterator[Machine]:
    """A machine on an overlay of `image` for the length of the block, reached by `doors`.

    `emulated` does without KVM, which takes some ten times as long.
    """
    folder.mkdir(exist_ok=True)
    disk = folder / "disk.qcow2"
    run_tool("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.resolve()), str(disk))
    forwards = "".join(f",hostfwd=tcp:{door.address}:{door.port}-:{there}" for there, door in doors.items())
    command = [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
        *("-smp", "1", "-m", "1024"),
        *(("-cpu", "max", "-accel", "tcg,tb-size=512") if emulated else ("-cpu", "host", "-enable-kvm")),
        *("-kernel", str(image.parent / "vmlinuz"), "-initrd", str(image.parent / "initrd.img")),
        *("-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet"),
        *("-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe"),
        *("-netdev", f"user,id=net{forwards}", "-device", "virtio-net-pci,netdev=net"),
        *("-device", "virtio-rng-pci", "-serial", f"file:{folder / 'console.log'}"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        machine = Machine(folder, image, doors, process)
        machine.wait()
        yield machine
    finally:
        process.terminate()
        process.wait(30)
