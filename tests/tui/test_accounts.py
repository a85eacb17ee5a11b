"""Accounts: the first login, registration, more than one account, signing out, and one's own account on the server."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from PIL import Image
from textual.pilot import Pilot

from chatproto.models import User
from chatterm.client.accounts import Accounts
from chatterm.client.model import EntryRef, Link
from chatterm.client.paths import account_files
from chatterm.client.session import Session
from chatterm.tui.app import ChatApp
from chatterm.tui.screen import ChatScreen
from tests.support.client import at_home, sign_in
from tests.support.server import FAST, PASSWORD, RunningServer, running_server
from tests.support.tui import Desk, closed_port, press, running_app, wait_until


class Newcomer:
    """Somebody in front of an app that was started without an account."""

    def __init__(self, app: ChatApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def text(self) -> str:
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    async def sees(self, *texts: str) -> None:
        """Wait until all of these are on the screen, on whatever number of lines."""
        await wait_until(
            self.pilot, lambda: all(text in " ".join(self.text.replace("│", " ").split()) for text in texts)
        )

    async def fill(self, *values: str) -> None:
        """Write into the fields, beginning at the one that has the focus."""
        for index, value in enumerate(values):
            await press(self.pilot, *(["tab"] if index else []), *value)

    async def is_online(self) -> None:
        await wait_until(self.pilot, lambda: self.app.engine and self.app.engine.status.link is Link.ONLINE)
        await wait_until(self.pilot, lambda: isinstance(self.app.screen, ChatScreen))


@contextlib.asynccontextmanager
async def newcomer(home: Path) -> AsyncIterator[Newcomer]:
    with at_home(home):
        app = ChatApp(None, None, home)
        home.mkdir(parents=True, exist_ok=True)
        async with app.run_test(size=(90, 40), notifications=True) as pilot:
            yield Newcomer(app, pilot)
            assert app.survival.defects == 0, [problem.details for problem in app.survival.problems]
            await app.close_account()


async def member(server: RunningServer, name: str) -> User:
    """Add somebody with a password."""
    user = await server.user(name)
    code = await server.application.recovery.issue(user.id)
    assert code is not None
    await server.application.recovery.reset(user.email, code, PASSWORD)
    return user


async def test_the_first_start_signs_in_and_says_what_is_wrong_until_then(home: Path, server: RunningServer) -> None:
    """No server there, no chat server, a wrong password: each in words, all that was filled in stays."""
    user = await member(server, "Anna")
    async with newcomer(home) as anna:
        await anna.sees("Welcome to chatterm", "Server", "Email", "Password", "Quit")
        with closed_port() as port:
            await anna.fill(f"127.0.0.1:{port}", "anna", "wrong")
            await anna.pilot.press("enter")
            await anna.sees("✗ That is not an email address")
            await anna.pilot.press("shift+tab", *"@example.org", "enter")
            await anna.sees(f"http://127.0.0.1:{port} cannot be reached: nothing listens there")
        await anna.pilot.press("shift+tab", "ctrl+u", *"http://10.0.0.1", "enter")
        await anna.sees("This server is not encrypted", "Send it all the same")
        await anna.pilot.press("enter")
        await anna.sees("Welcome to chatterm")
        await anna.pilot.press("ctrl+u", *server.url, "enter")
        await anna.sees("✗ Email or password is wrong")
        await anna.pilot.press("tab", "tab", "ctrl+u", *PASSWORD, "enter")
        await anna.is_online()
        await anna.sees("Anna", "● online")
        account = Accounts().default()
        assert account is not None
        assert (account.email, account.server_url) == (user.email, server.url)


async def test_leaving_the_first_form_leaves_the_app(home: Path) -> None:
    async with newcomer(home) as somebody:
        await somebody.sees("Welcome to chatterm")
        await somebody.pilot.press("escape")
        await wait_until(somebody.pilot, lambda: somebody.app.return_code == 3)


async def test_one_registers_with_an_invitation_and_replaces_a_forgotten_password(home: Path, tmp_path: Path) -> None:
    async with running_server(tmp_path / "server", FAST, registration="invite", member_invites=True) as server:
        bela = await server.person("Bela")
        code = (await bela.http.post("/invites", json={})).json()["code"]
        async with newcomer(home) as csilla:
            await csilla.sees("Welcome to chatterm")
            await csilla.pilot.press("tab", "tab", "tab", "tab", "enter")
            await csilla.sees("Make an account", "Invitation code")
            await csilla.fill(server.url, "csilla@example.org", "Csilla", PASSWORD, "something else", "no code")
            await csilla.pilot.press("enter")
            await csilla.sees("✗ The two new passwords differ")
            await csilla.pilot.press("shift+tab", "ctrl+u", *PASSWORD, "enter")
            await csilla.sees("✗ That invitation cannot be used")
            await csilla.pilot.press("tab", "ctrl+u", *code, "enter")
            await csilla.is_online()
            assert csilla.app.engine is not None
            user_id = csilla.app.engine.account.user_id
            assert user_id != bela.id
        reset = await server.application.recovery.issue(user_id)
        assert reset is not None
        with at_home(tmp_path / "other"):
            async with newcomer(tmp_path / "other") as again:
                await again.sees("Welcome to chatterm")
                await again.fill(server.url, "csilla@example.org")
                await again.pilot.press("tab", "tab", "tab", "tab", "enter")
                await again.sees("Forgotten password")
                await again.pilot.press(*reset, "tab", *"a new password", "tab", *"a new password", "enter")
                await again.is_online()


async def test_accounts_are_added_switched_and_signed_out(home: Path, server: RunningServer) -> None:
    """The whole screen belongs to the account; drafts stay with theirs; what is unsent is warned of."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    await anna.direct(bela)
    other = sign_in(home, bela)
    async with signed_in(home, anna.user.display_name, sign_in(home, anna)) as desk:
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.until(lambda: isinstance(desk.screen.conversation.ref, EntryRef))
        await desk.type("for later")
        await desk.press("f4")
        await desk.sees("Accounts", f"{engine_of(desk).account.key}  · open now  · first")
        await desk.press("k", "enter")
        await desk.until(lambda: engine_of(desk).account.key == other.key)
        await desk.until(lambda: engine_of(desk).status.link is Link.ONLINE)
        await desk.sees("Bela")
        assert "for later" not in desk.text
        await desk.press("f4")
        await desk.sees("Accounts")
        await desk.press("j", "enter")
        await desk.until(lambda: engine_of(desk).account.email == anna.user.email)
        await desk.sees("for later")
        desk.screen.perform("sign_out")
        await desk.sees(f"Sign out {engine_of(desk).account.key}?")
        folder = account_files(engine_of(desk).account.key).folder
        await desk.press("space", "enter")
        await desk.until(lambda: engine_of(desk).account.key == other.key)
        await desk.until(lambda: [account.key for account in Accounts().all()] == [other.key])
        assert not folder.exists()
        assert (await anna.http.get("/me")).status_code == 401


