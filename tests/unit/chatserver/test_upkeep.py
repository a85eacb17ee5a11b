"""Upkeep: what has ended long ago is forgotten, what may still be needed is not."""

from chatserver.services.auth import ACCESS_TTL_MAX_S, Authenticator
from chatserver.services.passwords import PasswordPool
from chatserver.services.upkeep import Upkeep
from chatserver.store.base import Store
from chatserver.store.interfaces.invites import OWNER, InviteRecord
from tests.support.store import NOON, Clock, make_users

REFRESH_TTL_S = 10 * 86_400


async def test_ended_sessions_are_forgotten_when_none_of_their_tokens_lives(
    store: Store, pool: PasswordPool, clock: Clock
) -> None:
    """Revoked ones after two days, unused ones two days after they ended; until then a restart refuses their tokens."""
    auth = await Authenticator.open(store, pool, clock=clock, refresh_ttl_s=REFRESH_TTL_S)
    upkeep = Upkeep(store, refresh_ttl_s=REFRESH_TTL_S, clock=clock)
    [anna] = await make_users(store, "Anna")
    ended, unused = [(await auth.start_session(anna, "")).session_id for _ in range(2)]
    await auth.logout(ended)

    async def kept() -> list[int]:
        await upkeep.round()
        return [session_id for session_id in (ended, unused) if await store.session(session_id)]

    assert await kept() == [ended, unused]
    clock.advance(2 * ACCESS_TTL_MAX_S)
    assert await kept() == [ended, unused]
    clock.advance(1)
    assert await kept() == [unused]
    clock.advance(REFRESH_TTL_S)
    assert await kept() == []


async def test_invitations_are_forgotten_when_they_expire(store: Store, clock: Clock) -> None:
    """Bite by bite, however many there are."""
    for number in range(1, 1_203):
        await store.create_invite(InviteRecord(number, b"%d" % number, OWNER, NOON, NOON + number, 1))
    clock.now = NOON + 1_201
    await Upkeep(store, refresh_ttl_s=REFRESH_TTL_S, clock=clock).round()
    assert [record.id for record in await store.invites(OWNER, NOON, 5_000)] == [1_202]
