"""A file that remembers how far a reader came in each chat, so that it goes on there after any end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.files import open_lock, try_lock, write_private


class Positions(msgspec.Struct, rename="camel", kw_only=True):
    """The seq up to which each chat was read, in one server's database (`epoch`)."""

    version: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    account: str
    epoch: str = ""
    positions: dict[int, int] = {}


class CursorFile:
    """One reader's positions on disk. Every `save` is whole, durable and private (0600)."""

    def __init__(self, path: Path, account: str) -> None:
        self.path = path
        self._account = account

    def load(self) -> Positions | None:
        """None if the file is not there yet. Raises `ClientError`: `cursorBroken`, or `usage` for another account's."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os_error(error, self.path) from error
        try:
            found = msgspec.json.decode(data, type=Positions)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ClientError(
                "cursorBroken",
                f"{self.path} is no cursor of chatterm: {error}.",
                "Name another file, or remove this one to begin anew.",
            ) from None
        if found.account != self._account:
            raise ClientError(
                "usage", f"{self.path} is the cursor of {found.account}.", "Name another file for this account."
            )
        return found

    def save(self, epoch: str, positions: dict[int, int]) -> None:
        """Raises `ClientError`."""
        write_private(
            self.path, msgspec.json.encode(Positions(account=self._account, epoch=epoch, positions=positions)) + b"\n"
        )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other readers from this file meanwhile. Raises `ClientError` with `cursorInUse`."""
        descriptor = open_lock(self.path.with_name(self.path.name + ".lock"))
        try:
            if not try_lock(descriptor):
                raise ClientError(
                    "cursorInUse", f"Another command reads with {self.path}.", "End it, or name another file."
                )
            yield
        finally:
            os.close(descriptor)
