"""One's own account over REST: registering, profile, password, sessions, invitations, and its end."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatproto.errors import CloseCode
from chatproto.frames import Events, UsersChanged
from chatproto.models import MembersChanged, User
from chatproto.rest import Invite, InvitesList, SessionInfo, SessionsList, Tokens, UsersFound, UsersPage
from chatserver.services.accounts import Accounts
from chatserver.services.passwords import PasswordPool
from tests.server.test_rest import read, refused
from tests.support.files import image, noise, put
from tests.support.server import FAST, PASSWORD, Person, RunningServer, running_server

NEW = "another horse"


@pytest.fixture
async def pat(server: RunningServer) -> AsyncIterator[Person]:
    """Somebody with a password."""
    pool = PasswordPool()
    try:
        user = await Accounts(server.application.store, pool).create("pat@example.org", "Pat", PASSWORD)
    finally:
        pool.close()
    yield await server.signed_in(user)


async def login(server: RunningServer, password: str = PASSWORD, email: str = "pat@example.org") -> httpx.Response:
    return await server.http.post("/auth/login", json={"email": email, "password": password, "device": "phone"})


def registration(email: str = "new@example.org", **more: str) -> dict[str, str]:
    return {"email": email, "displayName": "New", "password": PASSWORD, **more}


async def delete(person: Person, path: str, body: dict[str, Any]) -> httpx.Response:
    return await person.http.request("DELETE", path, json=body)


async def test_a_profile_is_changed_in_parts(anna: Person, ben: Person) -> None:
    """Each change is stored in its normal form; what is absent stays; the list of users has it."""
    changed = read(await anna.http.patch("/me", json={"displayName": " Anna\u00a0 Maria "}), User)
    assert (changed.display_name, changed.status) == ("Anna Maria", "")
    changed = read(await anna.http.patch("/me", json={"status": "in the  garden"}), User)
    assert (changed.display_name, changed.status) == ("Anna Maria", "in the garden")
    assert changed.rev > ben.user.rev
    assert read(await anna.http.patch("/me", json={}), User) == changed
    assert read(await anna.http.get("/me"), User) == changed
    page = read(await ben.http.get("/users", params={"since": ben.user.rev}), UsersPage)
    assert page.users == [changed]
    assert read(await anna.http.patch("/me", json={"status": " ", "avatar": None}), User).status == ""


async def test_connected_clients_hear_of_a_changed_profile(tmp_path: Path) -> None:
    """They are told the rev to ask for."""
    async with running_server(tmp_path, FAST) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        async with ben.socket() as socket:
            changed = read(await anna.http.patch("/me", json={"status": "here"}), User)
            await socket.until(UsersChanged, lambda frame: frame.rev == changed.rev)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"displayName": ""}, "nameInvalid"),
        ({"displayName": "a\u202eb"}, "nameInvalid"),
        ({"displayName": None}, "invalidFrame"),
        ({"displayName": "x" * 65}, "invalidFrame"),
        ({"status": "two\x07lines"}, "statusInvalid"),
        ({"status": "x" * 129}, "invalidFrame"),
        ({"status": "fine", "avatar": 5}, "avatarInvalid"),
        ({"avatar": 0}, "invalidFrame"),
        ({"avatar": "x"}, "invalidFrame"),
    ],
)
async def test_profiles_that_are_refused(anna: Person, body: dict[str, Any], code: str) -> None:
    """Nothing of such a request is applied."""
    refused(await anna.http.patch("/me", json=body), code)
    assert read(await anna.http.get("/me"), User) == anna.user


async def test_a_picture_is_an_image_of_ones_own_that_everybody_may_load(anna: Person, eve: Person) -> None:
    """Not another's image, not another kind of file; without it, the image is private again."""
    picture = await put(anna, image("PNG", (8, 8)), "me.png")
    notes = await put(anna, noise(64))
    refused(await eve.http.patch("/me", json={"avatar": picture.id}), "avatarInvalid")
    refused(await anna.http.patch("/me", json={"avatar": notes.id}), "avatarInvalid")
    assert (await eve.http.get(f"/files/{picture.id}")).status_code == 404
    assert read(await anna.http.patch("/me", json={"avatar": picture.id}), User).avatar == picture.id
    assert (await eve.http.get(f"/files/{picture.id}")).status_code == 200
    assert read(await anna.http.patch("/me", json={"avatar": None}), User).avatar is None
    assert (await eve.http.get(f"/files/{picture.id}")).status_code == 404


