"""The forms that make an account usable here: login, registration, and a forgotten password."""

from typing import Any, Final

from textual.app import App

from chatproto import limits
from chatterm.client.addresses import parse_server_address
from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.tui.dialog import (
    CANCEL,
    Answers,
    Button,
    Dialog,
    Field,
    PasswordField,
    Stay,
    TextField,
    ask,
    confirm,
)

_ADDRESS: Final = "chat.example.org"


def _fields(server: str, email: str) -> tuple[Field, ...]:
    return (
        TextField(name="server", label="Server", value=server, placeholder=_ADDRESS, max_chars=300),
        TextField(
            name="email",
            label="Email",
            value=email,
            placeholder="you@example.org",
            max_chars=limits.EMAIL_MAX_CHARS,
        ),
    )


async def origin_of(app: App[Any], text: str) -> str:
    """The server that an address names; one that is not encrypted only if the user wants it all the same."""
    if not text.strip():
        raise ClientError("addressInvalid", "The server is missing.", f"Write its address, like {_ADDRESS}.")
    address = parse_server_address(text)
    if address.exposed and not await confirm(
        app,
        "This server is not encrypted",
        f"Everybody on the way to {address.origin} can read your password and messages, and act as you. "
        "Use https unless you know every wire in between.",
        "Send it all the same",
    ):
        raise Stay
    return address.origin


def same(password: str, again: str) -> str:
    """A new password that was typed twice. Raises `ClientError` if it was not the same one."""
    if password != again:
        raise ClientError("passwordsDiffer", "The two new passwords differ.", "Type the same one twice.")
    return password


class LoginDialog(Dialog[Account]):
    """Signs in to a server; from here one can also register, or replace a forgotten password."""

    def __init__(
        self, title: str = "Sign in", text: str = "", *, server: str = "", email: str = "", leave: str = "Cancel"
    ) -> None:
        super().__init__(
            title,
            text,
            (*_fields(server, email), PasswordField(name="password", label="Password")),
            buttons=(
                Button("login", "Sign in"),
                Button("register", "Register"),
                Button("forgotten", "Forgot it?"),
                Button(CANCEL, leave),
            ),
            busy="Signing in",
        )

    async def submit(self, answers: Answers) -> Account:
        from chatterm.client.signing import sign_in  # noqa: PLC0415 - loads the network

        if answers.button == "register":
            return await self._elsewhere(RegisterDialog(answers["server"], answers["email"]))
        if answers.button == "forgotten":
            return await self._elsewhere(ForgottenDialog(answers["server"], answers["email"]))
        origin = await origin_of(self.app, answers["server"])
        return await sign_in(origin, answers["email"], answers["password"])

    async def _elsewhere(self, dialog: Dialog[Account]) -> Account:
        account = await ask(self.app, dialog)
        if account is None:
            raise Stay
        return account


class RegisterDialog(Dialog[Account]):
    """Makes an account."""

    def __init__(self, server: str, email: str) -> None:
        note = f"At least {limits.PASSWORD_MIN_CHARS} characters"
        super().__init__(
            "Make an account",
            "",
            (
                *_fields(server, email),
                TextField(name="name", label="Your name", max_chars=limits.NAME_MAX_CHARS),
                PasswordField(name="password", label="Password", note=note),
                PasswordField(name="again", label="The same again"),
                TextField(
                    name="invite",
                    label="Invitation code",
                    placeholder="if the server asks for one",
                    max_chars=limits.CODE_MAX_CHARS,
                ),
            ),
            buttons=(Button("register", "Register"), Button(CANCEL, "Back")),
            busy="Registering",
        )

    async def submit(self, answers: Answers) -> Account:
        from chatterm.client.signing import register  # noqa: PLC0415 - loads the network

        password = same(answers["password"], answers["again"])
        origin = await origin_of(self.app, answers["server"])
        return await register(origin, answers["email"], answers["name"], password, answers["invite"])


class ForgottenDialog(Dialog[Account]):
    """Replaces a forgotten password with a code, which the server mails or its owner makes, and signs in with it."""

    def __init__(self, server: str, email: str) -> None:
        super().__init__(
            "Forgotten password",
            "Have a code mailed, or ask the server's owner for one. It sets a new password, once.",
            (
                *_fields(server, email),
                TextField(name="code", label="Code", max_chars=limits.CODE_MAX_CHARS),
                PasswordField(name="password", label="New password"),
                PasswordField(name="again", label="The same again"),
            ),
            buttons=(Button("set", "Set and sign in"), Button("mail", "Mail me a code"), Button(CANCEL, "Back")),
            busy="Asking the server",
        )

    async def submit(self, answers: Answers) -> Account:
        from chatterm.client import signing  # noqa: PLC0415 - loads the network

        origin = await origin_of(self.app, answers["server"])
        if answers.button == "mail":
            await signing.request_reset(origin, answers["email"])
            raise Stay("If the server knows this address, a code is on its way to it.")
        if not answers["code"].strip():
            raise ClientError("codeMissing", "The code is missing.", "Have one mailed, or ask the server's owner.")
        password = same(answers["password"], answers["again"])
        await signing.reset_password(origin, answers["email"], answers["code"], password)
        return await signing.sign_in(origin, answers["email"], password)
