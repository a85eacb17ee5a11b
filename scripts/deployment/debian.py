"""The disk of a clean Debian 12, made by mmdebstrap, with a key for ssh beside it."""

import shutil
from pathlib import Path
from typing import Final

from scripts.deployment.machine import run_tool

TOOLS: Final = ("mmdebstrap", "mke2fs")
_MIRROR: Final = "http://deb.debian.org/debian"
_PACKAGES: Final = (
    "linux-image-cloud-amd64,systemd-sysv,systemd-timesyncd,dbus,openssh-server,ca-certificates,iproute2,ifupdown,"
    "isc-dhcp-client,sudo,procps,less,nano,cron,logrotate,tzdata,locales,apt-utils,initramfs-tools"
)
"""About what a provider's image has, and nothing that the page is to install."""

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


def base_image(folder: Path) -> Path:
    """The disk of a clean Debian in `folder`, made if it is not there, with a key for ssh beside it."""
    image = folder / "base.raw"
    if image.exists():
        return image
    folder.mkdir(parents=True, exist_ok=True)
    key, root = folder / "key", folder / "root"
    if not key.exists():
        run_tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    shutil.rmtree(root, ignore_errors=True)
    run_tool("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(root), _MIRROR)
    run_tool("sh", "-c", _SETUP, "setup", str(root), f"{key}.pub")
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(next((root / "boot").glob(f"{name}-*")), folder / name)
    made = folder / "base.part"
    made.unlink(missing_ok=True)
    run_tool("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(made), "8G")
    shutil.rmtree(root)
    return made.rename(image)
