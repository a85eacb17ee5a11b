"""Invitations: codes that let somebody register, made by the server's owner or, where allowed, by any user."""

from typing import Final

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.rest import Invite, InviteRequest, InvitesList
from chatserver.clock import Clock, now_us
from chatserver.services.codes import code_hash, new_code
from chatserver.store.base import Store
from chatserver.store.interfaces.invites import OWNER, InviteRecord
from chatserver.store.writes import random_id

_DAY_US: Final = 86_400_000_000
_LISTED_MAX: Final = 1_000


class Invites:
    """Makes, lists and withdraws invitations. Only the hash of a code is stored."""

    def __init__(self, store: Store, *, by_members: bool = False, clock: Clock = now_us) -> None:
        """`by_members`: whether users may invite."""
        self._store = store
        self._by_members = by_members
        self._clock = clock

    async def create(self, user_id: int, request: InviteRequest) -> Invite:
        """An invitation of a user, with its code. Raises `invitesDisabled` or `tooManyInvites`."""
        if not self._by_members:
            raise ChatError("invitesDisabled")
        invite = await self._create(user_id, request, most=limits.INVITES_MAX)
        if invite is None:
            raise ChatError("tooManyInvites")
        return invite

    async def create_for_owner(self, uses: int, days: int) -> Invite:
        """An invitation of the server's owner, with its code."""
        invite = await self._create(OWNER, InviteRequest(uses=uses, days=days), most=None)
        assert invite is not None  # there is no limit
        return invite

    async def open(self, created_by: int) -> InvitesList:
        """The invitations of one maker that can still be used, the newest thousand."""
        found = await self._store.invites(created_by, self._clock(), _LISTED_MAX)
        return InvitesList(invites=[_shown(record) for record in found])

    async def withdraw(self, created_by: int, invite_id: int) -> None:
        """End an invitation of this maker. Raises `inviteNotFound`."""
        if not await self._store.delete_invite(invite_id, created_by):
            raise ChatError("inviteNotFound")

    async def _create(self, created_by: int, request: InviteRequest, most: int | None) -> Invite | None:
        code, now = new_code(), self._clock()
        record = InviteRecord(
            id=random_id(),
            code_hash=code_hash(code),
            created_by=created_by,
            created_at=now,
            expires_at=now + request.days * _DAY_US,
            uses_left=request.uses,
        )
        return _shown(record, code) if await self._store.create_invite(record, most=most) else None


def _shown(record: InviteRecord, code: str = "") -> Invite:
    return Invite(
        id=record.id,
        created_at=record.created_at,
        expires_at=record.expires_at,
        uses_left=record.uses_left,
        code=code,
    )
