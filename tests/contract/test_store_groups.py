"""What every backend promises about groups: who comes, who goes, who owns, what is told, and in which order."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from chatproto import limits
from chatproto.errors import ChatError, ErrorInfo
from chatproto.frames import ChatSettings
from chatproto.models import Chat, ChatChanged, ChatHead, MembersChanged, User
from chatproto.rest import Member, SettingsPatch
from chatserver.store.base import Commit, LeftUser, SettingsChanged, Store
from tests.support.store import NOON, Commits, make_users, new_message, refused, stored


async def code_of(call: object) -> str:
    """The code of the refusal that an awaitable ends in."""
    with pytest.raises(ChatError) as caught:
        await call  # type: ignore[misc] # any awaitable
    return caught.value.code


async def seen_by(store: Store, user: User, chat: Chat) -> Chat:
    """The chat as a member sees it."""
    found = await store.chat(user.id, chat.id)
    assert found is not None
    return found


async def ids_of(store: Store, viewer: User, chat: Chat) -> set[int]:
    return {member.user_id for member in await store.members(viewer.id, chat.id, 0, 100)}


def members_event(chat: Chat, seq: int, sender: User, at: int, **change: object) -> MembersChanged:
    return MembersChanged(id=f"{chat.id}.{seq}", seq=seq, at=at, sender_id=sender.id, **change)  # type: ignore[arg-type] # fields by name


async def test_any_member_adds_members(store: Store) -> None:
    """Each is told of the chat before the event that added them, which they have seen; the earlier log is theirs."""
    anna, bert, cleo, dora = await make_users(store, "Anna", "Bert", "Cleo", "Dora")
    group = await store.create_group(anna.id, "Team", [bert.id])
    await store.append([new_message(anna, "before", chat_id=group.id)])
    commits = Commits(store)
    added = await store.add_members(bert.id, group.id, [dora.id, cleo.id, anna.id, dora.id])
    assert added == [dora.id, cleo.id]
    await commits.until(bool)
    [commit] = commits.all
    event = members_event(group, 3, bert, NOON + 2, added=[dora.id, cleo.id])
    assert [part.events for part in commit.chats] == [[event]]
    assert [(entry.user_id, entry.useq) for entry in commit.joined] == [(dora.id, 1), (cleo.id, 1)]
    seen = await seen_by(store, dora, group)
    assert [entry.chat for entry in commit.joined] == [seen, seen]
    assert (seen.member_count, seen.head, seen.seen, seen.unread, seen.owner_id) == (4, 3, 3, 0, anna.id)
    assert (await store.events(group.id, limit=1))[0] == [event]
    assert [member async for member in members_of(store, cleo, group)] == sorted(
        [Member(user_id=anna.id), Member(user_id=bert.id), *(Member(user_id=u.id, joined_seq=3) for u in (cleo, dora))],
        key=lambda member: member.user_id,
    )
    assert await store.add_members(cleo.id, group.id, [anna.id, dora.id]) == []
    assert (await seen_by(store, anna, group)).head == 3


async def members_of(store: Store, viewer: User, chat: Chat) -> AsyncIterator[Member]:
    """All members, read in pages of two."""
    after = 0
    while page := await store.members(viewer.id, chat.id, after, 2):
        for member in page:
            yield member
        after = page[-1].user_id


async def test_adding_is_all_or_nothing(store: Store) -> None:
    """One user who does not exist, or one too many, and nobody is added, told, or moved on in their own log."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    group = await store.create_group(anna.id, "Team", [bert.id])
    commits = Commits(store)
    assert await code_of(store.add_members(anna.id, group.id, [cleo.id, cleo.id ^ 1])) == "membersInvalid"
    many = [cleo.id, *range(1, limits.GROUP_MEMBERS_MAX)]
    assert await code_of(store.add_members(anna.id, group.id, many)) == "groupFull"
    assert not await store.is_member(cleo.id, group.id)
    assert await store.heads(cleo.id, 0, []) == (0, [])
    after = await seen_by(store, anna, group)
    assert (after.head, after.member_count) == (1, 2)
    await store.check_writable()
    assert commits.all == []


