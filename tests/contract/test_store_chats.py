"""Users, sessions, chats, seen markers and what the commit listener is told of them."""

import asyncio

import pytest

from chatproto.errors import ChatError
from chatproto.models import ChatCreated, ChatHead
from chatserver.store.base import Commit, SeenMoved, Store
from chatserver.store.interfaces.sessions import SessionRecord
from tests.support.store import NOON, Backend, Commits, make_users, new_message, stored


def session(session_id: int, user_id: int, refresh_hash: bytes = b"one") -> SessionRecord:
    return SessionRecord(
        id=session_id,
        user_id=user_id,
        device="test",
        refresh_hash=refresh_hash,
        previous_hash=None,
        created_at=NOON,
        rotated_at=NOON,
        revoked_at=None,
    )


async def code_of(call: object) -> str:
    """The code of the refusal that an awaitable ends in."""
    with pytest.raises(ChatError) as caught:
        await call  # type: ignore[misc] # any awaitable
    return caught.value.code


async def test_users_are_found_and_listed_in_the_order_of_their_changes(store: Store) -> None:
    """`rev` starts at 1 and grows by one with each user; the list continues after any rev."""
    assert await store.users_rev() == 0
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    assert [anna.rev, bert.rev, cleo.rev] == [1, 2, 3]
    assert await store.users_since(0, 2) == [anna, bert]
    assert await store.users_since(2, 2) == [cleo]
    assert await store.users_since(3, 2) == []
    assert await store.users_rev() == 3
    account = await store.account_by_email("bert@example.org")
    assert account is not None
    assert (account.user, account.password_hash, account.useq) == (bert, "no-password", 0)
    assert await store.account(bert.id) == account
    assert await store.account(bert.id ^ 1) is None
    assert await store.account_by_email("nobody@example.org") is None


async def test_an_email_belongs_to_one_user(store: Store) -> None:
    """Of many attempts at once one succeeds; the refused ones cost the others nothing, not even a rev."""
    commits = Commits(store)
    calls = [store.create_user("same@example.org", f"User {n}", "h") for n in range(10)]
    others = [store.create_user(f"other{n}@example.org", f"Other {n}", "h") for n in range(10)]
    results = await asyncio.gather(*calls, *others, return_exceptions=True)
    refusals = [result for result in results if isinstance(result, ChatError)]
    assert [error.code for error in refusals] == ["emailTaken"] * 9
    assert not [result for result in results[10:] if isinstance(result, BaseException)]
    assert [user.rev for user in await store.users_since(0, 100)] == list(range(1, 12))
    await commits.until(lambda all_: all_[-1].users_rev == 11)


async def test_a_write_that_breaks_fails_alone(store: Store) -> None:
    """A mistake that no check caught is an error for its caller, and the rest of the commit is stored."""
    good, bad = await asyncio.gather(
        store.create_user("good@example.org", "Good", "h"),
        store.create_user("bad@example.org", "\ud800", "h"),
        return_exceptions=True,
    )
    assert isinstance(bad, ChatError)
    assert bad.code == "internal"
    assert await store.users_since(0, 5) == [good]


async def test_a_new_password_ends_the_sessions_in_the_same_commit(store: Store, backend: Backend) -> None:
    """With `revoke_sessions` every live session of the user, and of nobody else, ends and is told once."""
    anna, bert = await make_users(store, "Anna", "Bert")
    for record in (session(1, anna.id), session(2, anna.id), session(3, bert.id), session(4, anna.id)):
        await store.create_session(record)
    await store.revoke_session(4, NOON)
    commits = Commits(store)
    await store.set_password_hash(anna.id, "kept", revoke_sessions=False)
    assert await store.revoked_since(NOON) == [4]
    backend.clock.advance(1)
    await store.set_password_hash(anna.id, "changed", revoke_sessions=True)
    await commits.until(bool)
    assert [commit.revoked for commit in commits.all] == [[1, 2]]
    assert await store.revoked_since(NOON + 1) == [1, 2]
    account = await store.account(anna.id)
    assert account is not None
    assert account.password_hash == "changed"
    assert await code_of(store.set_password_hash(anna.id ^ 1, "x", revoke_sessions=True)) == "userNotFound"


async def test_a_session_rotates_only_from_its_newest_hash(store: Store) -> None:
    """Compare and set: one of many wins; a revoked session does not rotate; revoking twice is told once."""
    [anna] = await make_users(store, "Anna")
    await store.create_session(session(7, anna.id))
    won = await asyncio.gather(*(store.rotate_session(7, b"one", b"two", NOON + n) for n in range(10)))
    assert sorted(won) == [False] * 9 + [True]
    record = await store.session(7)
    assert record is not None
    assert (record.refresh_hash, record.previous_hash, record.device) == (b"two", b"one", "test")
    commits = Commits(store)
    await store.revoke_session(7, NOON + 50)
    await store.revoke_session(7, NOON + 60)
    await store.revoke_session(8, NOON + 60)
    assert not await store.rotate_session(7, b"two", b"three", NOON + 70)
    await commits.until(bool)
    assert [commit.revoked for commit in commits.all] == [[7]]
    record = await store.session(7)
    assert record is not None
    assert record.revoked_at == NOON + 50
    assert await store.session(8) is None
    assert await store.revoked_since(NOON + 51) == []


