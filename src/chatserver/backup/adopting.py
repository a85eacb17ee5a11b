"""Takes over a database that was put in place by other means than a restore, such as Litestream."""

import msgspec

from chatserver import backends
from chatserver.backup.contents import ContentReader
from chatserver.backup.errors import BackupUnusableError
from chatserver.settings import Settings
from chatserver.store.offline import Counts, OfflineStore

_SHOWN = 3


class Adopted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A database that has a new epoch."""

    epoch: str
    counts: Counts
    problems: int
    """Stored files that the database names and the disk does not have; not looked for in a bucket."""
    first_problem: str = ""


def adopt(settings: Settings, *, sign_out: bool) -> Adopted:
    """Check the database in the data folder, which nobody may serve, bring it to the newest schema, renew its epoch.

    Raises `BackupUnusableError` if it is damaged, `StoreUnusableError` if it is none, or is in use.
    """
    with backends.unserved(settings.data) as store:
        complaints = store.damage() or store.contradictions()
        if complaints:
            raise BackupUnusableError(f"The database is damaged: {' '.join(complaints[:_SHOWN])} Restore another.")
        count, first = _missing(settings, store)
        epoch = store.renew(sign_out=sign_out)
        return Adopted(epoch=epoch, counts=store.counts(), problems=count, first_problem=first)


def _missing(settings: Settings, store: OfflineStore) -> tuple[int, str]:
    """How many stored files are not there, and the first of them."""
    count, first = 0, ""
    if settings.file_storage == "disk":
        with ContentReader(settings) as reader:
            for stored in store.contents():
                if reader.open(stored.key, 0) is None:
                    count += 1
                    first = first or f"missing {stored.key}"
    return count, first