async def test_an_account_that_ended_is_nobody(store: Store) -> None:
    """It comes into no group and no new direct chat; what there was stays as it is."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    group = await store.create_group(anna.id, "Team", [bert.id])
    chat = await store.open_direct(anna.id, cleo.id)
    await store.delete_user(cleo.id)
    assert await code_of(store.add_members(anna.id, group.id, [cleo.id])) == "membersInvalid"
    assert await code_of(store.create_group(anna.id, "Crew", [cleo.id])) == "membersInvalid"
    assert await code_of(store.open_direct(bert.id, cleo.id)) == "userNotFound"
    assert await store.open_direct(anna.id, cleo.id) == chat
    assert refused(await store.append([new_message(bert, "hello", peer=cleo)])) == ["userNotFound"]


async def test_the_owner_removes_and_everybody_may_leave(store: Store) -> None:
    """The event says who went; the one who went is told where their own log is, and sees nothing of it any more."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    group = await store.create_group(anna.id, "Team", [bert.id, cleo.id])
    assert await code_of(store.remove_member(bert.id, group.id, cleo.id)) == "notOwner"
    commits = Commits(store)
    await store.remove_member(anna.id, group.id, bert.id)
    await store.remove_member(anna.id, group.id, bert.id)
    await store.remove_member(cleo.id, group.id, cleo.id)
    await commits.until(lambda all_: len(all_) == 2)
    gone = [members_event(group, 2, anna, NOON + 1, removed=[bert.id])]
    left = [members_event(group, 3, cleo, NOON + 2, removed=[cleo.id])]
    assert [part.events for commit in commits.all for part in commit.chats] == [gone, left]
    assert [commit.left for commit in commits.all] == [
        [LeftUser(bert.id, group.id, 2)],
        [LeftUser(cleo.id, group.id, 2)],
    ]
    assert (await seen_by(store, anna, group)).member_count == 1
    for call in (
        store.remove_member(bert.id, group.id, bert.id),
        store.remove_member(bert.id, group.id, anna.id),
        store.members(bert.id, group.id, 0, 5),
        store.mark_seen(bert.id, group.id, 1),
        store.add_members(bert.id, group.id, [bert.id]),
        store.hand_over(bert.id, group.id, bert.id),
        store.describe_group(bert.id, group.id, title="Mine"),
        store.set_chat_settings(bert.id, group.id, SettingsPatch(pinned=True)),
    ):
        assert await code_of(call) == "notMember"
    assert refused(await store.append([new_message(bert, "still here?", chat_id=group.id)])) == ["notMember"]
    assert (await store.chat(bert.id, group.id), await store.chats(bert.id, 0, 5)) == (None, [])
    assert await store.heads(bert.id, 0, [(group.id, 1)]) == (2, [])


async def test_ownership_passes_on(store: Store) -> None:
    """Given by the owner to a member, or, when the owner leaves, taken by the member of longest standing."""
    anna, bert, cleo, dora = await make_users(store, "Anna", "Bert", "Cleo", "Dora")
    group = await store.create_group(anna.id, "Team", [bert.id])
    await store.add_members(anna.id, group.id, [dora.id])
    await store.add_members(anna.id, group.id, [cleo.id])
    assert await code_of(store.hand_over(bert.id, group.id, bert.id)) == "notOwner"
    assert await code_of(store.hand_over(anna.id, group.id, cleo.id ^ 1)) == "memberNotFound"
    await store.hand_over(anna.id, group.id, anna.id)
    await store.hand_over(anna.id, group.id, cleo.id)
    assert (await seen_by(store, bert, group)).owner_id == cleo.id
    assert await code_of(store.describe_group(anna.id, group.id, title="Mine")) == "notOwner"
    await store.remove_member(cleo.id, group.id, cleo.id)
    heir, other = sorted((anna, bert), key=lambda user: user.id)
    assert (await seen_by(store, dora, group)).owner_id == heir.id
    await store.remove_member(heir.id, group.id, heir.id)
    await store.remove_member(other.id, group.id, other.id)
    assert (await seen_by(store, dora, group)).owner_id == dora.id
    events, _ = await store.events(group.id, after_seq=3, limit=10)
    assert events == [
        members_event(group, 4, anna, NOON + 3, owner_id=cleo.id),
        members_event(group, 5, cleo, NOON + 4, removed=[cleo.id], owner_id=heir.id),
        members_event(group, 6, heir, NOON + 5, removed=[heir.id], owner_id=other.id),
        members_event(group, 7, other, NOON + 6, removed=[other.id], owner_id=dora.id),
    ]
    await store.remove_member(dora.id, group.id, dora.id)
    assert await store.chat(dora.id, group.id) is None
    assert (await store.events(group.id, after_seq=7, limit=10))[0] == [
        members_event(group, 8, dora, NOON + 7, removed=[dora.id])
    ]


