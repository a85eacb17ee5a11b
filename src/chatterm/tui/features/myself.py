"""What others see of the user: name, status, and whether they are there."""

from typing import TYPE_CHECKING, cast

from chatproto.models import User
from chatproto.rest import ProfileRequest
from chatproto.text import normalize_name, normalize_status, terminal_safe
from chatterm.tui.attendance import Attendance
from chatterm.tui.dialog import Answers, Dialog, TextField, ask
from chatterm.tui.features.feature import Feature

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp


class Myself(Feature):
    """One's own profile; changes need the server."""

    async def change_name(self, argument: str) -> None:
        """Be called otherwise: as given, or as asked for."""
        if argument:
            await self._call(argument)
            return

        async def call(answers: Answers) -> bool:
            await self._call(answers["name"])
            return True

        field = TextField(name="name", label="Name", value=self._me().display_name)
        await ask(self.screen.app, Dialog("Your name", "As others see you.", (field,), submit=call))

    async def _call(self, name: str) -> None:
        user = await self._changed(ProfileRequest(display_name=normalize_name(name)))
        self.tell(f"You are called {terminal_safe(user.display_name)} now.")

    async def set_status(self, argument: str) -> None:
        """Say something under one's name; without a text, it is asked for, and may be empty."""
        if argument:
            await self._say(argument)
            return

        async def say(answers: Answers) -> bool:
            await self._say(answers["status"])
            return True

        field = TextField(name="status", label="Status", value=self._me().status, note="Empty for none.")
        await ask(self.screen.app, Dialog("Your status", "Others see it beside your name.", (field,), submit=say))

    async def _say(self, status: str) -> None:
        user = await self._changed(ProfileRequest(status=normalize_status(status)))
        self.tell(f"Your status: {terminal_safe(user.status)}" if user.status else "You have no status any more.")

    async def go_away(self, argument: str) -> None:
        """Be shown as away until /back, whatever is typed here; a text becomes the status."""
        self._attendance().hold()
        if argument:
            await self._say(argument)
        else:
            self.tell("You are away for others; /back ends it.")

    def come_back(self, _: str = "") -> None:
        """Be there again."""
        self._attendance().release()
        self.tell("You are back.")

    def _attendance(self) -> Attendance:
        return cast("ChatApp", self.screen.app).attendance

    async def _changed(self, profile: ProfileRequest) -> User:
        return await self.patiently(self.engine.server.change_profile(profile))

    def _me(self) -> User:
        account = self.engine.account
        user = self.engine.cache.user(account.user_id)
        return user or User(id=account.user_id, email=account.email, display_name=account.display_name)