async def test_people_are_found_in_pages(server: RunningServer, anna: Person) -> None:
    """By beginnings of their words; `next` leads on until there is no more."""
    for n in range(5):
        await server.user(f"Béla{n}")
    seen: list[str] = []
    after = ""
    while True:
        answer = await anna.http.get("/users/search", params={"q": "BELA example", "limit": 2, "after": after})
        page = read(answer, UsersFound)
        seen += [user.display_name for user in page.users]
        if not (after := page.next):
            break
    assert sorted(seen) == [f"Béla{n}" for n in range(5)]
    for nothing in ("anna ben", " ", "\u0301", "\0", "%", "_", "'"):
        assert read(await anna.http.get("/users/search", params={"q": nothing}), UsersFound) == UsersFound(users=[])


@pytest.mark.parametrize(
    "query", ["", "q=", "q=" + "x" * 257, "q=a&after=x", "q=a&after=%C3%A9", "q=a&after=MCA1IGI", "q=a&limit=201"]
)
async def test_searches_that_cannot_be_read(anna: Person, query: str) -> None:
    """Also a place that is not of this query."""
    refused(await anna.http.get(f"/users/search?{query}"), "invalidFrame")


async def test_sessions_are_listed_and_ended_one_by_one(server: RunningServer, pat: Person, eve: Person) -> None:
    """The current one is marked; another's session looks like none; an ended one closes its sockets."""
    other = await server.signed_in(pat.user)
    listed = read(await pat.http.get("/me/sessions"), SessionsList).sessions
    assert {session.id for session in listed} == {pat.tokens.session_id, other.tokens.session_id}
    assert [session.id for session in listed if session.current] == [pat.tokens.session_id]
    assert all(isinstance(session, SessionInfo) and session.device == "test" for session in listed)
    refused(await eve.http.delete(f"/me/sessions/{other.tokens.session_id}"), "sessionNotFound")
    refused(await eve.http.delete("/me/sessions/1"), "sessionNotFound")
    async with other.socket() as socket:
        assert (await pat.http.delete(f"/me/sessions/{other.tokens.session_id}")).status_code == 204
        assert (await socket.closed())[0] == CloseCode.REVOKED
    refused(await other.http.get("/me"), "sessionRevoked")
    assert len(read(await pat.http.get("/me/sessions"), SessionsList).sessions) == 1


async def test_all_other_sessions_end_at_once(server: RunningServer, pat: Person, eve: Person) -> None:
    """The one that asks lives on, and so do other people's."""
    others = [await server.signed_in(pat.user) for _ in range(3)]
    assert (await pat.http.delete("/me/sessions")).status_code == 204
    for other in others:
        refused(await other.http.get("/me"), "sessionRevoked")
    for person in (pat, eve):
        read(await person.http.get("/me"), User)


async def test_the_oldest_session_ends_for_one_too_many(tmp_path: Path) -> None:
    """So nobody collects sessions without end."""
    async with running_server(tmp_path, sessions_max=2) as server:
        first = await server.person("Anna")
        second = await server.signed_in(first.user)
        async with first.socket() as socket:
            third = await server.signed_in(first.user)
            assert (await socket.closed())[0] == CloseCode.REVOKED
        for person in (second, third):
            read(await person.http.get("/me"), User)


