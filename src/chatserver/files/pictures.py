"""Measure images and make thumbnails, in short-lived processes that may crash without harm."""

import asyncio
import contextlib
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

THUMBNAIL_SIDE: Final = 320
"""Pixels of a thumbnail's longer side."""
_WORKER: Final = Path(__file__).with_name("picture_worker.py")
_TIMEOUT_S: Final = 20.0
_WAITING_MAX: Final = 32
_ANSWER_MAX_BYTES: Final = 64

_log = logging.getLogger("chatserver.files")


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that can be decoded; pixels as it is to be shown."""

    media_type: str
    width: int
    height: int


class Pictures:
    """Decodes one image at a time. When too many wait, or one takes too long, images stay files like any other."""

    def __init__(self, *, timeout_s: float = _TIMEOUT_S, waiting_max: int = _WAITING_MAX) -> None:
        self._timeout_s = timeout_s
        self._waiting_max = waiting_max
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def shrink(self, source: Path, thumbnail: Path) -> Picture | None:
        """Write a thumbnail (WebP); None if `source` is not an image that can be decoded safely. Idempotent."""
        if self._waiting >= self._waiting_max:
            _log.warning("too many images wait to be decoded; one stays without a thumbnail")
            return None
        self._waiting += 1
        try:
            async with self._turn:
                return await self._decode(source, thumbnail)
        finally:
            self._waiting -= 1

    async def _decode(self, source: Path, thumbnail: Path) -> Picture | None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_WORKER),
            str(source),
            str(thumbnail),
            str(THUMBNAIL_SIDE),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            limit=_ANSWER_MAX_BYTES * 4,
        )
        assert process.stdout is not None
        answer = b""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await process.stdout.read(_ANSWER_MAX_BYTES)
                await process.wait()
        except TimeoutError:
            _log.warning("an image took longer than %.0f s to decode; it stays without a thumbnail", self._timeout_s)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        return _picture(answer) if process.returncode == 0 else None


def _picture(answer: bytes) -> Picture | None:
    parts = answer.decode("ascii", errors="replace").split()
    if len(parts) != 3 or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    return Picture(f"image/{parts[0].lower()}", int(parts[1]), int(parts[2]))
