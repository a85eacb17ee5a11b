"""The chat screen: what the engine says becomes changes of the widgets, what the user does becomes calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual import on
from textual.binding import Binding, BindingsMap
from textual.message import Message
from textual.timer import Timer

from chatproto import limits
from chatproto.text import terminal_safe
from chatterm.client.model import (
    CacheReset,
    ChangesChanged,
    ConnectionChanged,
    ConnectionStatus,
    EntriesChanged,
    EntryRef,
    EventsStored,
    Link,
    Notice,
    OutboxChanged,
    PresenceChanged,
    ProblemMet,
    ReadersChanged,
    Transfer,
    TransferChanged,
    TypingChanged,
)
from chatterm.client.ports import Engine
from chatterm.client.settings import Settings
from chatterm.client.uistate import UiState
from chatterm.tui.actions import ActionWanted, is_character, of_scope
from chatterm.tui.actions import current as keymap
from chatterm.tui.clients import ClientList
from chatterm.tui.conversation import Conversation
from chatterm.tui.panes import Panes

if TYPE_CHECKING:
    from chatterm.tui.features.performer import Performer
    from chatterm.tui.pins import PinCount

VISITED_MAX: Final = 50
ENTRIES_DELAY_S: Final = 0.03
"""Changes of the client list are taken together over this long: 200 messages/s are 30 updates."""
UPLOADS_DELAY_S: Final = 0.5
"""How often the messages on screen say how far their uploads are."""


@dataclass
class Noticed(Message):
    """The engine said something."""

    notice: Notice


def _bindings() -> BindingsMap:
    """Global actions go before the focused widget, those of the timeline after it; characters go to what is written."""
    keys = {
        action: [key for key in keymap().keys(action) if not is_character(key)]
        for action in (*of_scope("global"), *of_scope("timeline"))
    }
    return BindingsMap(
        Binding(
            key,
            # Of several keys for one thing with a number, each means its own.
            f"perform('{action.name}', '{key[-1]}')" if "NUMBER" in action.argument else f"perform('{action.name}')",
            action.title,
            show=False,
            priority=action.scope == "global",
        )
        for action, bound in keys.items()
        for key in bound
    )


def _some(ids: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The first of these, each once."""
    return tuple(dict.fromkeys(ids))[:count]


