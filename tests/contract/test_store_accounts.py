"""Accounts in the store: profiles, search, sessions, invitations, reset codes, and what stays of a deleted user."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import replace

import pytest

from chatproto.errors import ChatError
from chatproto.models import MembersChanged
from chatserver.store.base import Store
from chatserver.store.interfaces.invites import OWNER, InviteRecord, ResetCode
from chatserver.store.interfaces.sessions import SessionRecord
from chatserver.store.interfaces.users import ProfileChange
from tests.support.store import NOON, Backend, Commits, make_users, new_message, stored

DAY = 86_400_000_000


async def code_of(call: Awaitable[object]) -> str:
    """The code of the refusal that an awaitable ends in."""
    with pytest.raises(ChatError) as caught:
        await call
    return caught.value.code


def session(session_id: int, user_id: int, used_at: int = NOON) -> SessionRecord:
    return SessionRecord(session_id, user_id, "test", b"%d" % session_id, None, NOON, used_at, None)


def invite(invite_id: int, code_hash: bytes, created_by: int = OWNER, uses: int = 1) -> InviteRecord:
    return InviteRecord(invite_id, code_hash, created_by, NOON, NOON + DAY, uses)


def reset_code(user_id: int, code_hash: bytes = b"code", created_at: int = NOON, tries: int = 3) -> ResetCode:
    return ResetCode(user_id, code_hash, created_at, NOON + DAY, tries)


async def found(store: Store, *words: str, first: int = 0, limit: int = 100) -> list[str]:
    return [one.user.display_name for one in await store.search_users(words, first, ("", 0), limit)]


async def live(store: Store, user_id: int, since: int = 0) -> list[int]:
    return [one.id for one in await store.live_sessions(user_id, since)]


async def test_a_profile_changes_field_by_field_and_moves_the_user_to_the_end_of_the_list(store: Store) -> None:
    """What is not given stays; the same again changes nothing; the listener is told of each new rev."""
    anna, ben = await make_users(store, "Anna", "Ben")
    commits = Commits(store)
    changed = await store.update_profile(anna.id, ProfileChange(display_name="Ann"))
    assert (changed.display_name, changed.status, changed.rev) == ("Ann", "", 3)
    changed = await store.update_profile(anna.id, ProfileChange(status="in the garden"))
    assert (changed.display_name, changed.status, changed.rev) == ("Ann", "in the garden", 4)
    assert await store.update_profile(anna.id, ProfileChange(status="in the garden")) == changed
    assert await store.users_since(0, 5) == [ben, changed]
    await commits.until(lambda all_: len(all_) == 2)
    assert [commit.users_rev for commit in commits.all] == [3, 4]
    assert await code_of(store.update_profile(anna.id ^ 1, ProfileChange(status="x"))) == "userNotFound"


async def test_an_avatar_that_is_no_image_of_ones_own_is_refused(store: Store) -> None:
    """Nothing of such a change is applied."""
    [anna] = await make_users(store, "Anna")
    assert await code_of(store.update_profile(anna.id, ProfileChange(status="x", avatar=5))) == "avatarInvalid"
    assert await store.users_since(0, 5) == [anna]
    assert await store.update_profile(anna.id, ProfileChange(avatar=0)) == anna


async def test_users_are_found_by_the_beginnings_of_their_words(store: Store) -> None:
    """Of name and address, without case and accents; every word must match; each user comes once."""
    for email, name in (
        ("zoe@example.org", "Zoë Ångström"),
        ("jean-luc@ship.example.org", "Jean-Luc Picard"),
        ("o.brien@example.org", "Łukasz O'Brien"),
        ("jan@example.org", "Jan Janssen"),
    ):
        await store.create_user(email, name, "h")
    assert await found(store, "zoe") == await found(store, "angstr") == ["Zoë Ångström"]
    assert (
        await found(store, "luc")
        == await found(store, "jean-l")
        == await found(store, "ship.ex")
        == ["Jean-Luc Picard"]
    )
    assert await found(store, "lukasz") == await found(store, "brien") == ["Łukasz O'Brien"]
    assert await found(store, "jan") == ["Jan Janssen"]
    assert await found(store, "j") == ["Jan Janssen", "Jean-Luc Picard"]
    assert await found(store, "example", "jan", first=1) == await found(store, "example", "jan") == ["Jan Janssen"]
    assert sorted(await found(store, "org")) == sorted(await found(store, "example.org"))
    assert len(await found(store, "org")) == 4
    assert await found(store, "anssen") == await found(store, "jan", "zoe") == await found(store, "janx") == []
    assert await store.count_words("jan", 10) == 3
    assert await store.count_words("jan", 2) == 2


async def test_pages_of_a_search_hold_everybody_once(store: Store) -> None:
    """Each page goes on behind the last place of the one before."""
    names = [f"Same {n:02}" for n in range(20)]
    await asyncio.gather(*(store.create_user(f"same{n}@example.org", name, "h") for n, name in enumerate(names)))
    seen: list[str] = []
    place = ("", 0)
    while page := await store.search_users(["same"], 0, place, 7):
        seen += [one.user.display_name for one in page]
        place = (page[-1].word, page[-1].user.id)
    assert sorted(seen) == names


async def test_a_new_name_is_found_and_the_former_is_not(store: Store) -> None:
    """The words follow the profile in the same commit."""
    [anna] = await make_users(store, "Anna")
    await store.update_profile(anna.id, ProfileChange(display_name="Beatrix"))
    assert await found(store, "bea") == ["Beatrix"]
    assert await found(store, "anna") == ["Beatrix"]  # by the address
    assert await store.add_missing_words(10) == 0


async def test_a_disabled_user_has_no_session_and_gets_none(store: Store) -> None:
    """Disabling ends every session in the same commit; enabling lets new ones begin. Both are idempotent."""
    anna, ben = await make_users(store, "Anna", "Ben")
    for record in (session(1, anna.id), session(2, anna.id), session(3, ben.id)):
        assert await store.create_session(record)
    commits = Commits(store)
    disabled = await store.set_disabled(anna.id, True)
    assert (disabled.disabled, disabled.rev) == (True, 3)
    assert await store.set_disabled(anna.id, True) == disabled
    await commits.until(bool)
    assert [(commit.revoked, commit.users_rev) for commit in commits.all] == [([1, 2], 3)]
    assert not await store.create_session(session(4, anna.id))
    assert await store.session(4) is None
    enabled = await store.set_disabled(anna.id, False)
    assert (enabled.disabled, enabled.rev) == (False, 4)
    assert await store.create_session(session(5, anna.id))
    assert await live(store, ben.id) == [3]


async def test_only_the_words_of_a_deleted_user_stay_in_their_chats(store: Store) -> None:
    """Messages keep an author without name and address; nobody can sign in, find, or newly address them."""
    anna, ben = await make_users(store, "Anna", "Ben")
    chat = await store.open_direct(anna.id, ben.id)
    stored(await store.append([new_message(anna, "hello", chat_id=chat.id)]))
    await store.create_session(session(1, anna.id))
    await store.create_invite(invite(1, b"hash", anna.id))
    await store.put_reset_code(reset_code(anna.id))
    assert not await store.delete_user(anna.id, expected="another hash")
    commits = Commits(store)
    assert await store.delete_user(anna.id, expected="no-password")
    await commits.until(bool)
    assert [(commit.revoked, commit.users_rev) for commit in commits.all] == [([1], 3)]
    account = await store.account(anna.id)
    assert account is not None
    gone = account.user
    assert (gone.email, gone.status, gone.avatar, gone.deleted, gone.rev) == ("", "", None, True, 3)
    assert gone.display_name != "Anna"
    assert await store.users_since(0, 5) == [ben, gone]
    [message], _ = await store.messages(chat.id, limit=5)
    assert (message.sender_id, message.text) == (anna.id, "hello")
    assert await store.account_by_email("anna@example.org") is None
    assert await store.account_by_email(f"deleted:{anna.id}") is None
    assert await found(store, "anna") == await found(store, "deleted") == []
    assert not await store.create_session(session(2, anna.id))
    assert await store.invites(anna.id, NOON, 5) == []
    assert await code_of(store.delete_user(anna.id)) == "userNotFound"
    for refused in (
        store.set_disabled(anna.id, False),
        store.update_profile(anna.id, ProfileChange(status="x")),
        store.set_password_hash(anna.id, "h", revoke_sessions=True),
        store.put_reset_code(reset_code(anna.id)),
        store.open_direct(gone.id, gone.id),
    ):
        assert await code_of(refused) == "userNotFound"
    assert await code_of(store.create_group(ben.id, "Tea", [anna.id])) == "membersInvalid"
    again = await store.create_user("anna@example.org", "Anna", "h")
    assert again.id != anna.id


async def test_a_deleted_user_leaves_every_group(store: Store) -> None:
    """Each group's log says so, and a group that was theirs has another owner."""
    anna, ben, cleo = await make_users(store, "Anna", "Ben", "Cleo")
    own = await store.create_group(anna.id, "Own", [ben.id])
    other = await store.create_group(ben.id, "Other", [anna.id, cleo.id])
    commits = Commits(store)
    await store.delete_user(anna.id)
    for chat, viewer in ((own, ben), (other, cleo)):
        seen = await store.chat(viewer.id, chat.id)
        assert seen is not None
        assert (seen.owner_id, seen.member_count) == (ben.id, chat.member_count - 1)
        [left], _ = await store.events(chat.id, limit=1)
        assert isinstance(left, MembersChanged)
        assert left.removed == [anna.id]
    assert await store.chat_ids(anna.id) == []
    [commit] = await commits.until(bool)
    assert {change.chat_id for change in commit.chats} == {own.id, other.id}


