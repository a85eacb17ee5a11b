"""Erasing the words of people whose accounts are deleted, in steps between which messages are stored."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec.structs import replace

from chatproto.models import Message, Reaction
from chatserver.store import changes
from chatserver.store.areas import users
from chatserver.store.areas.area import Area
from chatserver.store.changes import Place
from chatserver.store.interfaces.erasures import Erasure, Holdings, LogPlace
from chatserver.store.writes import Transaction

_HOLDINGS: Final = """
    SELECT (SELECT COUNT(*) FROM events WHERE sender_id = $1 AND client_id IS NOT NULL AND kind = 'message'),
        (SELECT COUNT(*) FROM files WHERE owner_id = $1),
        (SELECT COALESCE(SUM(bytes), 0) FROM file_usage WHERE owner_id = $1),
        (SELECT COUNT(*) FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.user_id = $1 AND c.kind = 'group'),
        (SELECT COUNT(*) FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.user_id = $1 AND c.kind = 'direct')"""
_BEGIN: Final = """
    INSERT INTO erasures (user_id, asked_at, worked_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO NOTHING"""
_USER: Final = "SELECT deleted_at FROM users WHERE id = $1"
_ERASURES: Final = "SELECT user_id, worked_at, messages, copies, reactions FROM erasures WHERE user_id > 0"
_ERASURE: Final = "SELECT client_id, chat_id, seq FROM erasures WHERE user_id = $1"
_OWN_MESSAGES: Final = """
    SELECT client_id, chat_id, seq, kind FROM events
    WHERE sender_id = $1 AND client_id IS NOT NULL AND client_id > $2 ORDER BY client_id LIMIT $3"""
_ANY_MESSAGE: Final = """
    SELECT 1 FROM events WHERE sender_id = $1 AND client_id IS NOT NULL AND kind = 'message' LIMIT 1"""
_NOTE_MESSAGES: Final = """
    UPDATE erasures SET client_id = $2, messages = messages + $3, worked_at = $4 WHERE user_id = $1"""
_LOOK: Final = """
    SELECT chat_id, seq, CASE WHEN kind = 'message' AND extra LIKE $4 THEN 1 ELSE 0 END FROM events
    WHERE (chat_id, seq) > ($1, $2) ORDER BY chat_id, seq LIMIT $3"""
_NOTE_TRACES: Final = """
    UPDATE erasures SET chat_id = $2, seq = $3, copies = copies + $4, reactions = reactions + $5, worked_at = $6
    WHERE user_id = $1"""
_FORGET_REMOVED: Final = """
    DELETE FROM removed_messages WHERE sender_id = $1 AND client_id IN (
        SELECT client_id FROM removed_messages WHERE sender_id = $1 ORDER BY client_id LIMIT $2)
    RETURNING 1"""
_FORGET: Final = (
    "DELETE FROM user_log WHERE user_id = $1",
    "UPDATE uploads SET expires_at = 0 WHERE owner_id = $1",  # the janitor drops them, and what has arrived
    "DELETE FROM erasures WHERE user_id = $1",
)


class ErasureArea(Area):
    """See `chatserver.store.interfaces.erasures.ErasureStore` for what every method guarantees."""

    async def holdings(self, user_id: int) -> Holdings:
        return Holdings(*(await self._reader.all(_HOLDINGS, user_id))[0])

    async def begin_erasure(self, user_id: int, *, expected: str | None = None, at_work: bool = False) -> bool:
        return await self._write(partial(_begin, user_id=user_id, expected=expected, at_work=at_work))

    async def erasures(self) -> list[Erasure]:
        return [Erasure(*row) for row in await self._reader.all(_ERASURES)]

    async def erase_messages(self, user_id: int, most: int) -> int:
        return await self._write(partial(_erase_messages, user_id=user_id, most=most))

    async def traces(self, user_id: int, looked_at: int) -> tuple[list[LogPlace], LogPlace | None]:
        row = await self._one(_ERASURE, user_id)
        if row is None:
            return [], None
        # Ids are numbers of many digits: what holds the digits is nearly always what is looked for.
        found = await self._reader.all(_LOOK, row[1], row[2], looked_at, f"%{user_id}%")
        places = [LogPlace(place[0], place[1]) for place in found if place[2]]
        return places, LogPlace(found[-1][0], found[-1][1]) if len(found) == looked_at else None

    async def erase_traces(self, user_id: int, places: Sequence[LogPlace], next_place: LogPlace | None) -> None:
        await self._write(partial(_erase_traces, user_id=user_id, places=places, next_place=next_place))

    async def forget_removed(self, user_id: int, most: int) -> int:
        async def step(tx: Transaction) -> int:
            return len(await tx.all(_FORGET_REMOVED, user_id, most))

        return await self._write(step)

    async def finish_erasure(self, user_id: int) -> None:
        async def step(tx: Transaction) -> None:
            for statement in _FORGET:
                await tx.all(statement, user_id)

        await self._write(step)

    async def has_messages(self, user_id: int) -> bool:
        return await self._one(_ANY_MESSAGE, user_id) is not None


async def _begin(tx: Transaction, user_id: int, expected: str | None, at_work: bool) -> bool:
    found = await tx.all(_USER, user_id)
    if (not found or found[0][0] is None) and not await users.delete(tx, user_id, expected):
        return False
    await tx.all(_BEGIN, user_id, tx.now, tx.now if at_work else 0)
    return True


async def _erase_messages(tx: Transaction, user_id: int, most: int) -> int:
    state = await tx.all(_ERASURE, user_id)
    if not state:
        return 0
    own = await tx.all(_OWN_MESSAGES, user_id, state[0][0], most)
    living = [row for row in own if row[3] == "message"]
    for _, chat_id, seq, _ in living:
        await changes.erase(tx, Place(user_id, chat_id, seq))
    if own:
        await tx.all(_NOTE_MESSAGES, user_id, own[-1][0], len(living), tx.now)
    return len(own)


async def _erase_traces(tx: Transaction, user_id: int, places: Sequence[LogPlace], next_place: LogPlace | None) -> None:
    copies = reactions = 0
    for chat_id, seq in places:
        place = Place(user_id, chat_id, seq)
        message = await changes.read(tx, place)
        if message is None or message.deleted:
            continue
        if message.forwarded is not None and message.forwarded.sender_id == user_id:
            await changes.erase(tx, place)
            copies += 1
        else:
            taken_back = _taken_back(message, user_id)
            for emoji, after in taken_back:
                await changes.set_reactions(tx, place, emoji, after)
            reactions += len(taken_back)
    last = next_place or (places[-1] if places else None)
    if last is not None:
        await tx.all(_NOTE_TRACES, user_id, *last, copies, reactions, tx.now)


def _taken_back(message: Message, user_id: int) -> list[tuple[str, list[Reaction]]]:
    """Emoji that the user put under a message, each with the reactions that are left without it."""
    steps = []
    left = list(message.reactions)
    for reaction in message.reactions:
        if user_id in reaction.user_ids:
            others = [other for other in reaction.user_ids if other != user_id]
            at = left.index(reaction)
            left[at : at + 1] = [replace(reaction, user_ids=others)] if others else []
            steps.append((reaction.emoji, list(left)))
    return steps