class ChatScreen(Panes):
    """Client list, conversation and status line of one account."""

    def __init__(self, engine: Engine, state: UiState, size: tuple[int, int] = (80, 24)) -> None:
        """`size` is the terminal's, as far as it is known: a right guess saves styling everything twice."""
        super().__init__(engine, state, size)
        self.bind_keys()
        self._performer: Performer | None = None
        self._pins: PinCount | None = None
        self._changed: set[EntryRef] | None = set()
        self._flusher: Timer | None = None
        self._upload_shown: Timer | None = None
        self._visible = ClientList.WatchChanged(())
        self._also: tuple[int, ...] = ()
        self._was_online = False
        self.visited: list[EntryRef] = []
        """The chats that were on screen, the one that is there now first."""
        self._unsubscribe = engine.subscribe(self._hear)

    def _hear(self, notice: Notice) -> None:
        self.post_message(Noticed(notice))

    def on_mount(self) -> None:
        self.conversation.composer.focus()
        self.status.show_outbox(*self.engine.outbox.counts(), self.engine.outbox.paused())
        self._open_last()

    def on_unmount(self) -> None:
        self._unsubscribe()
        self.conversation.drafts.flush()

    def _open_last(self) -> None:
        """Open the conversation last read, else the most recently active one."""
        last = self.conversation.drafts.last_open()
        if last is not None and self.open(last):
            return
        if last is not None and last.kind == "user":
            chat_id = self.engine.cache.direct_chat(last.id)
            if chat_id is not None and self.open(EntryRef("chat", chat_id)):
                return
        first = self.engine.cache.entries(limit=1)
        if first and first[0].activity:
            self.open(first[0].ref)

    def open(self, ref: EntryRef) -> bool:
        """Put a conversation on screen; False if there is none such."""
        return self.conversation.open(ref)

    # --- the engine's notices ---

    @on(Noticed)
    def _take(self, message: Noticed) -> None:
        match message.notice:
            case EventsStored() | ChangesChanged() | ReadersChanged() as changed:
                self.conversation.messages_changed(changed)
                if isinstance(changed, EventsStored) and changed.changed:
                    self._count_pins()
            case EntriesChanged(refs):
                self._entries_changed(refs)
            case OutboxChanged(queued, failed, paused):
                self.status.show_outbox(queued, failed, paused)
                self.sidebar.outbox_changed()
                self.conversation.timeline.outbox_changed()
            case ConnectionChanged(status):
                self._connection_changed(status)
            case PresenceChanged():
                self._presence_changed()
            case TypingChanged(chat_id):
                self.sidebar.typing_changed(chat_id)
                self.conversation.refresh_header()
            case CacheReset():
                self._entries_changed(None)
                self.conversation.reopen()
            case TransferChanged() | ProblemMet():
                self._take_other(message.notice)

    def _take_other(self, notice: TransferChanged | ProblemMet) -> None:
        if isinstance(notice, TransferChanged):
            self._transfer_changed(notice.transfer)
        else:
            self.tell(terminal_safe(f"{notice.error.message} {notice.error.hint}".strip()), failed=True)

    def _transfer_changed(self, transfer: Transfer) -> None:
        self.status.show_moving(self.engine.transfers.moving())
        if transfer.kind == "upload" and self._upload_shown is None:
            self._upload_shown = self.set_timer(UPLOADS_DELAY_S, self._show_uploads)

    def _show_uploads(self) -> None:
        self._upload_shown = None
        self.conversation.timeline.outbox_changed()

    def _connection_changed(self, status: ConnectionStatus) -> None:
        online = status.link is Link.ONLINE
        self.status.show_status(status)
        self.conversation.timeline.show_online(online)
        if online:
            self.conversation.timeline.reconnected()
            self.conversation.timeline.ask_again()
            self._count_pins()
        if online != self._was_online:  # from one failed attempt to the next, nobody's presence is known
            self._was_online = online
            self._presence_changed()

    def _presence_changed(self) -> None:
        self.sidebar.list.presence_changed()
        self.conversation.refresh_header()

    def _entries_changed(self, refs: tuple[EntryRef, ...] | None) -> None:
        if refs is None:
            self._changed = None
        elif self._changed is not None:
            self._changed.update(refs)
        if self._flusher is None:
            self._flusher = self.set_timer(ENTRIES_DELAY_S, self._flush_entries)

    def _flush_entries(self) -> None:
        self._flusher = None
        changed, self._changed = self._changed, set()
        if changed is None:
            self.sidebar.list.reload()
            self.conversation.timeline.users_changed()
        elif self.sidebar.list.update_entries(changed):
            self.conversation.timeline.users_changed()
        self.conversation.entries_changed(frozenset(changed) if changed is not None else None)
        if self.conversation.ref is None and self.conversation.composer.has_focus:
            self._open_last()
        self._name_window()

    def _name_window(self) -> None:
        count = self.show_news()
        entry = self.engine.cache.entry(self.conversation.ref) if self.conversation.ref is not None else None
        parts = (f"({count})" if count else "", entry.name if entry is not None else "", "chatterm")
        self.post_message(self.Named(" ".join(part for part in parts if part)))

    @dataclass
    class Named(Message):
        """The window should be called this; not yet safe for a terminal."""

        title: str

    @dataclass
    class ProblemTold(Message):
        """The user was told of a problem, in these words."""

        text: str

    def tell(self, text: str, *, failed: bool = False) -> None:
        """Say something for a moment; `text` must be safe for a terminal, and is never read as markup."""
        self.app.notify(text, severity="error" if failed else "information", markup=False, timeout=8 if failed else 4)
        if failed:
            self.post_message(self.ProblemTold(text))

    # --- what the widgets say ---

    @on(ClientList.Chosen)
    def _choose(self, message: ClientList.Chosen) -> None:
        self.sidebar.list.set_filter("")
        self.open(message.ref)
        self.to_writing()

    def show_message(self, chat_id: int, seq: int) -> bool:
        """Open a chat, go to a message of it and select it, also if it is yet to be loaded; False if there is none."""
        if not self.open(EntryRef("chat", chat_id)):
            return False
        self.conversation.timeline.select(seq)
        return True

    @on(ClientList.WatchChanged)
    def _watch(self, message: ClientList.WatchChanged) -> None:
        self._visible = message
        self._watch_visible()

    def watch_also(self, user_ids: tuple[int, ...]) -> None:
        """These people are on screen for now, too, for example in a dialog; an empty tuple ends it."""
        self._also = user_ids
        self._watch_visible()

    def _watch_visible(self) -> None:
        """Ask who writes, and who is there: in the conversation, and in the rows of the list that are in sight."""
        peer_id, ref = self.conversation.peer_id(), self.conversation.ref
        wanted = (*self._also, *(() if peer_id is None else (peer_id,)), *self._visible.user_ids)
        chat_ids = (
            (ref.id, *self._visible.chat_ids) if ref is not None and ref.kind == "chat" else self._visible.chat_ids
        )
        self.engine.watch(_some(wanted, limits.WATCH_MAX), _some(chat_ids, limits.WATCHED_CHATS_MAX))

    @on(Conversation.Opened)
    def _opened(self, message: Conversation.Opened) -> None:
        self.visited = [message.ref, *(ref for ref in self.visited if ref != message.ref)][:VISITED_MAX]
        self.sidebar.list.set_open(message.ref)
        self.sidebar.drafts_changed()
        self._watch_visible()
        self._name_window()
        self._count_pins()

    def _count_pins(self) -> None:
        if self._pins is None and self.engine.status.link is Link.ONLINE:
            from chatterm.tui.pins import PinCount  # noqa: PLC0415 - not needed before there is a connection

            self._pins = PinCount(self)
        if self._pins is not None:
            self._pins.look()

    @on(Conversation.Told)
    def _tell(self, message: Conversation.Told) -> None:
        self.tell(message.text, failed=message.failed)

    # --- actions of the table ---

    def bind_keys(self) -> None:
        """Bind the keys of the current keymap."""
        self._bindings = _bindings()

    def settings_changed(self, settings: Settings) -> None:
        """The user set something else. Every widget that has a method of this name is told, too."""
        self.bind_keys()
        self.sidebar.set_width(settings.look.list_width)
        for widget in self.query("*"):
            told = getattr(widget, "settings_changed", None)
            if told is not None:
                told(settings)
            widget.refresh()

    def perform(self, name: str, argument: str = "", failed: Callable[[], None] | None = None) -> None:
        """Do an action of the table, wherever it was asked for. Never raises: what goes wrong is told.

        `failed` is called after that.
        """
        if self._performer is None:
            from chatterm.tui.features.performer import Performer  # noqa: PLC0415 - not needed before the first key

            self._performer = Performer(self)
        self._performer.perform(name, argument, failed)

    def action_perform(self, name: str, argument: str = "") -> None:
        self.perform(name, argument)

    @on(Conversation.CommandGiven)
    def _perform_command(self, message: Conversation.CommandGiven) -> None:
        self.perform(message.name, message.argument, message.failed)

    @on(ActionWanted)
    def _perform_wanted(self, message: ActionWanted) -> None:
        self.perform(message.name, message.argument, self.conversation.timeline.keys_stay)

    def action_find_in_list(self) -> None:
        self.sidebar.list.set_filter("")
        self.to_list()

    def action_retry_now(self) -> None:
        if self.engine.status.link is Link.SIGNED_OUT:
            self.perform("sign_in")
        else:
            self.engine.retry_now()

    def action_redraw(self) -> None:
        self.post_message(self.RedrawWanted())

    class RedrawWanted(Message):
        """The terminal shows something else than it should."""

    def action_interrupt(self) -> None:
        composer = self.conversation.composer
        if self.get_selected_text():
            self.action_copy_text()
        elif composer.has_focus and composer.copy_selection():
            pass
        elif not composer.editor.is_empty:
            composer.clear()
        else:
            self.tell("Ctrl+Q quits.")

    def action_page_up(self) -> None:
        self.conversation.timeline.action_page_up()

    def action_page_down(self) -> None:
        self.conversation.timeline.action_page_down()

    def action_scroll_up(self) -> None:
        self.conversation.timeline.action_scroll_up()

    def action_scroll_down(self) -> None:
        self.conversation.timeline.action_scroll_down()

    def action_oldest(self) -> None:
        self.conversation.timeline.action_scroll_home()

    def action_newest(self) -> None:
        self.conversation.timeline.action_scroll_end()