async def test_a_password_is_replaced_only_if_it_is_the_expected_one(store: Store) -> None:
    """Compare and set; the session that asked lives on; an open reset code is void."""
    [anna] = await make_users(store, "Anna")
    for number in (1, 2, 3):
        await store.create_session(session(number, anna.id))
    await store.put_reset_code(reset_code(anna.id))
    change = {"revoke_sessions": True, "keep_session": 2}
    assert not await store.set_password_hash(anna.id, "new", expected="wrong", **change)  # type: ignore[arg-type] # keywords
    assert await live(store, anna.id) == [1, 2, 3]
    assert await store.set_password_hash(anna.id, "new", expected="no-password", **change)  # type: ignore[arg-type] # keywords
    assert await live(store, anna.id) == [2]
    assert not await store.reset_password(anna.email, b"code", "stolen", NOON)


async def test_a_session_begins_only_with_the_password_that_was_checked(store: Store) -> None:
    """A password replaced between the check and the session wins."""
    [anna] = await make_users(store, "Anna")
    assert await store.create_session(session(1, anna.id), password_hash="no-password")
    await store.set_password_hash(anna.id, "new", revoke_sessions=True)
    assert not await store.create_session(session(2, anna.id), password_hash="no-password")
    assert await live(store, anna.id) == []