async def test_the_owner_describes_the_group(store: Store) -> None:
    """Only what changes is in the event, and what is as it was makes none."""
    anna, bert = await make_users(store, "Anna", "Bert")
    group = await store.create_group(anna.id, "Team", [bert.id])
    assert await code_of(store.describe_group(bert.id, group.id, title="Team")) == "notOwner"
    await store.describe_group(anna.id, group.id)
    await store.describe_group(anna.id, group.id, title="Team", topic="")
    await store.describe_group(anna.id, group.id, title="Team", topic="Tea")
    await store.describe_group(anna.id, group.id, title="Crew")
    await store.describe_group(anna.id, group.id, title="Club", topic="")
    events, _ = await store.events(group.id, after_seq=1, limit=10)
    assert events == [
        ChatChanged(id=f"{group.id}.2", seq=2, at=NOON + 1, sender_id=anna.id, topic="Tea"),
        ChatChanged(id=f"{group.id}.3", seq=3, at=NOON + 2, sender_id=anna.id, title="Crew"),
        ChatChanged(id=f"{group.id}.4", seq=4, at=NOON + 3, sender_id=anna.id, title="Club", topic=""),
    ]
    after = await seen_by(store, bert, group)
    assert (after.title, after.topic, after.head, after.unread) == ("Club", "", 4, 0)


