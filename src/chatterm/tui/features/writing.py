"""Writing by command: the last message once more, what one does, a shrug."""

from typing import TYPE_CHECKING, Final, cast

from chatproto.models import Message
from chatterm.client.errors import ClientError
from chatterm.client.model import OutboxState
from chatterm.tui.features.feature import Feature

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp

LOOK_BACK: Final = 500
"""Events of a chat among which one's own last message is looked for."""


class Writing(Feature):
    """What the composer does that is more than editing."""

    async def edit_last(self, _: str = "") -> None:
        """Take the newest own message that can be changed into the composer: an unsent one, else one of the log."""
        unsent = self.conversation.unsent()
        if any(row.state is not OutboxState.SENDING for row in unsent):
            self.screen.perform("edit_unsent")
            return
        message = self._last_own()
        if message is None:
            raise ClientError("nothingToEdit", "There is no recent message of yours in this chat.")
        self.conversation.begin_edit(message)

    def _last_own(self) -> Message | None:
        ref, cache = self.conversation.ref, self.engine.cache
        if ref is None or ref.kind != "chat":
            return None
        head, own_id = cache.head(ref.id), self.engine.account.user_id
        events = cache.events(ref.id, max(1, head - LOOK_BACK + 1), head)
        own = (event for event in reversed(events) if isinstance(event, Message) and event.sender_id == own_id)
        return next((event for event in own if event.text and not event.deleted), None)

    async def edit_outside(self, _: str = "") -> None:
        """Write on in the user's own editor."""
        from chatterm.tui.writing.outside import edit_outside  # noqa: PLC0415 - only for those who do

        app = cast("ChatApp", self.screen.app)
        await edit_outside(app, self.conversation.composer, app.folder)

    def start_command(self, _: str = "") -> None:
        """Begin a slash command where the hands expect it, also out of the messages."""
        composer = self.conversation.composer
        composer.focus()
        if composer.editor.is_empty:
            composer.insert("/")

    def say_doing(self, argument: str) -> None:
        """As a command it is a message and never comes here; chosen elsewhere, it is begun."""
        self.conversation.writer.begin_command("me", argument)

    def shrug(self, argument: str) -> None:
        """As above."""
        self.conversation.writer.begin_command("shrug", argument)
