"""Hears what arrives, and tells of what is worth it by the means that the user has chosen."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from textual.timer import Timer

from chatproto.models import Message, MessageChanged
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import ConnectionChanged, EntriesChanged, EntryRef, EventsStored, Link, Notice
from chatterm.client.settings import Notifications
from chatterm.client.uistate import UiState
from chatterm.tui.notices import sequences
from chatterm.tui.notices.desktop import Desktop, found_tool
from chatterm.tui.notices.disturbing import Disturbing
from chatterm.tui.notices.gathering import Gathering, Item, Told, summary
from chatterm.tui.notices.rules import News, Unread, is_worth_telling, missed
from chatterm.tui.notices.toast import NewsToast
from chatterm.tui.window import Window

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp
    from chatterm.tui.screen import ChatScreen

SETTLE_S: Final = 2.0
"""What comes so soon after a connection began was said while this device was away: it is summed up."""
LOOKED_AT: Final = 50
"""Of messages that arrive together, so many of the newest are looked at."""
CHATS_MAX: Final = 10_000
"""Chats with something unread that are compared when a connection comes back."""
UNKNOWN_MAX: Final = 50
KEPT_OUTSIDE: Final = 32
"""Notifications outside the window that could still be withdrawn."""
_LOOK_EVERY_S: Final = 30.0


class Notifier:
    """Belongs to one chat screen; begins with `start`."""

    def __init__(
        self, app: "ChatApp", screen: "ChatScreen", state: UiState, environment: Mapping[str, str] = os.environ
    ) -> None:
        self._app = app
        self._screen = screen
        self._engine = screen.engine
        self._environment = environment
        self._window = Window(app)
        self.disturbing = Disturbing(state)
        self._gathering = Gathering(time.monotonic)
        self._timer: Timer | None = None
        self._toast: NewsToast | None = None
        self._desktop: Desktop | None = None
        self._tool = found_tool(environment)
        self._outside: dict[int, int] = {}
        """Numbers of notifications outside the window, by chat."""
        self._unknown: dict[int, tuple[int, int]] = {}
        """First and last seq that arrived of chats of which nothing else is known yet."""
        self._number = 0
        self._knows_focus = False
        self._before: dict[int, Unread] | None = None
        """What was unread when this device was last up to date; None while it is online."""

    @property
    def _chosen(self) -> Notifications:
        return self._app.settings.notifications

    def start(self) -> None:
        """Begin to listen. What was unread already is no news."""
        self._before = self._unread()
        self._engine.subscribe(self._hear)
        self._screen.watch(self._app, "app_focus", self._focus_changed, init=False)
        self._screen.set_interval(_LOOK_EVERY_S, self.show_quiet)
        self.show_quiet()

    def show_quiet(self) -> None:
        """Have the status line say whether news are told."""
        self._screen.status.show_quiet(self.disturbing.words(self._chosen))

    def _focus_changed(self, _: bool) -> None:
        self._knows_focus = True  # the terminal says when it has the focus

    # --- what is heard ---

    def _hear(self, notice: Notice) -> None:
        match notice:
            case EventsStored(live=True):
                if self._before is None:
                    self._arrived(notice.chat_id, notice.first_seq, notice.last_seq)
            case EntriesChanged(refs):
                self._read_elsewhere(refs)
            case ConnectionChanged(status):
                self._connection_changed(status.link)
            case _:
                pass

    def _connection_changed(self, link: Link) -> None:
        if link is Link.ONLINE:
            self._screen.set_timer(SETTLE_S, self._settled)
        elif self._before is None:
            self._before = self._unread()

    def _settled(self) -> None:
        """One line tells of all that was missed, now that this device is up to date again."""
        before = self._before
        if before is None or self._engine.status.link is not Link.ONLINE:
            return
        self._before = None
        now = {chat_id: unread for chat_id, unread in self._unread().items() if not self._is_looked_at(chat_id)}
        messages, chats, urgent = missed(before, now, self._chosen)
        if messages and self.disturbing.is_allowed(self._chosen):
            self._tell(summary(messages, chats, urgent))

    def _unread(self) -> dict[int, Unread]:
        try:
            chats = self._engine.cache.unread_chats(CHATS_MAX)
        except ClientError:  # who cannot read the cache is told so where the messages are drawn
            return {}
        now = time.time() * 1_000_000
        return {
            each.id: Unread(each.unread, each.mentions, each.kind == "direct", each.muted_until > now) for each in chats
        }

    def _is_looked_at(self, chat_id: int) -> bool:
        ref = self._screen.conversation.ref
        return self._app.app_focus and self._app.screen is self._screen and ref == EntryRef("chat", chat_id)

    def _arrived(self, chat_id: int, first: int, last: int) -> None:
        if self._is_looked_at(chat_id) or not self.disturbing.is_allowed(self._chosen):
            return
        if (
            self._engine.cache.entry(EntryRef("chat", chat_id)) is None
        ):  # somebody's first message: who it is comes next
            if len(self._unknown) < UNKNOWN_MAX:
                self._unknown[chat_id] = (min(first, self._unknown.get(chat_id, (first, last))[0]), last)
            return
        try:
            events = self._engine.cache.events(chat_id, max(first, last - LOOKED_AT + 1), last)
            items = [item for event in events if (item := self._item(chat_id, event)) is not None]
        except ClientError:  # who cannot read the cache is told so where the messages are drawn
            return
        for item in items:
            self._gathering.add(item)
        if items:
            self._tell_soon()

    def _item(self, chat_id: int, event: object) -> Item | None:
        """What is to be told of an event, if it is worth it."""
        own_id = self._engine.account.user_id
        entry = self._engine.cache.entry(EntryRef("chat", chat_id))
        if entry is None or entry.has_left or not isinstance(event, Message | MessageChanged):
            return None
        is_muted = entry.muted_until > time.time() * 1_000_000
        place = {"direct": entry.peer_id is not None, "muted": is_muted}
        if isinstance(event, MessageChanged):
            reaction = event.change == "reacted" and event.message.sender_id == own_id
            news = News(own=event.sender_id == own_id or not reaction, reaction=reaction, **place)
            text = f"{event.emoji} to: {event.message.text}"
        else:
            seen = event.deleted or event.seq <= self._engine.cache.seen(chat_id)
            news = News(
                own=event.sender_id == own_id,
                named=own_id in event.mentions,
                everybody=event.mention_all,
                answers=self._is_answer(chat_id, event, own_id),
                seen=seen,
                **place,
            )
            text = event.text or (f"sent {event.files[0].name}" if event.files else "forwarded a message")
        if not is_worth_telling(news, self._chosen, disturb=True):
            return None
        user = self._engine.cache.user(event.sender_id)
        author = user.display_name if user is not None else entry.name
        return Item(chat_id, entry.name, author, text, news.named or news.everybody)

    def _is_answer(self, chat_id: int, message: Message, own_id: int) -> bool:
        if not message.reply_to:
            return False
        answered = self._engine.cache.messages(chat_id, [message.reply_to]).get(message.reply_to)
        return answered is not None and answered.sender_id == own_id

    def _read_elsewhere(self, refs: tuple[EntryRef, ...] | None) -> None:
        """What was read, here or on another device, is no news any more."""
        for ref in refs or ():
            if ref.kind == "chat" and ref.id in self._unknown:
                self._arrived(ref.id, *self._unknown.pop(ref.id))
            if ref.kind != "chat" or not (self._gathering.waits(ref.id) or ref.id in self._outside):
                continue
            entry = self._engine.cache.entry(ref)
            if entry is None or entry.unread:
                continue
            self._gathering.forget(ref.id)
            number = self._outside.pop(ref.id, None)
            if number is not None:
                gone = sequences.withdrawal(self._means(), number)
                self._window.write(sequences.passed_through(gone, self._environment))

    # --- what is told ---

    def _tell_soon(self) -> None:
        due = self._gathering.due_in
        if due is None or self._timer is not None:
            return
        self._timer = self._screen.set_timer(max(0.05, due), self._tell_due)

    def _tell_due(self) -> None:
        self._timer = None
        if self.disturbing.is_allowed(self._chosen):
            for told in self._gathering.take():
                self._tell(told)
            self._tell_soon()
        else:
            self._gathering.clear()

    def _tell(self, told: Told) -> None:
        chosen, has_focus = self._chosen, self._app.app_focus
        if chosen.bell:
            self._window.write(sequences.BELL)
        if chosen.toast and has_focus:
            self._show_toast(told)
        if not has_focus or not self._knows_focus:
            self._tell_outside(told)

    def _means(self) -> sequences.Means:
        wanted = self._chosen.terminal
        return sequences.understood(self._environment) if wanted == "auto" else wanted

    def _tell_outside(self, told: Told) -> None:
        """By the terminal if it can, else by the desktop."""
        body = told.body
        if not self._chosen.show_text and told.chat_id is not None:
            body = "New message" if told.count == 1 else f"{told.count:,} new messages"
        means = self._means()
        if means != "off":
            self._number += 1
            made = sequences.notification(means, told.title, body, self._number)
            self._window.write(sequences.passed_through(made, self._environment))
            if told.chat_id is not None:
                self._outside[told.chat_id] = self._number
                while len(self._outside) > KEPT_OUTSIDE:
                    del self._outside[next(iter(self._outside))]
        elif self._chosen.desktop and self._tool is not None:
            if self._desktop is None:
                self._desktop = Desktop(self._tool, lambda text: self._screen.tell(terminal_safe(text), failed=True))
            self._desktop.show(told.title, body)

    def _leave_search(self) -> None:
        from chatterm.tui.search.screen import SearchScreen  # noqa: PLC0415 - only a click needs it

        if isinstance(self._app.screen, SearchScreen):
            self._app.screen.leave(None)

    def _show_toast(self, told: Told) -> None:
        title = terminal_safe(" ".join(told.title.split()))
        body = terminal_safe(" ".join(told.body[: 4 * sequences.BODY_MAX].split()))

        def opened() -> None:
            if told.chat_id is None:
                self._screen.perform("next_unread")
            else:
                self._leave_search()
                self._screen.open(EntryRef("chat", told.chat_id))

        toast = self._toast
        if toast is not None and toast.is_attached and toast.screen is self._app.screen:
            toast.show(title, body, opened)
            return
        if toast is not None:
            toast.close()
        self._toast = NewsToast(title, body, opened)
        self._app.screen.mount(self._toast)
