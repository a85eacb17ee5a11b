"""`chatserver user` and `chatserver invite` as processes beside a running server."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatproto.errors import CloseCode
from chatproto.frames import Events, UsersChanged
from chatproto.models import MembersChanged
from chatproto.rest import Tokens
from tests.server.test_cli import has_password
from tests.server.test_rest import read, refused
from tests.support.homes import run_command
from tests.support.server import FAST, PASSWORD, RunningServer, running_server


class Owner:
    """Runs commands on the data of a server."""

    def __init__(self, data: Path) -> None:
        self.data = data

    async def run(self, *arguments: str, stdin: str = "", code: int = 0) -> tuple[str, str]:
        """Stdout and stderr of a command that must exit with this code."""
        done = await run_command("chatserver", *arguments, "--data", str(self.data), stdin=stdin)
        assert done.code == code, done.err
        return done.out, done.err


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server that takes people with an invitation, and tells changes at once."""
    async with running_server(tmp_path / "data", FAST, registration="invite") as running:
        yield running


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path / "data")


@pytest.mark.parametrize("command", [("disable",), ("delete", "--yes"), ("passwd", "--generate")])
async def test_what_the_owner_does_ends_sessions_on_the_running_server(
    server: RunningServer, owner: Owner, command: tuple[str, ...]
) -> None:
    """The user's sockets close, tokens are refused, and clients of others hear of the change."""
    anna = await server.person("Anna")
    async with anna.socket() as socket:
        await owner.run("user", command[0], "anna@example.org", *command[1:])
        assert (await socket.closed())[0] == CloseCode.REVOKED
    refused(await anna.http.get("/me"), "sessionRevoked")
    body = {"refreshToken": anna.tokens.refresh_token}
    refused(await server.http.post("/auth/refresh", json=body), "sessionRevoked")


async def test_others_hear_that_an_account_was_disabled_and_enabled(server: RunningServer, owner: Owner) -> None:
    """Each is a change in the list of users."""
    ben = await server.person("Ben")
    anna = await server.user("Anna")
    async with ben.socket() as socket:
        for action in ("disable", "enable"):
            await owner.run("user", action, "anna@example.org")
            await socket.until(UsersChanged)
    assert (await server.application.store.users_rev()) == anna.rev + 2


async def test_members_hear_at_once_that_a_deleted_user_has_left(server: RunningServer, owner: Owner) -> None:
    """The group passes on to who is left, and nobody has to reconnect to learn it."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    group = await anna.group("garden", ben)
    async with ben.socket() as socket:
        await owner.run("user", "delete", "anna@example.org", "--yes")
        frame = await socket.until(Events)
    assert frame.chat_id == group.id
    (event,) = frame.events
    assert isinstance(event, MembersChanged)
    assert (event.removed, event.owner_id) == ([anna.id], ben.id)


async def test_an_account_is_shown_listed_and_deleted(server: RunningServer, owner: Owner) -> None:
    """Data on stdout; a deleted account is in no list; deleting asks first."""
    await server.person("Anna")
    await server.user("Ben")
    await owner.run("user", "disable", "ben@example.org")
    out, _ = await owner.run("user", "show", "ANNA@example.org")
    assert "email\tanna@example.org\n" in out
    assert "state\tenabled\n" in out
    assert out.splitlines()[-1].endswith("\ttest")
    assert json.loads((await owner.run("user", "show", "ben@example.org", "--json"))[0])["disabled"]
    out, _ = await owner.run("user", "list")
    assert out == "anna@example.org\tAnna\nben@example.org\tBen\tdisabled\n"
    _, err = await owner.run("user", "delete", "ben@example.org", code=1)
    assert "--yes" in err
    await owner.run("user", "delete", "ben@example.org", "--yes")
    assert (await owner.run("user", "list"))[0] == "anna@example.org\tAnna\n"
    out, err = await owner.run("user", "reset-code", "ben@example.org", code=1)
    assert out == ""
    assert "no such user" in err


async def test_a_password_is_replaced_from_stdin(server: RunningServer, owner: Owner) -> None:
    """As with `user add`."""
    await server.user("Anna")
    assert await owner.run("user", "passwd", "anna@example.org", "--password-stdin", stdin="new password\n")
    assert await has_password(owner.data, "anna@example.org", "new password")


async def test_codes_of_the_owner_work_on_the_running_server(server: RunningServer, owner: Owner) -> None:
    """A reset code sets a password; an invitation lets somebody in, and is listed and withdrawn."""
    await server.user("Anna")
    code, err = await owner.run("user", "reset-code", "anna@example.org")
    assert code.strip() not in err
    body = {"email": "anna@example.org", "code": code, "newPassword": PASSWORD}
    assert (await server.http.post("/auth/reset", json=body)).status_code == 204
    read(await server.http.post("/auth/login", json={"email": "anna@example.org", "password": PASSWORD}), Tokens)
    invite, err = await owner.run("invite", "--uses", "2", "--days", "1")
    assert invite.strip() not in err
    body = {"email": "new@example.org", "displayName": "New", "password": PASSWORD, "invite": invite}
    read(await server.http.post("/auth/register", json=body), Tokens, 201)
    listed = json.loads((await owner.run("invite", "--list", "--json"))[0])
    assert listed["usesLeft"] == 1
    assert 0 < listed["expiresAt"] - time.time() * 1_000_000 <= 86_400_000_000
    await owner.run("invite", "--withdraw", str(listed["id"]))
    assert (await owner.run("invite", "--list"))[0] == ""
    _, err = await owner.run("invite", "--withdraw", str(listed["id"]), code=1)
    assert "no such invitation" in err
