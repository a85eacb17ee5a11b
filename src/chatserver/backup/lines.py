"""A list of lines that may be long: kept in a file without a name, with its digest, in bounded memory."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chatserver.backup.archive import read_all
from chatserver.backup.folder import file_error

_MEMORY_BYTES: Final = 1_048_576


class Lines:
    """Lines that are added one by one and then read as one text. To be closed."""

    def __init__(self, folder: Path) -> None:
        """What does not stay small goes to a file in `folder`, which nobody else sees and no crash leaves behind."""
        self._folder = folder
        self._file = tempfile.SpooledTemporaryFile(_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115 - see `close`
        self._digest = hashlib.sha256()
        self.count = 0
        self.bytes = 0
        self.first: str = ""

    def add(self, line: str) -> None:
        """Add a line, without its end. Raises `NoRoomError`."""
        data = line.encode() + b"\n"
        try:
            self._file.write(data)
        except OSError as error:
            raise file_error(error, self._folder, "written") from error
        self._digest.update(data)
        self.first = self.first or line
        self.count += 1
        self.bytes += len(data)

    def sha256(self) -> str:
        """Of the text, in hex."""
        return self._digest.hexdigest()

    def parts(self) -> Iterator[bytes]:
        """The text, from its beginning."""
        self._file.seek(0)
        yield from read_all(self._file)

    def close(self) -> None:
        """Forget them."""
        self._file.close()