async def test_one_direct_chat_for_two_people(store: Store) -> None:
    """Opened from either side, many times at once: one chat, each sees the other as the peer."""
    anna, bert = await make_users(store, "Anna", "Bert")
    commits = Commits(store)
    chats = await asyncio.gather(
        *(store.open_direct(anna.id, bert.id) for _ in range(5)),
        *(store.open_direct(bert.id, anna.id) for _ in range(5)),
    )
    assert len({chat.id for chat in chats}) == 1
    assert [chat.peer_id for chat in chats] == [bert.id] * 5 + [anna.id] * 5
    assert (chats[0].kind, chats[0].member_count, chats[0].head, chats[0].head_at) == ("direct", 2, 0, NOON)
    await commits.until(bool)
    assert [len(commit.joined) for commit in commits.all] == [2]
    assert {entry.useq for entry in commits.all[0].joined} == {1}
    assert await code_of(store.open_direct(anna.id, anna.id ^ 1)) == "userNotFound"
    assert await store.chat_ids(anna.id) == [chats[0].id]


async def test_a_group_begins_with_its_creation(store: Store) -> None:
    """The log's first event names title and members; every member is told of the chat before the event."""
    anna, bert, cleo, dora = await make_users(store, "Anna", "Bert", "Cleo", "Dora")
    commits = Commits(store)
    group = await store.create_group(anna.id, "Team", [bert.id, cleo.id, bert.id, anna.id])
    await commits.until(bool)
    [commit] = commits.all
    created = ChatCreated(
        id=f"{group.id}.1", seq=1, at=NOON, sender_id=anna.id, title="Team", member_ids=[anna.id, bert.id, cleo.id]
    )
    assert [part.events for part in commit.chats] == [[created]]
    assert {entry.user_id for entry in commit.joined} == {anna.id, bert.id, cleo.id}
    assert {entry.chat for entry in commit.joined} == {group}
    assert (group.kind, group.title, group.peer_id, group.member_count) == ("group", "Team", None, 3)
    assert (group.head, group.unread) == (1, 0)
    assert await store.events(group.id, limit=5) == ([created], False)
    assert [await store.is_member(user.id, group.id) for user in (anna, bert, cleo, dora)] == [True] * 3 + [False]
    assert await store.chat(dora.id, group.id) is None


async def test_a_group_with_unknown_members_is_not_made(store: Store) -> None:
    """The refusal leaves nothing behind: no chat, no membership, no position in anybody's own log."""
    anna, bert = await make_users(store, "Anna", "Bert")
    commits = Commits(store)
    call = store.create_group(anna.id, "Ghosts", [bert.id, bert.id ^ 1])
    other = store.open_direct(anna.id, bert.id)
    refusal, chat = await asyncio.gather(call, other, return_exceptions=True)
    assert isinstance(refusal, ChatError)
    assert refusal.code == "membersInvalid"
    assert not isinstance(chat, BaseException)
    assert await store.chat_ids(anna.id) == [chat.id]
    await commits.until(bool)
    assert [len(commit.joined) for commit in commits.all] == [2]
    assert (await store.heads(bert.id, 0, []))[0] == 1


async def test_chats_are_listed_by_id(store: Store) -> None:
    """Keyset pages: every chat of the user once, nobody else's."""
    people = await make_users(store, *(f"User{n}" for n in range(8)))
    mine = sorted([(await store.open_direct(people[0].id, peer.id)).id for peer in people[1:]])
    await store.open_direct(people[1].id, people[2].id)
    listed: list[int] = []
    while page := await store.chats(people[0].id, listed[-1] if listed else 0, 3):
        listed += [chat.id for chat in page]
    assert listed == mine == sorted(await store.chat_ids(people[0].id))


async def test_unread_counts_others_messages_after_the_marker(store: Store) -> None:
    """Own messages and other events do not count; the count stops at 1,000."""
    anna, bert = await make_users(store, "Anna", "Bert")
    group = await store.create_group(anna.id, "G", [bert.id])
    await store.append([new_message(anna if n % 3 else bert, f"{n}", chat_id=group.id) for n in range(9)])
    seen_by_bert = await store.chat(bert.id, group.id)
    seen_by_anna = await store.chat(anna.id, group.id)
    assert seen_by_bert is not None
    assert seen_by_anna is not None
    assert (seen_by_bert.unread, seen_by_anna.unread) == (6, 3)
    await store.mark_seen(bert.id, group.id, 4)
    seen_by_bert = await store.chat(bert.id, group.id)
    assert seen_by_bert is not None
    assert (seen_by_bert.seen, seen_by_bert.unread) == (4, 4)
    await store.append([new_message(anna, "more", chat_id=group.id) for _ in range(1_200)])
    seen_by_bert = await store.chat(bert.id, group.id)
    assert seen_by_bert is not None
    assert seen_by_bert.unread == 1_000


