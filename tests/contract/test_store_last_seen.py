"""When users were last there: only ever later, and only for users who exist."""

import asyncio

from chatserver.store.base import Store
from tests.support.store import NOON, Backend, make_users


async def test_times_are_kept_and_only_move_forward(store: Store) -> None:
    """A later time replaces an earlier one, never the other way round, whatever the order of the writes."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    everybody = [anna.id, bert.id, cleo.id]
    assert await store.last_seen(everybody) == {}
    await store.save_last_seen([(anna.id, NOON), (bert.id, NOON + 5)])
    await asyncio.gather(store.save_last_seen([(anna.id, NOON + 9)]), store.save_last_seen([(bert.id, NOON)]))
    assert await store.last_seen(everybody) == {anna.id: NOON + 9, bert.id: NOON + 5}
    assert await store.last_seen([bert.id]) == {bert.id: NOON + 5}
    assert await store.last_seen([]) == {}


async def test_unknown_users_are_passed_over(store: Store) -> None:
    """They cost the others of the same write nothing."""
    (anna,) = await make_users(store, "Anna")
    await store.save_last_seen([(anna.id ^ 1, NOON), (anna.id, NOON), (anna.id ^ 2, NOON)])
    await store.save_last_seen([])
    assert await store.last_seen([anna.id ^ 1, anna.id, anna.id ^ 2]) == {anna.id: NOON}


async def test_times_survive_the_store(backend: Backend) -> None:
    """They are durable when the call returns."""
    async with backend.open() as store:
        (anna,) = await make_users(store, "Anna")
        await store.save_last_seen([(anna.id, NOON)])
    async with backend.open() as store:
        assert await store.last_seen([anna.id]) == {anna.id: NOON}


async def test_any_number_of_users_may_be_asked_for(store: Store) -> None:
    """More than one statement takes, and each asked for twice."""
    users = await make_users(store, *(f"User{number}" for number in range(5)))
    await store.save_last_seen([(user.id, NOON + number) for number, user in enumerate(users)])
    asked = [user.id for user in users] + list(range(1, 1_300)) + [user.id for user in users]
    assert await store.last_seen(asked) == {user.id: NOON + number for number, user in enumerate(users)}


async def test_a_deleted_user_was_never_seen(store: Store) -> None:
    """What is left of an account does not tell when its person was there."""
    anna, bert = await make_users(store, "Anna", "Bert")
    await store.save_last_seen([(anna.id, NOON), (bert.id, NOON)])
    assert await store.delete_user(anna.id)
    assert await store.last_seen([anna.id, bert.id]) == {bert.id: NOON}
