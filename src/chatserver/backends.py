"""Which store the settings ask for: the one place that names the engines."""

from pathlib import Path

from chatserver.store.base import Store
from chatserver.store.sqlite import SqliteStore


async def open_store(data_dir: Path, *, serving: bool, create: bool = True) -> Store:
    """Open the store in `data_dir`; its owner closes it.

    With `serving` this process becomes its one server. Raises `StoreUnusableError`, also when there is no
    database yet and `create` is false.
    """
    return await SqliteStore.open(data_dir, serving=serving, create=create)