async def test_seen_markers_only_move_forward_and_never_past_the_head(store: Store) -> None:
    """Each move is told once with its own position in the user's log; a repeated or lower mark changes nothing."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    chat = await store.open_direct(anna.id, bert.id)
    await store.append([new_message(anna, f"{n}", chat_id=chat.id) for n in range(3)])
    commits = Commits(store)
    for seq in (2, 2, 1, 0, 99, 3):
        await store.mark_seen(bert.id, chat.id, seq)
    await commits.until(lambda all_: len(all_) == 2)
    assert [move for commit in commits.all for move in commit.seen] == [
        SeenMoved(bert.id, chat.id, seq=2, useq=2, unread=1),
        SeenMoved(bert.id, chat.id, seq=3, useq=3, unread=0),
    ]
    assert await code_of(store.mark_seen(cleo.id, chat.id, 1)) == "notMember"
    assert await code_of(store.mark_seen(bert.id, chat.id ^ 1, 1)) == "notMember"


async def test_many_seen_markers_at_once(store: Store) -> None:
    """Marks of many users in many chats in one commit: the highest counts, positions have no duplicates."""
    people = await make_users(store, *(f"User{n}" for n in range(10)))
    groups = [await store.create_group(people[0].id, f"g{n}", [person.id for person in people]) for n in range(4)]
    for group in groups:
        await store.append([new_message(people[0], f"{n}", chat_id=group.id) for n in range(5)])
    commits = Commits(store)
    await asyncio.gather(
        *(store.mark_seen(person.id, group.id, seq) for person in people for group in groups for seq in (3, 6, 2))
    )
    await commits.until(lambda all_: sum(len(commit.seen) for commit in all_) >= 40)
    moves = [move for commit in commits.all for move in commit.seen]
    assert len(moves) == 40
    for person in people:
        own = [move for move in moves if move.user_id == person.id]
        assert sorted(move.useq for move in own) == [5, 6, 7, 8]
        assert {(move.chat_id, move.seq) for move in own} == {(group.id, 6) for group in groups}
        assert (await store.heads(person.id, 8, [(group.id, 6) for group in groups])) == (8, [])


async def test_heads_name_what_a_client_does_not_know(store: Store) -> None:
    """Chats that are unknown, ahead, behind or seen elsewhere are named; what is as the client has it is not."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    with_bert = await store.open_direct(anna.id, bert.id)
    with_cleo = await store.open_direct(anna.id, cleo.id)
    places = stored(await store.append([new_message(bert, f"{n}", chat_id=with_bert.id) for n in range(3)]))
    bert_head = ChatHead(chat_id=with_bert.id, head=3, head_at=places[-1].at, seen=0, unread=3)
    cleo_head = ChatHead(chat_id=with_cleo.id, head=0, head_at=NOON)
    useq, heads = await store.heads(anna.id, 0, [])
    assert useq == 2
    assert sorted(heads, key=lambda head: head.chat_id) == sorted([bert_head, cleo_head], key=lambda h: h.chat_id)
    known = [(with_bert.id, 3), (with_cleo.id, 0)]
    assert await store.heads(anna.id, 2, known) == (2, [])
    assert await store.heads(anna.id, 2, known[:1]) == (2, [cleo_head])
    for wrong in (2, 9):
        assert await store.heads(anna.id, 2, [(with_bert.id, wrong), known[1]]) == (2, [bert_head])
    await store.mark_seen(anna.id, with_bert.id, 1)
    seen_head = ChatHead(chat_id=with_bert.id, head=3, head_at=places[-1].at, seen=1, unread=2)
    assert await store.heads(anna.id, 2, known) == (3, [seen_head])
    assert await store.heads(anna.id, 3, known) == (3, [])
    assert await store.heads(bert.id ^ 1, 0, []) == (0, [])


async def test_callers_wake_before_the_listener_is_told(store: Store) -> None:
    """An author's acknowledgement precedes the fan-out, and commits are told in the order they were made."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    order: list[str] = []

    def told(commit: Commit) -> None:
        order.append(f"told {commit.chats[0].events[0].seq}")

    store.on_commit(told)

    async def send() -> None:
        [place] = stored(await store.append([new_message(anna, "x", chat_id=chat.id)]))
        order.append(f"acknowledged {place.seq}")

    for _ in range(3):
        await send()
    await store.check_writable()
    assert order == [f"{what} {seq}" for seq in (1, 2, 3) for what in ("acknowledged", "told")]


async def test_secrets_are_made_once(backend: Backend) -> None:
    """The same name gives the same 32 bytes, at once and after reopening; another name gives others."""
    async with backend.open() as store:
        found = set(await asyncio.gather(*(store.secret("a") for _ in range(5))))
        assert len(found) == 1
        assert await store.secret("b") not in found
    async with backend.open() as store:
        assert {await store.secret("a")} == found
        assert len(found.pop()) == 32
