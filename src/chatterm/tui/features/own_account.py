"""One's own account on the server: profile, password, sessions, invitations, and its end."""

import time
from pathlib import Path
from typing import Final

from msgspec import UNSET, UnsetType

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.rest import Invite, ProfileRequest, SessionInfo
from chatproto.text import normalize_email, normalize_name, normalize_status
from chatterm.client.errors import ClientError
from chatterm.tui import account_changes
from chatterm.tui.dialog import (
    CANCEL,
    Answers,
    Button,
    Dialog,
    PasswordField,
    PickField,
    SwitchField,
    TextField,
    ask,
    confirm,
)
from chatterm.tui.features.feature import Feature
from chatterm.tui.signing import same

_DAYS: Final = limits.INVITE_DAYS_MAX
_USES: Final = limits.INVITE_USES_MAX


class OwnAccount(Feature):
    """Every form asks the server when it is sent; without a connection it says so and stays as it is."""

    # --- profile ---

    async def profile(self, _: str) -> None:
        me = await self.engine.server.me()
        answers = await ask(
            self.app,
            Dialog(
                "Profile",
                f"{me.email}. Others see your name and status.",
                (
                    TextField(name="name", label="Name", value=me.display_name, max_chars=limits.NAME_MAX_CHARS),
                    TextField(name="status", label="Status", value=me.status, max_chars=limits.STATUS_MAX_CHARS),
                    TextField(
                        name="picture",
                        label="Picture",
                        placeholder="the path of an image, or none to take yours away",
                        note="You have one." if me.avatar else "",
                        max_chars=4_096,
                    ),
                ),
                submit=self._save_profile,
                buttons=(
                    Button("save", "Save"),
                    Button("sessions", "Sessions…"),
                    Button("change_password", "Password…"),
                    Button("delete_account", "Delete…", danger=True),
                    Button(CANCEL, "Close"),
                ),
                busy="Saving",
            ),
        )
        if answers is None:
            return
        if answers.button == "save":
            self.tell("Saved.")
        else:
            self.screen.perform(answers.button)

    async def _save_profile(self, answers: Answers) -> Answers:
        if answers.button == "save":
            name, status = normalize_name(answers["name"]), normalize_status(answers["status"])
            wanted = ProfileRequest(
                display_name=name, status=status, avatar=await self._picture(answers["picture"].strip())
            )
            user: User = await self.engine.server.change_profile(wanted)
            assert user.id == self.engine.account.user_id
        return answers

    async def _picture(self, text: str) -> int | UnsetType | None:
        """The file to be one's picture: nothing written leaves it as it is."""
        if not text or text.casefold() == "none":
            return None if text else UNSET
        return (await self.engine.server.upload(_path(text))).id

    # --- password ---

    async def change_password(self, _: str) -> None:
        least = limits.PASSWORD_MIN_CHARS
        done = await ask(
            self.app,
            Dialog(
                "Change your password",
                "All your other sessions end.",
                (
                    PasswordField(name="current", label="Current password"),
                    PasswordField(name="new", label="New password", note=f"At least {least} characters"),
                    PasswordField(name="again", label="The same again"),
                ),
                submit=self._change_password,
                buttons=(Button("change", "Change"), Button(CANCEL, "Cancel")),
                busy="Changing",
            ),
        )
        if done:
            self.tell("Your password was changed.")

    async def _change_password(self, answers: Answers) -> bool:
        new = same(answers["new"], answers["again"])
        if not limits.PASSWORD_MIN_CHARS <= len(new) <= limits.PASSWORD_MAX_CHARS:
            raise ChatError("passwordInvalid")
        await self.engine.server.change_password(answers["current"], new)
        return True

    # --- sessions ---

    async def sessions(self, _: str) -> None:
        while True:
            found = await self.engine.server.sessions()
            answers = await ask(
                self.app,
                Dialog(
                    "Where you are signed in",
                    "",
                    (PickField(name="id", label="", options=tuple((str(each.id), _session(each)) for each in found)),),
                    submit=_as_it_is,
                    buttons=(
                        Button("end", "End it"),
                        Button("others", "End all others", danger=True),
                        Button(CANCEL, "Close"),
                    ),
                ),
            )
            if answers is None:
                return
            if answers.button == "others":
                await self._end_others(len(found) - 1)
            else:
                await self._end(next(each for each in found if str(each.id) == answers["id"]))

    async def _end_others(self, count: int) -> None:
        if count < 1:
            self.tell("There is no other session.")
        elif await confirm(self.app, "End all other sessions?", f"{count:,} devices are signed out.", "End them"):
            await self.engine.server.end_other_sessions()
            self.tell("All other sessions have ended.")

    async def _end(self, session: SessionInfo) -> None:
        if session.current:
            account_changes.begin(self.app, account_changes.sign_out)
        elif await confirm(self.app, "End this session?", _session(session), "End it"):
            await self.engine.server.end_session(session.id)
            self.tell("The session has ended.")

    # --- invitations ---

    async def invitations(self, _: str) -> None:
        while True:
            found = await self.engine.server.invites()
            rows = tuple((str(each.id), _invite(each)) for each in found)
            picks = (PickField(name="id", label="Those that can be used", options=rows),) if rows else ()
            withdraw = (Button("withdraw", "Withdraw it", danger=True),) if rows else ()
            answers = await ask(
                self.app,
                Dialog(
                    "Invitations",
                    "Whoever has the code of one can register on this server. A code is shown once, when it is made.",
                    (
                        *picks,
                        TextField(name="uses", label=f"A new one may be used so many times (1 to {_USES})", value="1"),
                        TextField(name="days", label=f"within so many days (1 to {_DAYS})", value="7"),
                    ),
                    submit=self._change_invites,
                    buttons=(Button("make", "Make one"), *withdraw, Button(CANCEL, "Close")),
                    busy="Asking the server",
                ),
            )
            if answers is None:
                return
            if answers.code:
                await self._show_code(answers)

    async def _change_invites(self, answers: Answers) -> Invite:
        if answers.button == "withdraw":
            await self.engine.server.withdraw_invite(int(answers["id"]))
            return Invite(id=int(answers["id"]), created_at=0, expires_at=0, uses_left=0)
        uses = _number(answers["uses"], _USES, "how many times it may be used")
        days = _number(answers["days"], _DAYS, "within how many days")
        return await self.engine.server.invite(uses=uses, days=days)

    async def _show_code(self, invite: Invite) -> None:
        answers = await ask(
            self.app,
            Dialog(
                "The code of the invitation",
                f"{invite.code}\n\nServer: {self.engine.account.server_url}\n\n"
                "Give both to whom you invite. The code cannot be shown again.",
                submit=_as_it_is,
                buttons=(Button("copy", "Copy the code"), Button(CANCEL, "Close")),
            ),
        )
        if answers is not None:
            self.app.copy_to_clipboard(invite.code)
            self.tell("The code was given to the terminal's clipboard, if it has one.")

    # --- the end ---

    async def delete_account(self, _: str) -> None:
        account = self.engine.account
        done = await ask(
            self.app,
            Dialog(
                "Delete your account",
                f"This deletes {account.email} on {account.server_url} for good. It cannot be undone. What "
                "you wrote stays with those you wrote to, under a deleted account, unless you choose otherwise.",
                (
                    TextField(name="email", label="Type your email to say that you mean it", placeholder=account.email),
                    PasswordField(name="password", label="Password"),
                    SwitchField(name="messages", label="Erase what I wrote, too, for everybody"),
                ),
                submit=self._delete,
                buttons=(Button("delete", "Delete it for good", danger=True), Button(CANCEL, "Cancel")),
                busy="Deleting",
            ),
        )
        if done:
            account_changes.begin(self.app, account_changes.deleted)

    async def _delete(self, answers: Answers) -> bool:
        if normalize_email(answers["email"]) != self.engine.account.email:
            raise ClientError("emailDiffers", "That is not the email of this account.", "Type it as it is shown above.")
        await self.engine.server.delete_account(answers["password"], messages=answers.on("messages"))
        return True


async def _as_it_is(answers: Answers) -> Answers:
    return answers


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _number(text: str, most: int, what: str) -> int:
    if not text.strip().isdecimal() or not 1 <= int(text) <= most:
        raise ClientError("numberInvalid", f"“{text[:20]}” does not say {what}.", f"It is a number from 1 to {most}.")
    return int(text)


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1_000_000))


def _session(session: SessionInfo) -> str:
    this = "● this one: " if session.current else ""
    device = session.device or "unnamed device"
    return f"{this}{device}, used {_day(session.last_used_at)}, since {_day(session.created_at)}"


def _invite(invite: Invite) -> str:
    return f"made {_day(invite.created_at)}, {invite.uses_left} uses left, until {_day(invite.expires_at)}"
