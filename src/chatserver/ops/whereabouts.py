"""Where the server of a data folder is reached: written down while it serves, so that local commands find it."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

_FILE: Final = "serve.json"


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """The process, its URL, and the address that its metrics have of their own, if any."""

    pid: int
    url: str
    metrics: str | None = None


@contextlib.contextmanager
def announced(data: Path, url: str, metrics: str | None) -> Iterator[None]:
    """Written down for as long as the block lasts; a killed process leaves its own behind. Never fails."""
    path = data / _FILE
    here = Whereabouts(pid=os.getpid(), url=url, metrics=metrics)
    with contextlib.suppress(OSError):  # a full disk: commands then ask for the URL
        _replace(path, msgspec.json.encode(here))
    try:
        yield
    finally:
        if find(data) == here:
            path.unlink(missing_ok=True)


def find(data: Path) -> Whereabouts | None:
    """What the server of this folder wrote last; None if it is not known. It may have been killed since."""
    try:
        return msgspec.json.decode((data / _FILE).read_bytes(), type=Whereabouts)
    except (OSError, msgspec.DecodeError):
        return None


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)