async def test_the_sessions_used_longest_ago_end_for_a_new_one(store: Store) -> None:
    """At most so many are live; those that end are told like any other."""
    anna, ben = await make_users(store, "Anna", "Ben")
    await store.create_session(session(9, ben.id))
    for number, used in ((1, 10), (2, 30), (3, 20)):
        await store.create_session(session(number, anna.id, NOON + used))
    commits = Commits(store)
    await store.create_session(session(4, anna.id, NOON), most=3)
    assert await live(store, anna.id) == [2, 3, 4]
    await store.create_session(session(5, anna.id, NOON), most=1)
    assert await live(store, anna.id) == [5]
    await commits.until(lambda all_: len(all_) == 2)
    assert [sorted(commit.revoked) for commit in commits.all] == [[1], [2, 3, 4]]
    assert await live(store, ben.id) == [9]


async def test_ones_own_sessions_are_listed_and_ended(store: Store) -> None:
    """Newest use first, without those that ended or were not used for too long; those of others are not there."""
    anna, ben = await make_users(store, "Anna", "Ben")
    for record in (
        session(1, anna.id, NOON + 5),
        session(2, anna.id, NOON + 9),
        session(3, anna.id),
        session(4, ben.id),
    ):
        await store.create_session(record)
    assert await live(store, anna.id) == [2, 1, 3]
    assert await live(store, anna.id, NOON + 5) == [2, 1]
    assert not await store.revoke_session(4, NOON, user_id=anna.id)
    assert not await store.revoke_session(8, NOON, user_id=anna.id)
    assert await store.revoke_session(2, NOON, user_id=anna.id)
    assert await store.revoke_session(2, NOON + 1, user_id=anna.id)
    assert await live(store, anna.id) == [1, 3]
    assert await store.revoke_sessions(anna.id, NOON, keep=3) == 1
    assert await store.revoke_sessions(anna.id, NOON, keep=3) == 0
    assert (await live(store, anna.id), await live(store, ben.id)) == ([3], [4])


async def test_sessions_that_ended_long_ago_are_forgotten_in_bites(store: Store) -> None:
    """Those revoked, or not used, before the given times; nobody else's."""
    [anna] = await make_users(store, "Anna")
    for number in range(1, 7):
        await store.create_session(session(number, anna.id, NOON + number))
    for number in (4, 5, 6):
        await store.revoke_session(number, NOON + 10 * number)
    bounds = {"revoked_before": NOON + 60, "used_before": NOON + 2}
    assert await store.purge_sessions(**bounds, most=2) == 2
    assert await store.purge_sessions(**bounds, most=2) == 1
    assert await store.purge_sessions(**bounds, most=2) == 0
    assert [number for number in range(1, 7) if await store.session(number)] == [2, 3, 6]


