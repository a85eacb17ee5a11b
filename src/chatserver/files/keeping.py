"""Keeps stored content from being removed while somebody copies all of it."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FILE_NAME: Final = "content.lock"


class ContentLock:
    """A kernel lock beside the database: many may keep the content, and nobody removes any of it meanwhile.

    A process that dies lets go of it.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """All content that is there when the block begins stays until its end. Waits for a removal under way."""
        with self._opened() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield

    @contextlib.contextmanager
    def removing(self) -> Iterator[bool]:
        """Whether content may be removed within the block; never waits."""
        with self._opened() as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
