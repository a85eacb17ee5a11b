"""A virtual machine with a clean Debian 12: one core, 1 GB, made by mmdebstrap, reached by ssh."""

import contextlib
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

TOOLS: Final = ("mmdebstrap", "mke2fs", "qemu-system-x86_64", "qemu-img", "ssh", "ssh-keygen", "scp")
"""What the host needs (Debian: mmdebstrap e2fsprogs qemu-system-x86 qemu-utils openssh-client)."""
_MIRROR: Final = "http://deb.debian.org/debian"
_PACKAGES: Final = (
    "linux-image-cloud-amd64,systemd-sysv,systemd-timesyncd,dbus,openssh-server,ca-certificates,iproute2,ifupdown,"
    "isc-dhcp-client,sudo,procps,less,nano,cron,logrotate,tzdata,locales,apt-utils,initramfs-tools"
)
"""About what a provider's image has, and nothing that the page is to install."""
_BOOT_S: Final = 600.0

_SETUP: Final = """
set -eu
root=$1
echo debian > "$root/etc/hostname"
printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\tdebian\\n::1\\tlocalhost\\n' > "$root/etc/hosts"
printf 'auto lo eth0\\niface lo inet loopback\\niface eth0 inet dhcp\\n' > "$root/etc/network/interfaces"
printf '/dev/vda / ext4 errors=remount-ro 0 1\\n' > "$root/etc/fstab"
mkdir -p -m 700 "$root/root/.ssh"
cp "$2" "$root/root/.ssh/authorized_keys"
cat > "$root/etc/apt/sources.list" <<END
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
END
"""


class MachineError(Exception):
    """The machine cannot be made or reached."""


def base_image(folder: Path) -> Path:
    """The disk of a clean Debian in `folder`, made if it is not there, with a key for ssh beside it."""
    image = folder / "base.raw"
    if image.exists():
        return image
    folder.mkdir(parents=True, exist_ok=True)
    key, root = folder / "key", folder / "root"
    if not key.exists():
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    shutil.rmtree(root, ignore_errors=True)
    _run("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root), _MIRROR)
    _run("sh", "-c", _SETUP, "setup", str(root), f"{key}.pub")
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(next((root / "boot").glob(f"{name}-*")), folder / name)
    made = folder / "base.part"
    made.unlink(missing_ok=True)
    _run("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(made), "8G")
    shutil.rmtree(root)
    return made.rename(image)


class Machine:
    """A running machine. `ports` are those of the host's loopback interface by those of the machine."""

    def __init__(self, folder: Path, image: Path, ports: Mapping[int, int], process: "subprocess.Popen[bytes]") -> None:
        self.ports = ports
        self.console = folder / "console.log"
        self._key = image.parent / "key"
        self._process = process

    def run(self, script: str, *, check: bool = True, timeout: float = 900) -> "subprocess.CompletedProcess[str]":
        """A bash script as root, with stdout and stderr in one. Raises `MachineError` if it fails and `check`."""
        done = subprocess.run(
            [*self._ssh(), "cat > /root/.script && bash /root/.script < /dev/null"],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise MachineError(f"exit code {done.returncode} of:\n{script}\nIt said:\n{done.stdout}")
        return done

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
                raise MachineError(f"QEMU ended with {self._process.returncode}; see {self.console}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self.run("true", check=False, timeout=15).returncode == 0:
                    return
            time.sleep(0.5)
        raise MachineError(f"it did not start in {patience:.0f} s; see {self.console}")

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
            "IdentityFile": str(self._key),
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "15",
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return ["ssh", *flags, "-p", str(self.ports[22]), "root@127.0.0.1"]


@contextlib.contextmanager
def running(
    image: Path, folder: Path, wanted: tuple[int, ...], *, emulated: bool, memory_mib: int = 1024
) -> Iterator[Machine]:
    """A machine on a copy of `image` for the length of the block; its ports `wanted` are forwarded from free ones.

    `emulated` does without KVM, which takes some ten times as long.
    """
    disk = folder / "disk.qcow2"
    _run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(image.resolve()), str(disk))
    ports = {port: _free_port() for port in wanted}
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in ports.items())
    command = [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
        *("-smp", "1", "-m", str(memory_mib)),
        *(("-cpu", "max", "-accel", "tcg,tb-size=512") if emulated else ("-cpu", "host", "-enable-kvm")),
        *("-kernel", str(image.parent / "vmlinuz"), "-initrd", str(image.parent / "initrd.img")),
        *("-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet"),
        *("-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe"),
        *("-netdev", f"user,id=net{forwards}", "-device", "virtio-net-pci,netdev=net"),
        *("-device", "virtio-rng-pci", "-serial", f"file:{folder / 'console.log'}"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        machine = Machine(folder, image, ports, process)
        machine.wait()
        yield machine
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise MachineError(f"{command[0]} failed ({done.returncode}):\n{done.stdout}")