async def test_a_direct_chat_is_no_group(store: Store) -> None:
    """Its two people stay, and it has no title; strangers cannot tell that it exists."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    chat = await store.open_direct(anna.id, bert.id)
    for user, code in ((anna, "notGroup"), (cleo, "notMember")):
        for call in (
            store.add_members(user.id, chat.id, [cleo.id]),
            store.remove_member(user.id, chat.id, user.id),
            store.hand_over(user.id, chat.id, bert.id),
            store.describe_group(user.id, chat.id, title="Us"),
        ):
            assert await code_of(call) == code
    assert await ids_of(store, anna, chat) == {anna.id, bert.id}
    assert await code_of(store.members(cleo.id, chat.id, 0, 5)) == "notMember"
    assert await store.members(bert.id, chat.id, limits.ID_MAX, 5) == []


async def test_notes_are_a_direct_chat_with_oneself(store: Store) -> None:
    """One member, who is the peer; nothing in it is ever unread."""
    [anna] = await make_users(store, "Anna")
    commits = Commits(store)
    notes = await store.open_direct(anna.id, anna.id)
    assert (notes.kind, notes.peer_id, notes.member_count) == ("direct", anna.id, 1)
    places = stored(await store.append([new_message(anna, "milk", peer=anna), new_message(anna, "tea", peer=anna)]))
    assert [(place.chat_id, place.seq) for place in places] == [(notes.id, 1), (notes.id, 2)]
    assert await store.open_direct(anna.id, anna.id) == await seen_by(store, anna, notes)
    assert (await seen_by(store, anna, notes)).unread == 0
    assert await store.members(anna.id, notes.id, 0, 5) == [Member(user_id=anna.id)]
    await commits.until(lambda all_: len(all_) == 2)
    assert [entry.useq for commit in commits.all for entry in commit.joined] == [1]


async def test_what_is_ones_own(store: Store) -> None:
    """Settings are told to their user alone, with a position; what is as it was is not told, and they
    end with the membership.
    """
    anna, bert = await make_users(store, "Anna", "Bert")
    group = await store.create_group(anna.id, "Team", [bert.id])
    commits = Commits(store)
    await store.set_chat_settings(bert.id, group.id, SettingsPatch())
    await store.set_chat_settings(bert.id, group.id, SettingsPatch(pinned=False, muted_until=0))
    await store.set_chat_settings(bert.id, group.id, SettingsPatch(pinned=True, muted_until=NOON))
    await store.set_chat_settings(bert.id, group.id, SettingsPatch(archived=True))
    await commits.until(lambda all_: len(all_) == 2)
    first = ChatSettings(chat_id=group.id, useq=2, pinned=True, muted_until=NOON)
    second = ChatSettings(chat_id=group.id, useq=3, pinned=True, muted_until=NOON, archived=True)
    assert commits.all == [Commit(settings=[SettingsChanged(bert.id, told)]) for told in (first, second)]
    seen = await seen_by(store, bert, group)
    assert (seen.pinned, seen.muted_until, seen.archived, seen.head) == (True, NOON, True, 1)
    head = ChatHead(chat_id=group.id, head=1, head_at=NOON, pinned=True, muted_until=NOON, archived=True)
    assert await store.heads(bert.id, 2, [(group.id, 1)]) == (3, [head])
    assert await store.heads(bert.id, 3, [(group.id, 1)]) == (3, [])
    other = await seen_by(store, anna, group)
    assert (other.pinned, other.muted_until, other.archived) == (False, 0, False)
    await store.remove_member(bert.id, group.id, bert.id)
    await store.add_members(anna.id, group.id, [bert.id])
    seen = await seen_by(store, bert, group)
    assert (seen.pinned, seen.muted_until, seen.archived, seen.seen) == (False, 0, False, 3)


async def test_what_was_left_is_told_until_one_is_back(store: Store) -> None:
    """After its position only, and never of a chat that the user is in again."""
    anna, bert = await make_users(store, "Anna", "Bert")
    tea, jam = [await store.create_group(anna.id, title, [bert.id]) for title in ("Tea", "Jam")]
    for group in (tea, jam):
        await store.remove_member(anna.id, group.id, bert.id)
    assert set(await store.left_since(bert.id, 2)) == {tea.id, jam.id}
    assert await store.left_since(bert.id, 3) == [jam.id]
    assert await store.left_since(bert.id, 4) == []
    assert await store.left_since(anna.id, 0) == []
    await store.add_members(anna.id, tea.id, [bert.id])
    assert await store.left_since(bert.id, 0) == [jam.id]
    useq, heads = await store.heads(bert.id, 4, [(tea.id, 3)])
    assert (useq, [head.chat_id for head in heads]) == (5, [tea.id])


async def test_removal_and_sends_agree_about_their_order(store: Store) -> None:
    """Whatever meets in one commit: no message of a removed member has a seq above that of the removal."""
    anna, bert = await make_users(store, "Anna", "Bert")
    group = await store.create_group(anna.id, "Team", [bert.id])
    commits = Commits(store)

    async def send(number: int) -> int | None:
        [place] = await store.append([new_message(bert, f"{number}", chat_id=group.id)])
        if isinstance(place, ErrorInfo):
            assert place.code == "notMember"
            return None
        return place.seq

    before = [asyncio.ensure_future(send(number)) for number in range(5)]
    while not any(sending.done() for sending in before):
        await asyncio.sleep(0)
    *after, _ = await asyncio.gather(
        *(send(number) for number in range(5)), store.remove_member(anna.id, group.id, bert.id)
    )
    seqs = [seq for seq in [*(await asyncio.gather(*before)), *after] if seq is not None]
    events, _ = await store.events(group.id, after_seq=1, limit=50)
    [removal] = [event for event in events if isinstance(event, MembersChanged)]
    assert [event.seq for event in events if event is not removal] == sorted(seqs)
    assert all(seq < removal.seq for seq in seqs)
    await commits.until(lambda all_: any(commit.left for commit in all_))
    told = [event.seq for commit in commits.all for part in commit.chats for event in part.events]
    assert told == list(range(2, len(events) + 2))


async def test_comings_and_goings_in_one_commit_are_told_in_their_order(store: Store) -> None:
    """Each step is told by itself: removed, back, a message; positions of the user's own log only rise."""
    anna, bert = await make_users(store, "Anna", "Bert")
    group = await store.create_group(anna.id, "Team", [bert.id])
    commits = Commits(store)
    await asyncio.gather(
        store.remove_member(anna.id, group.id, bert.id),
        store.add_members(anna.id, group.id, [bert.id]),
        store.append([new_message(bert, "back", chat_id=group.id)]),
        store.set_chat_settings(bert.id, group.id, SettingsPatch(pinned=True)),
        store.remove_member(anna.id, group.id, bert.id),
        store.add_members(anna.id, group.id, [bert.id]),
        store.mark_seen(bert.id, group.id, 6),
    )
    await commits.until(lambda all_: any(commit.seen for commit in all_))
    story: list[str] = []
    positions = [1]
    for commit in commits.all:
        story += ["joined" for _ in commit.joined]
        story += [f"{event.seq}" for part in commit.chats for event in part.events]
        story += ["left" for _ in commit.left]
        positions += [entry.useq for entry in commit.joined] + [entry.useq for entry in commit.left]
        positions += [entry.useq for entry in commit.seen]
        positions += [entry.settings.useq for entry in commit.settings]
    assert story == ["2", "left", "joined", "3", "4", "left", "joined", "5", "6"]
    assert all(later == earlier + 1 for earlier, later in pairwise(positions))


async def test_a_full_group_stays_quick(store: Store) -> None:
    """Two thousand members come in one event; one more is refused; each of them is told once."""
    people = await make_users(store, "Anna", "Bert")
    anna, bert = people
    creating = (make_users(store, *(f"u{n}" for n in range(k, limits.GROUP_MEMBERS_MAX, 500))) for k in range(500))
    crowd = [user for users in await asyncio.gather(*creating) for user in users]
    group = await store.create_group(anna.id, "Everybody", [bert.id])
    commits = Commits(store)
    many = [user.id for user in crowd[: limits.GROUP_MEMBERS_MAX - 2]]
    assert await store.add_members(bert.id, group.id, many) == many
    await commits.until(bool)
    [commit] = commits.all
    assert sorted(entry.user_id for entry in commit.joined) == sorted(many)
    assert await code_of(store.add_members(bert.id, group.id, [crowd[-1].id])) == "groupFull"
    assert await store.add_members(bert.id, group.id, many[:5]) == []
    assert (await seen_by(store, crowd[0], group)).member_count == limits.GROUP_MEMBERS_MAX
