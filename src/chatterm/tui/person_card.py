"""The card of a person: name, address, status, whether they are there, and what can be done."""

from collections.abc import Callable
from typing import ClassVar

from textual.widgets import Static

from chatproto.models import Chat, User
from chatproto.text import terminal_safe
from chatterm.client.model import Link, Notice, PresenceChanged, PresenceState
from chatterm.client.ports import Engine
from chatterm.tui.dialog import CANCEL, Answers, Button, Dialog
from chatterm.tui.timeline.localtime import LocalTime


class PersonCard(Dialog[str]):
    """Ends with what was chosen: `message`, `mention`, `invite`, `hand_over` or `kick`; follows who is there."""

    DEFAULT_CSS: ClassVar[str] = """
    PersonCard #box { width: 48; }
    """

    def __init__(self, engine: Engine, user: User, *, group: Chat | None, is_member: bool) -> None:
        """`group` is the one on screen, if it is one and the user of this program is in it."""
        self._engine = engine
        self._user = user
        self._times = LocalTime()
        self._unsubscribe: Callable[[], None] | None = None
        super().__init__(user.display_name, self._facts(), buttons=self._choices(group, is_member=is_member))

    def _choices(self, group: Chat | None, *, is_member: bool) -> tuple[Button, ...]:
        user, own_id = self._user, self._engine.account.user_id
        close = Button(CANCEL, "Close")
        if user.deleted or user.disabled:
            return (close,)
        buttons = [Button("message", "Write a message")]
        if group is not None and not is_member:
            buttons.append(Button("invite", f"Add to {group.title}"))
        else:
            buttons.append(Button("mention", "Mention here"))
        if group is not None and is_member and group.owner_id == own_id and user.id != own_id:
            buttons.append(Button("hand_over", f"Make the owner of {group.title}"))
            buttons.append(Button("kick", f"Remove from {group.title}", danger=True))
        return (*buttons, close)

    async def submit(self, answers: Answers) -> str:
        return answers.button

    def on_mount(self) -> None:
        super().on_mount()
        self._unsubscribe = self._engine.subscribe(self._hear)

    def on_unmount(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        super().on_unmount()

    def _hear(self, notice: Notice) -> None:
        if isinstance(notice, PresenceChanged) and self._user.id in notice.user_ids:
            self.query_one("#text", Static).update(terminal_safe(self._facts(), multiline=True))

    def _facts(self) -> str:
        user = self._user
        if user.deleted:
            return "This account was deleted."
        lines = [user.email, user.status, "This account is disabled." if user.disabled else self._presence()]
        return "\n".join(line for line in lines if line)

    def _presence(self) -> str:
        if self._user.id == self._engine.account.user_id:
            return "That is you."
        if self._engine.status.link is not Link.ONLINE:
            return "· presence unknown while offline"
        state, last_seen = self._engine.presence(self._user.id)
        if state is PresenceState.ONLINE:
            return "● online"
        seen = f", last seen {self._times.moment(last_seen)}" if last_seen else ""
        return f"{'◐ away' if state is PresenceState.AWAY else '○ offline'}{seen}"
