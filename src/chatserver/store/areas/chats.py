"""Chats and memberships: the same on every engine but for the look-up of heads."""

from abc import abstractmethod
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

from chatproto.errors import ChatError
from chatproto.frames import ChatSettings
from chatproto.models import Chat, ChatHead
from chatproto.rest import Member, SettingsPatch
from chatserver.store import rows, sql
from chatserver.store.areas import membership
from chatserver.store.areas.area import Area
from chatserver.store.base import SettingsChanged
from chatserver.store.writes import Transaction

_MEMBERS: Final = """
    SELECT m.user_id, m.joined_seq FROM members viewer JOIN members m ON m.chat_id = viewer.chat_id
    WHERE viewer.chat_id = $1 AND viewer.user_id = $2 AND m.user_id > $3 ORDER BY m.user_id LIMIT $4"""
_LEFT_SINCE: Final = "SELECT chat_id FROM user_log WHERE user_id = $1 AND kind = 'left' AND useq > $2"
_SETTINGS: Final = "SELECT pinned, muted_until, archived FROM members WHERE chat_id = $1 AND user_id = $2"
_SET_SETTINGS: Final = """
    UPDATE members SET pinned = $3, muted_until = $4, archived = $5 WHERE chat_id = $1 AND user_id = $2"""


class ChatArea(Area):
    """See `chatserver.store.interfaces.chats.ChatStore` for what every method guarantees."""

    @property
    @abstractmethod
    def _heads_statement(self) -> str:
        """Selects `sql.HEAD` for (user, useq, JSON list of "chat:seq"), as `ChatStore.heads` says."""

    async def open_direct(self, user_id: int, peer_id: int) -> Chat:
        found = await self._one(sql.DIRECT_CHAT, *sorted((user_id, peer_id)))
        if found is not None:
            chat_id = found[0]
        else:
            chat_id = await self._write(partial(membership.direct_chat, user_id=user_id, peer_id=peer_id))
        return await self._own_chat(user_id, chat_id)

    async def create_group(self, creator_id: int, title: str, member_ids: Sequence[int]) -> Chat:
        chat_id = await self._write(
            partial(membership.create_group, creator_id=creator_id, title=title, member_ids=member_ids)
        )
        return await self._own_chat(creator_id, chat_id)

    async def add_members(self, actor_id: int, chat_id: int, user_ids: Collection[int]) -> list[int]:
        return await self._write(partial(membership.add_members, actor_id=actor_id, chat_id=chat_id, user_ids=user_ids))

    async def remove_member(self, actor_id: int, chat_id: int, user_id: int) -> None:
        await self._write(partial(membership.remove_member, actor_id=actor_id, chat_id=chat_id, user_id=user_id))

    async def hand_over(self, actor_id: int, chat_id: int, user_id: int) -> None:
        await self._write(partial(membership.hand_over, actor_id=actor_id, chat_id=chat_id, user_id=user_id))

    async def describe_group(
        self, actor_id: int, chat_id: int, *, title: str | None = None, topic: str | None = None
    ) -> None:
        await self._write(
            partial(membership.describe_group, actor_id=actor_id, chat_id=chat_id, title=title, topic=topic)
        )

    async def set_chat_settings(self, user_id: int, chat_id: int, wanted: SettingsPatch) -> None:
        await self._write(partial(_set_settings, user_id=user_id, chat_id=chat_id, wanted=wanted))

    async def chat(self, user_id: int, chat_id: int) -> Chat | None:
        row = await self._one(sql.CHAT_OF_USER, user_id, chat_id)
        return rows.chat(row) if row else None

    async def chats(self, user_id: int, after: int, limit: int) -> list[Chat]:
        return [rows.chat(row) for row in await self._reader.all(sql.CHATS_OF_USER, user_id, after, limit)]

    async def chat_ids(self, user_id: int) -> list[int]:
        return [row[0] for row in await self._reader.all(sql.CHAT_IDS, user_id)]

    async def is_member(self, user_id: int, chat_id: int) -> bool:
        return await self._one(sql.IS_MEMBER, chat_id, user_id) is not None

    async def members(self, viewer_id: int, chat_id: int, after: int, limit: int) -> list[Member]:
        found = await self._reader.all(_MEMBERS, chat_id, viewer_id, after, limit)
        if not found and not await self.is_member(viewer_id, chat_id):
            raise ChatError("notMember")
        return [Member(user_id=user_id, joined_seq=joined_seq) for user_id, joined_seq in found]

    async def heads(self, user_id: int, useq: int, cursors: Sequence[tuple[int, int]]) -> tuple[int, list[ChatHead]]:
        # The position is read before the heads: what moves in between is at worst told twice, never missed.
        row = await self._one(sql.USER_USEQ, user_id)
        known = [f"{chat_id}:{seq}" for chat_id, seq in cursors]
        found = await self._reader.all(self._heads_statement, user_id, useq, rows.to_json(known))
        return (row[0] if row else 0), [rows.chat_head(head) for head in found]

    async def left_since(self, user_id: int, useq: int) -> list[int]:
        return [row[0] for row in await self._reader.all(_LEFT_SINCE, user_id, useq)]

    async def _own_chat(self, user_id: int, chat_id: int) -> Chat:
        chat = await self.chat(user_id, chat_id)
        if chat is None:
            raise ChatError("notMember")
        return chat


async def _set_settings(tx: Transaction, user_id: int, chat_id: int, wanted: SettingsPatch) -> None:
    found = await tx.all(_SETTINGS, chat_id, user_id)
    if not found:
        raise ChatError("notMember")
    before = (bool(found[0][0]), int(found[0][1]), bool(found[0][2]))
    after = (
        before[0] if wanted.pinned is None else wanted.pinned,
        before[1] if wanted.muted_until is None else wanted.muted_until,
        before[2] if wanted.archived is None else wanted.archived,
    )
    if after == before:
        return
    await tx.all(_SET_SETTINGS, chat_id, user_id, *after)
    await tx.all(sql.NEXT_USEQ, user_id)
    await tx.all(sql.LOG_FOR_USER, user_id, chat_id, "settings")
    [(useq,)] = await tx.all(sql.USER_USEQ, user_id)
    settings = ChatSettings(chat_id=chat_id, useq=useq, pinned=after[0], muted_until=after[1], archived=after[2])
    tx.changes.settings.append(SettingsChanged(user_id, settings))
