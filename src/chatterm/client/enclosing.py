"""Queue a message together with the files it will show, whole or not at all."""

import hashlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from chatproto.text import normalize_file_name
from chatterm.client import spool
from chatterm.client.errors import ClientError
from chatterm.client.model import NOTHING_ENCLOSED, Attachment, Enclosed, OutboxRow, Target
from chatterm.client.outbox import Outbox
from chatterm.client.outbox_uploads import fresh_attachment

if TYPE_CHECKING:
    from chatterm.client.paths import AccountFiles


def queue_with_files(
    account: "AccountFiles",
    target: Target,
    text: str,
    paths: Sequence[Path],
    *,
    client_id: bytes | None = None,
    enclosed: Enclosed = NOTHING_ENCLOSED,
    stop: spool.Stop | None = None,
) -> OutboxRow:
    """Copy files into the spool and queue the message that shows them; all durable on return.

    A crash at any moment leaves the whole message, or nothing but copies that the next sender sweeps away. May take
    as long as copying takes, so not on an event loop; `stop` gives it up in between. `text` is normalised. Idempotent
    by `client_id`, from which those of the uploads follow. Raises `ClientError` as `Spool.copy` and `Outbox.append`
    do, and `tooManyFiles`.
    """
    spool.check_count(paths, len(enclosed.file_ids))
    for path in paths:
        spool.check_file(path)  # all of them before the first is copied
    with closing(Outbox.open(account.outbox)) as outbox, outbox.spool.adding():
        copies = _copies(outbox.spool, paths, stop)
        if client_id is not None:
            copies = _named_after(client_id, copies)
            known = outbox.row(client_id)
            if known is not None and _contents(known.attached) == _contents(copies):
                outbox.spool.remove(copies)
                copies = list(known.attached)
        try:
            return outbox.append(target, text, client_id, enclosed=enclosed, attached=copies)
        except (ClientError, OSError):
            # Only these say that the row is not there. What anything else leaves is swept away if no row names it.
            outbox.spool.remove(copies)
            raise


def _named_after(client_id: bytes, copies: Sequence[Attachment]) -> list[Attachment]:
    """The same files of the same message are the same uploads, and so the same files on the server."""

    def key(number: int, name: str, size: int) -> bytes:
        return hashlib.sha256(b"%s\0%d\0%d\0%s" % (client_id, number, size, name.encode())).digest()[:16]

    return [msgspec.structs.replace(file, key=key(number, file.name, file.size)) for number, file in enumerate(copies)]


def _contents(attached: Sequence[Attachment]) -> list[tuple[str, int]]:
    return [(file.name, file.size) for file in attached]


def _copies(into: spool.Spool, paths: Sequence[Path], stop: spool.Stop | None) -> list[Attachment]:
    """Copies of all files, durable; none of them if one cannot be made."""
    copies: list[Attachment] = []
    try:
        for path in paths:
            attachment = fresh_attachment(normalize_file_name(path.name), 0)
            size = into.copy(path, attachment, stop)
            copies.append(msgspec.structs.replace(attachment, size=size))
        into.sync()
    except BaseException:
        into.remove(copies)
        raise
    return copies
