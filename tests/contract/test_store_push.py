"""Push endpoints and rules, and whom a new message concerns."""

import pytest

from chatproto.errors import ChatError
from chatserver.store.base import Store
from chatserver.store.interfaces.push import PushRecord, PushTarget
from tests.support.store import NOON, Backend, make_users, new_message, stored

POINT, SECRET = b"\x04" + b"p" * 64, b"s" * 16


async def registered(store: Store, user_id: int, endpoint: str, name: str = "phone") -> PushRecord:
    return await store.add_push(user_id, endpoint, POINT, SECRET, name, most=2)


async def test_endpoints_are_kept_in_order_and_taken_over(store: Store, backend: Backend) -> None:
    """The same endpoint again is one endpoint, of whoever came last, with a clean record."""
    anna, bert = await make_users(store, "Anna", "Bert")
    assert not await store.anybody_has_pushes()
    first = await registered(store, anna.id, "https://a")
    assert (first.user_id, first.p256dh, first.auth, first.failing_since) == (anna.id, POINT, SECRET, None)
    backend.clock.advance(1)
    second = await registered(store, anna.id, "https://b")
    assert await store.pushes(anna.id) == [first, second]
    await store.note_push(first.id, failed=True)
    again = await registered(store, bert.id, "https://a", "laptop")
    assert (again.id, again.user_id, again.name, again.failing_since) == (first.id, bert.id, "laptop", None)
    assert (await store.pushes(anna.id), await store.push(first.id)) == ([second], again)
    assert await store.anybody_has_pushes()


async def test_there_is_a_most_for_each_user(store: Store) -> None:
    """Replacing one of them is still possible."""
    anna, bert = await make_users(store, "Anna", "Bert")
    for endpoint in ("https://a", "https://b"):
        await registered(store, anna.id, endpoint)
    with pytest.raises(ChatError) as refusal:
        await registered(store, anna.id, "https://c")
    assert refusal.value.code == "tooManyPushes"
    await registered(store, anna.id, "https://b")
    await registered(store, bert.id, "https://c")


async def test_failures_are_remembered_from_the_first_on(store: Store, backend: Backend) -> None:
    """One success forgets them."""
    (anna,) = await make_users(store, "Anna")
    record = await registered(store, anna.id, "https://a")
    for _ in range(2):
        await store.note_push(record.id, failed=True)
        backend.clock.advance(60)
    failing = await store.push(record.id)
    assert failing is not None
    assert failing.failing_since == NOON
    await store.note_push(record.id, failed=False)
    assert await store.push(record.id) == record
    for _ in range(2):
        await store.remove_push(record.id)
    assert await store.push(record.id) is None


async def test_rules_are_replaced(store: Store) -> None:
    """None until the user has stored some."""
    (anna,) = await make_users(store, "Anna")
    assert await store.push_rules(anna.id) is None
    for rules in ("{}", '{"groups":"all"}'):
        await store.set_push_rules(anna.id, rules)
        assert await store.push_rules(anna.id) == rules


async def test_targets_are_members_with_endpoints_who_have_something_to_see(store: Store) -> None:
    """Not the author of everything, not who has seen it, not who has no endpoint, not a stranger."""
    anna, bert, cleo, dora, eve = await make_users(store, "Anna", "Bert", "Cleo", "Dora", "Eve")
    for number, user in enumerate((anna, bert, cleo, eve)):
        await registered(store, user.id, f"https://{number}")
    group = await store.create_group(anna.id, "garden", [bert.id, cleo.id, dora.id])
    (place,) = stored(await store.append([new_message(anna, "hello", chat_id=group.id)]))
    await store.mark_seen(cleo.id, group.id, place.seq)
    await store.set_push_rules(bert.id, "{}")
    (target,) = await store.push_targets(group.id, place.seq, place.seq)
    assert target == PushTarget(bert.id, direct=False, muted_until=0, mentioned=False, mentioned_all=False, rules="{}")
    assert not await store.has_seen(bert.id, group.id, place.seq)
    assert await store.has_seen(cleo.id, group.id, place.seq)
    assert await store.has_seen(eve.id, group.id, place.seq)
    assert await store.push_targets(group.id, place.seq + 1, place.seq + 1) == []
