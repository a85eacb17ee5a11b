"""When users were last there: one row for each, only ever moved forward."""

from collections.abc import Collection, Sequence
from typing import Final

from chatserver.store.areas.area import Area
from chatserver.store.writes import Transaction

_IDS_MAX: Final = 512
"""Users in one reading statement."""

_SAVE: Final = """
    INSERT INTO last_seen (user_id, at) SELECT id, $2 FROM users WHERE id = $1
    ON CONFLICT (user_id) DO UPDATE SET at = excluded.at WHERE excluded.at > last_seen.at"""


class LastSeenArea(Area):
    """See `chatserver.store.interfaces.last_seen.LastSeenStore`."""

    async def save_last_seen(self, seen: Sequence[tuple[int, int]]) -> None:
        async def step(tx: Transaction) -> None:
            await tx.many(_SAVE, seen)

        if seen:
            await self._write(step)

    async def last_seen(self, user_ids: Collection[int]) -> dict[int, int]:
        wanted = list(user_ids)
        found: dict[int, int] = {}
        for start in range(0, len(wanted), _IDS_MAX):
            part = wanted[start : start + _IDS_MAX]
            size = 1 << (len(part) - 1).bit_length()  # few sizes, so that few statements have to be prepared
            rows = await self._reader.all(_look_up(size), *part, *[part[-1]] * (size - len(part)))
            found.update((row[0], row[1]) for row in rows)
        return found


def _look_up(count: int) -> str:
    marks = ", ".join(f"${number}" for number in range(1, count + 1))
    return f"""
        SELECT l.user_id, l.at FROM last_seen l JOIN users u ON u.id = l.user_id
        WHERE u.deleted_at IS NULL AND l.user_id IN ({marks})"""  # noqa: S608 - `marks` are parameter marks
