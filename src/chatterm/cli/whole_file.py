"""A text file that gets its name only when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from chatterm.client.disk_errors import from_os_error
from chatterm.client.files import sync_folder


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Write within; at the end it is on disk under its name, private (0600), in place of an older one.

    If the block raises, or the process is killed, nothing is there, or the older one. Raises `ClientError`.
    """
    path = path.absolute()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:  # also when cancelled or interrupted: leave no half file behind
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise from_os_error(error, path) from error