async def test_an_invitation_is_used_as_often_as_it_says(store: Store, backend: Backend) -> None:
    """However many come at once; a registration that is refused uses nothing."""
    await store.create_invite(invite(1, b"hash", uses=3))
    await store.create_user("taken@example.org", "Taken", "h")
    assert await code_of(store.create_user("taken@example.org", "Other", "h", invite=b"hash")) == "emailTaken"
    assert await store.invite_is_usable(b"hash", NOON)
    calls = [store.create_user(f"new{n}@example.org", "New", "h", invite=b"hash") for n in range(8)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [result.code for result in results if isinstance(result, ChatError)]
    assert refusals == ["inviteInvalid"] * 5
    assert len(await store.users_since(0, 100)) == 4
    assert not await store.invite_is_usable(b"hash", NOON)
    await store.create_invite(invite(2, b"late"))
    backend.clock.advance(86_400)
    assert not await store.invite_is_usable(b"late", NOON + DAY)
    assert await code_of(store.create_user("late@example.org", "Late", "h", invite=b"late")) == "inviteInvalid"
    assert await code_of(store.create_user("none@example.org", "None", "h", invite=b"none")) == "inviteInvalid"


async def test_invitations_belong_to_their_maker(store: Store) -> None:
    """Each sees and withdraws their own, at most so many are open at a time."""
    anna, ben = await make_users(store, "Anna", "Ben")
    for number, maker in ((1, anna.id), (2, anna.id), (3, ben.id), (4, OWNER)):
        assert await store.create_invite(invite(number, b"%d" % number, maker), most=2)
    assert not await store.create_invite(invite(5, b"5", anna.id), most=2)
    assert ids(await store.invites(anna.id, NOON, 10)) == [1, 2]
    assert ids(await store.invites(OWNER, NOON, 10)) == [4]
    assert await store.invites(anna.id, NOON + DAY, 10) == []
    assert not await store.delete_invite(1, ben.id)
    assert await store.delete_invite(1, anna.id)
    assert not await store.delete_invite(1, anna.id)
    assert await store.create_invite(invite(5, b"5", anna.id), most=2)
    assert await store.purge_invites(NOON, 10) == 0
    assert await store.purge_invites(NOON + DAY, 2) == 2
    assert await store.purge_invites(NOON + DAY, 10) == 2


def ids(records: Sequence[InviteRecord]) -> list[int]:
    return sorted(record.id for record in records)


async def test_a_reset_code_works_once(store: Store) -> None:
    """It replaces the password and ends every session; then it is gone."""
    [anna] = await make_users(store, "Anna")
    await store.create_session(session(1, anna.id))
    assert await store.put_reset_code(reset_code(anna.id))
    assert await store.reset_password(anna.email, b"code", "new", NOON)
    account = await store.account(anna.id)
    assert account is not None
    assert account.password_hash == "new"
    assert await live(store, anna.id) == []
    assert not await store.reset_password(anna.email, b"code", "again", NOON)


async def test_reset_codes_that_do_not_work(store: Store) -> None:
    """Wrong too often, expired, of somebody else, of nobody: the password stays."""
    anna, ben = await make_users(store, "Anna", "Ben")
    await store.put_reset_code(reset_code(anna.id, tries=2))
    assert not await store.reset_password("nobody@example.org", b"code", "new", NOON)
    assert not await store.reset_password(ben.email, b"code", "new", NOON)
    assert not await store.reset_password(anna.email, b"code", "new", NOON + DAY)
    assert not await store.reset_password(anna.email, b"wrong", "new", NOON)
    assert not await store.reset_password(anna.email, b"code", "new", NOON)
    account = await store.account(anna.id)
    assert account is not None
    assert account.password_hash == "no-password"


async def test_a_new_reset_code_replaces_the_former_unless_it_is_too_soon(store: Store) -> None:
    """Only the newest works, and a request does not void a code that is on its way."""
    [anna] = await make_users(store, "Anna")
    await store.put_reset_code(reset_code(anna.id, b"one", NOON))
    assert not await store.put_reset_code(reset_code(anna.id, b"two", NOON + 1), unless_since=NOON)
    assert await store.put_reset_code(reset_code(anna.id, b"two", NOON + 1), unless_since=NOON + 1)
    assert not await store.reset_password(anna.email, b"one", "new", NOON)
    assert await store.reset_password(anna.email, b"two", "new", NOON)
    await store.put_reset_code(replace(reset_code(anna.id), expires_at=NOON))
    assert await store.purge_invites(NOON, 10) == 1