async def test_a_new_password_ends_every_other_session(server: RunningServer, pat: Person) -> None:
    """Their sockets close and their tokens are refused; the one that asked goes on; the new password works."""
    other = await server.signed_in(pat.user)
    async with pat.socket() as own, other.socket() as socket:
        body = {"current": PASSWORD, "new": NEW}
        assert (await pat.http.post("/me/password", json=body)).status_code == 204
        assert (await socket.closed())[0] == CloseCode.REVOKED
        await own.say(await pat.direct(pat), "still here")
    refused(
        await server.http.post("/auth/refresh", json={"refreshToken": other.tokens.refresh_token}), "sessionRevoked"
    )
    read(await server.http.post("/auth/refresh", json={"refreshToken": pat.tokens.refresh_token}), Tokens)
    refused(await login(server), "credentialsWrong")
    read(await login(server, NEW), Tokens)


async def test_a_password_is_not_changed_without_the_current_one(server: RunningServer, pat: Person) -> None:
    """Nor to one that cannot be used."""
    refused(await pat.http.post("/me/password", json={"current": NEW, "new": NEW}), "passwordWrong")
    refused(await pat.http.post("/me/password", json={"current": PASSWORD, "new": "short"}), "passwordInvalid")
    read(await login(server), Tokens)


async def test_a_disabled_user_is_told_so_only_with_the_right_password(server: RunningServer, pat: Person) -> None:
    """Their sockets close; whoever guesses learns nothing."""
    async with pat.socket() as socket:
        await server.application.store.set_disabled(pat.id, True)
        assert (await socket.closed())[0] == CloseCode.REVOKED
    refused(await pat.http.get("/me"), "sessionRevoked")
    refused(await login(server, "wrong password"), "credentialsWrong")
    refused(await login(server), "accountDisabled")
    await server.application.store.set_disabled(pat.id, False)
    read(await login(server), Tokens)


async def test_an_account_is_deleted_by_its_owner_alone(server: RunningServer, pat: Person, eve: Person) -> None:
    """With the password; then nobody can sign in, messages keep an author, and the address is free."""
    chat = await eve.direct(pat)
    async with pat.socket() as socket, eve.socket() as reader:
        await socket.say(chat, "remember me")
        refused(await delete(pat, "/me", {"password": NEW}), "passwordWrong")
        assert (await delete(pat, "/me", {"password": PASSWORD})).status_code == 204
        assert (await socket.closed())[0] == CloseCode.REVOKED
        assert (await reader.say(chat, "I do")).error is None
    refused(await pat.http.get("/me"), "sessionRevoked")
    refused(await login(server), "credentialsWrong")
    gone = read(await eve.http.get(f"/users/{pat.id}"), User)
    assert (gone.deleted, gone.email, gone.display_name) == (True, "", "Deleted account")
    messages = (await eve.http.get(f"/chats/{chat.id}/messages")).json()["messages"]
    assert [(message["senderId"], message["text"]) for message in messages] == [
        (pat.id, "remember me"),
        (eve.id, "I do"),
    ]
    refused(
        await eve.http.post("/chats", json={"kind": "group", "title": "Tea", "memberIds": [pat.id]}), "membersInvalid"
    )
    assert (await server.user("pat")).id != pat.id


async def test_the_members_of_a_group_see_a_deleted_user_leave(server: RunningServer, pat: Person, eve: Person) -> None:
    """As an event of its log; the group has another owner."""
    chat = await pat.group("Tea", eve)
    async with eve.socket() as socket:
        assert (await delete(pat, "/me", {"password": PASSWORD})).status_code == 204
        frame = await socket.until(Events)
    [event] = frame.events
    assert isinstance(event, MembersChanged)
    assert (event.removed, event.owner_id) == ([pat.id], eve.id)
    assert (await eve.http.get(f"/chats/{chat.id}")).json()["memberCount"] == 1