async def test_a_session_that_ended_is_begun_again_from_the_status_line(home: Path, server: RunningServer) -> None:
    """The email is filled in, and the same engine goes on."""
    user = await member(server, "Anna")
    anna = await server.signed_in(user)
    async with signed_in(home, "Anna", sign_in(home, anna)) as desk:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        await anna.http.post("/auth/logout")
        await desk.sees("✗ signed out · Ctrl+R signs in again")
        await desk.press("ctrl+r")
        await desk.sees("Sign in again", user.email)
        await desk.press(*PASSWORD, "enter")
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        assert desk.app.engine is desk.engine


@contextlib.asynccontextmanager
async def signed_in(home: Path, _: str, account: object) -> AsyncIterator[Desk]:
    """An app in whose process also the registry lies in `home`; what it opened last is closed."""
    with at_home(home):
        async with running_app(home, account, size=(100, 40)) as desk:  # type: ignore[arg-type]
            yield desk
            await desk.app.close_account()


def engine_of(desk: Desk) -> Session:
    assert isinstance(desk.app.engine, Session)
    return desk.app.engine


async def test_ones_own_account_is_changed_from_the_window(home: Path, tmp_path: Path) -> None:
    """Profile, password, sessions and invitations, then the account's end: each is really done on the server."""
    async with running_server(tmp_path / "server", FAST, registration="invite", member_invites=True) as server:
        user = await member(server, "Anna")
        anna, elsewhere = await server.signed_in(user), await server.signed_in(user)
        async with signed_in(home, "Anna", sign_in(home, anna)) as desk:
            await desk.until(lambda: desk.engine.status.link is Link.ONLINE)

            desk.screen.perform("profile")
            await desk.sees("Profile", user.email)
            await desk.press(*"in the garden", "enter")
            await desk.sees("Saved.")
            assert (await anna.http.get("/me")).json()["status"] == "in the garden"
            Image.new("RGB", (8, 8), "green").save(tmp_path / "me.png")
            desk.screen.perform("profile")
            await desk.sees("Profile", "in the garden", "the path of an image")
            await desk.press(*str(tmp_path / "nothing.png"), "enter")
            await desk.sees("✗", "nothing.png")
            await desk.press("ctrl+u", *str(tmp_path / "me.png"), "enter")
            await desk.until(lambda: len(desk.app.screen_stack) == 1)
            assert (await anna.http.get("/me")).json()["avatar"]

            desk.screen.perform("sessions")
            await desk.sees("Where you are signed in", "this one")
            await desk.press("tab", "tab", "enter")
            await desk.sees("End all other sessions?")
            await desk.press("up", "enter")
            await desk.sees("All other sessions have ended.")
            assert (await elsewhere.http.get("/me")).status_code == 401
            await desk.press("escape")

            desk.screen.perform("change_password")
            await desk.sees("Current password")
            await desk.press(*"wrong", "tab", *"new password", "tab", *"new password", "enter")
            await desk.sees("✗ That is not your current password")
            await desk.press("up", "up", "ctrl+u", *PASSWORD, "enter")
            await desk.sees("Your password was changed.")

            desk.screen.perform("invitations")
            await desk.sees("Invitations", "so many times")
            await desk.press("ctrl+u", "0", "enter")
            await desk.sees("does not say how many times")
            await desk.press("ctrl+u", "2", "enter")
            await desk.sees("The code of the invitation", server.url)
            await desk.press("escape")
            await desk.sees("2 uses left")
            assert [each["usesLeft"] for each in (await anna.http.get("/invites")).json()["invites"]] == [2]
            await desk.press("shift+tab", "tab", "tab", "tab", "tab", "enter")
            await desk.until(lambda: "2 uses left" not in desk.text)
            await desk.press("escape")

            desk.screen.perform("delete_account")
            await desk.sees("Delete your account")
            await desk.press(*"else@example.org", "tab", *"new password", "enter")
            await desk.sees("✗ That is not the email")
            await desk.press("up", "ctrl+u", *user.email, "enter")
            await desk.sees("Welcome to chatterm")
            assert Accounts().all() == []
            assert (await anna.http.get("/me")).status_code == 401
