"""The reading half of a store: the same SQL and the same structs on every engine."""

from collections.abc import Sequence

from chatproto.models import LogEvent, Message
from chatserver.store import rows, sql
from chatserver.store.areas.area import Area

_END = (1 << 62) - 1
"""Above every seq and every time."""


class Reads(Area):
    """The reading methods of `Store` about logs."""

    # --- logs
    async def events(
        self, chat_id: int, *, before_seq: int | None = None, after_seq: int | None = None, limit: int
    ) -> tuple[list[LogEvent], bool]:
        if after_seq is not None:
            found, more = await self._page(sql.EVENTS_AFTER, chat_id, after_seq, limit)
        else:
            found, more = await self._page(
                sql.EVENTS_BEFORE, chat_id, _END if before_seq is None else before_seq, limit
            )
            found.reverse()
        targets = await self._targets(chat_id, found)
        return [rows.event(chat_id, row, targets) for row in found], more

    async def _targets(self, chat_id: int, page: Sequence[rows.Row]) -> dict[int, Message]:
        """The messages that the `changed` events of a page speak of: one more statement, and only if there are any."""
        seqs = sorted({seq for row in page if (seq := rows.changed_seq(row)) is not None})
        if not seqs:
            return {}
        wanted = sql.padded(seqs)
        found = await self._reader.all(sql.messages_at(len(wanted)), chat_id, *wanted)
        return {row[0]: rows.message(chat_id, row) for row in found}

    async def messages(
        self,
        chat_id: int,
        *,
        before_at: int | None = None,
        before_seq: int | None = None,
        after_seq: int | None = None,
        limit: int,
    ) -> tuple[list[Message], bool]:
        if after_seq is not None:
            found, more = await self._page(sql.MESSAGES_AFTER, chat_id, after_seq, limit)
        else:
            if before_at is not None:
                found, more = await self._page(sql.MESSAGES_BEFORE_TIME, chat_id, before_at, limit)
            else:
                bound = _END if before_seq is None else before_seq
                found, more = await self._page(sql.MESSAGES_BEFORE, chat_id, bound, limit)
            found.reverse()
        return [rows.message(chat_id, row) for row in found], more

    async def _page(self, statement: str, chat_id: int, bound: int, limit: int) -> tuple[list[rows.Row], bool]:
        # One row more than asked for makes "is there more" exact.
        found = list(await self._reader.all(statement, chat_id, bound, limit + 1))
        return found[:limit], len(found) > limit