async def test_nobody_registers_unless_the_owner_allows_it(server: RunningServer) -> None:
    """That is the default; it does not tell who has an account."""
    await server.user("taken")
    for email in ("new@example.org", "taken@example.org"):
        refused(await server.http.post("/auth/register", json=registration(email)), "registrationClosed")


async def test_an_open_server_takes_registrations(tmp_path: Path) -> None:
    """The answer is a session of the new account; each reason to refuse has its code."""
    async with running_server(tmp_path, registration="open") as server:
        body = registration(" New@Example.org", device="laptop")
        tokens = read(await server.http.post("/auth/register", json=body), Tokens, 201)
        assert (tokens.user.email, tokens.user.display_name) == ("new@example.org", "New")
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        assert read(await server.http.get("/me", headers=headers), User) == tokens.user
        refused(await server.http.post("/auth/register", json=registration("NEW@example.org")), "emailTaken")
        for field, value, code in (
            ("email", "nobody", "emailInvalid"),
            ("displayName", "\x1b", "nameInvalid"),
            ("password", "short", "passwordInvalid"),
        ):
            refused(await server.http.post("/auth/register", json=registration("b@b.org") | {field: value}), code)
        assert len(await server.application.store.users_since(0, 10)) == 1


async def test_an_invitation_lets_one_person_in(tmp_path: Path) -> None:
    """However its code is typed; without one nobody learns whether an address is taken."""
    async with running_server(tmp_path, registration="invite", member_invites=True) as server:
        anna = await server.person("Anna")
        made = read(await anna.http.post("/invites", json={}), Invite, 201)
        assert (made.uses_left, len(made.code)) == (1, 23)
        for wrong in ("", "abc", made.code[:-1]):
            body = registration("anna@example.org", invite=wrong)
            refused(await server.http.post("/auth/register", json=body), "inviteInvalid")
        body = registration("anna@example.org", invite=made.code)
        refused(await server.http.post("/auth/register", json=body), "emailTaken")
        typed = made.code.upper().replace("-", " ")
        read(await server.http.post("/auth/register", json=registration(invite=typed)), Tokens, 201)
        refused(await server.http.post("/auth/register", json=registration("b@b.org", invite=typed)), "inviteInvalid")
        assert read(await anna.http.get("/invites"), InvitesList) == InvitesList(invites=[])


async def test_invitations_are_seen_and_withdrawn_by_their_maker(tmp_path: Path) -> None:
    """The code is shown once; an invitation of others looks like none; twenty may be open."""
    async with running_server(tmp_path, registration="invite", member_invites=True) as server:
        anna, eve = await server.person("Anna"), await server.person("Eve")
        made = [read(await anna.http.post("/invites", json={"uses": 2}), Invite, 201) for _ in range(20)]
        refused(await anna.http.post("/invites", json={}), "tooManyInvites")
        listed = read(await anna.http.get("/invites"), InvitesList).invites
        assert {one.id for one in listed} == {one.id for one in made}
        assert not any(one.code for one in listed)
        assert read(await eve.http.get("/invites"), InvitesList).invites == []
        refused(await eve.http.delete(f"/invites/{made[0].id}"), "inviteNotFound")
        assert (await anna.http.delete(f"/invites/{made[0].id}")).status_code == 204
        refused(await anna.http.delete(f"/invites/{made[0].id}"), "inviteNotFound")
        body = registration(invite=made[0].code)
        refused(await server.http.post("/auth/register", json=body), "inviteInvalid")


@pytest.mark.parametrize("settings", [{"registration": "invite"}, {"registration": "closed", "member_invites": True}])
async def test_users_invite_only_where_the_owner_allows_it(tmp_path: Path, settings: dict[str, Any]) -> None:
    """And never into a server that takes nobody."""
    async with running_server(tmp_path, **settings) as server:
        anna = await server.person("Anna")
        refused(await anna.http.post("/invites", json={}), "invitesDisabled")
