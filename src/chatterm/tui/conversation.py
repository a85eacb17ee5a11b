"""The right side: one conversation with its header, messages and composer, and what the user does in it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from chatproto.errors import ErrorInfo
from chatproto.models import Message as ChatMessage
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import (
    ChangesChanged,
    Entry,
    EntryRef,
    EventsStored,
    Link,
    OutboxRow,
    PresenceState,
    ReadersChanged,
    Target,
)
from chatterm.client.ports import Engine
from chatterm.client.settings import Settings
from chatterm.client.uistate import UiState
from chatterm.tui.actions import label_of
from chatterm.tui.client_row import is_muted
from chatterm.tui.composer import Composer
from chatterm.tui.drafts import Drafts
from chatterm.tui.header import ChatHeader
from chatterm.tui.line import Line, Part
from chatterm.tui.timeline import ChatView, HolesWanted, NewBelow, SeenReached, Timeline
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.wrap import clip
from chatterm.tui.writer import Writer

if TYPE_CHECKING:
    from chatterm.tui.chips import Chips

UNSENT_MAX: Final = 10_000
"""Unsent messages of one chat among which the newest is looked for."""
NAMED_WRITERS: Final = 2
"""So many people who write are named; more are counted."""
_WELCOME: Final = "Choose somebody to begin."


class Notice(Line):
    """One line above the composer, there only while it has something to say."""

    DEFAULT_CSS = """
    Notice { display: none; padding: 0 2; }
    Notice.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def show(self, text: str) -> None:
        """Say something safe for a terminal, or nothing."""
        self.text = text
        self.set_class(bool(text), "-shown")
        self.refresh()

    def left(self) -> tuple[Part, ...]:
        return (Part(self.text, "warn"),)


class ContextLine(Line):
    """One quiet line above the composer, there only while there is a context; a click leaves it."""

    DEFAULT_CSS = """
    ContextLine { display: none; padding: 0 2; }
    ContextLine.-shown { display: block; }
    """

    class Cancelled(Message):
        """The user clicked it away."""

    def __init__(self) -> None:
        super().__init__()
        self._heading = self._quote = self._leave = ""

    def show(self, heading: str, quote: str = "", leave: str = "") -> None:
        """Say what the text is about and how that is left; all safe for a terminal. Without a heading, nothing."""
        self._heading, self._quote, self._leave = heading, quote, leave
        self.set_class(bool(heading), "-shown")
        self.refresh()

    def left(self) -> tuple[Part, ...]:
        room = self.content_size.width - cell_len(self._heading) - cell_len(self._leave) - 4
        return Part(self._heading, "accent"), Part(clip(self._quote, max(0, room)), "quiet")

    def right(self) -> tuple[Part, ...]:
        return (Part(f"  {self._leave}", "quiet"),)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(self.Cancelled())


class Conversation(Vertical):
    """Shows one conversation at a time and turns what the user does into calls of the engine."""

    DEFAULT_CSS = """
    Conversation { width: 1fr; background: $background; }
    """

    @dataclass
    class Opened(Message):
        """Another conversation is on screen."""

        ref: EntryRef

    @dataclass
    class Told(Message):
        """Something to tell the user for a moment; safe for a terminal."""

        text: str
        failed: bool = False

    @dataclass
    class CommandGiven(Message):
        """The user wrote a slash command; `failed` is to be called if it could not be done."""

        name: str
        argument: str
        failed: Callable[[], None]

    def __init__(self, engine: Engine, state: UiState) -> None:
        super().__init__()
        self.engine = engine
        self.ref: EntryRef | None = None
        self._times = LocalTime()
        self.drafts = Drafts(state, self, lambda text: self._tell(text, failed=True))
        self.header = ChatHeader()
        self.timeline = Timeline(
            engine.cache,
            engine.outbox,
            engine.account.user_id,
            pictures=engine,
            pending=engine.changes.pending,
            seen_count=engine.seen_count,
        )
        self.notice = Notice()
        self.context_line = ContextLine()
        self._chips: Chips | None = None
        self.writer = Writer(self, self.drafts)
        self.composer = Composer(self.writer.submit)
        self.composer.helper = self.writer

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.timeline
        yield self.notice
        yield self.context_line
        yield self.composer

    def on_mount(self) -> None:
        self.header.show(_WELCOME)
        self.composer.placeholder = f"{label_of('jump')} finds people and groups, /group makes a group"

    # --- opening ---

    def open(self, ref: EntryRef) -> bool:
        """Put a conversation on screen with its draft; False if the cache does not know it."""
        entry = self.engine.cache.entry(ref)
        if entry is None:
            return False
        if ref == self.ref:
            return True
        self.drafts.flush()
        self.ref = ref
        self._show_view()
        self.writer.open(ref, f"Write to {terminal_safe(entry.name)}")
        self.drafts.remember_open(ref)
        self.engine.focus(ref.id if ref.kind == "chat" else None)
        self.post_message(self.Opened(ref))
        return True

    def reopen(self) -> None:
        """The cache began anew: show the same conversation as far as it is known again."""
        if self.ref is not None:
            self._show_view()

    def _show_view(self) -> None:
        entry = self.engine.cache.entry(self.ref) if self.ref is not None else None
        name = entry.name if entry is not None else ""
        chat_id = self.ref.id if self.ref is not None and self.ref.kind == "chat" else None
        self.header.show_below(0)
        self.timeline.show(ChatView(chat_id, self._targets(), name))
        self.refresh_header()

    def _targets(self) -> tuple[Target, ...]:
        """Everything that names this conversation in the outbox."""
        if self.ref is None:
            return ()
        peer_id = self.peer_id()
        targets = [Target(chat_id=self.ref.id)] if self.ref.kind == "chat" else []
        if peer_id is not None:
            targets.append(Target(user_id=peer_id))
            user = self.engine.cache.user(peer_id)
            if user is not None:
                targets.append(Target(email=user.email))
        return tuple(targets)

    def peer_id(self) -> int | None:
        """The other person of a direct conversation."""
        entry = self.engine.cache.entry(self.ref) if self.ref is not None else None
        if self.ref is not None and self.ref.kind == "user":
            return self.ref.id
        return entry.peer_id if entry is not None else None

    # --- what happened elsewhere ---

    def messages_changed(self, notice: EventsStored | ChangesChanged | ReadersChanged) -> None:
        """Events of some chat reached the cache, messages have other unconfirmed changes, or others read on."""
        if self.ref != EntryRef("chat", notice.chat_id):
            return
        match notice:
            case EventsStored():
                self.timeline.events_stored(notice.first_seq, notice.last_seq, notice.live, notice.changed)
            case ChangesChanged():
                self.timeline.events_stored(1, 0, live=True, changed=notice.seqs)
            case ReadersChanged():
                self.timeline.readers_changed()

    def entries_changed(self, refs: frozenset[EntryRef] | None) -> None:
        """Rows of the client list changed: a name may be new, or the person on screen may have become a chat."""
        if self.ref is None or (refs is not None and self.ref not in refs):
            return
        self.timeline.seen_changed()
        if self.ref.kind == "user" and self.engine.cache.entry(self.ref) is None:
            chat_id = self.engine.cache.direct_chat(self.ref.id)
            if chat_id is not None:
                self._became_chat(EntryRef("chat", chat_id))
                return
        self.timeline.seen_changed()
        self.refresh_header()

    def _became_chat(self, ref: EntryRef) -> None:
        if self.ref is not None:
            self.drafts.move(self.ref, ref)
        self.ref = ref
        self._show_view()
        self.drafts.remember_open(ref)
        self.engine.focus(ref.id)
        self.post_message(self.Opened(ref))

    def refresh_header(self) -> None:
        """Say again who this is and whether they are there."""
        entry = self.engine.cache.entry(self.ref) if self.ref is not None else None
        if entry is not None:
            muted = Part("⊘ muted", "quiet", "chat_menu") if is_muted(entry, time.time()) else Part("", "quiet")
            action = "" if entry.has_left else "show_person" if entry.peer_id is not None else "members"
            self.header.show(entry.name, *self._details(entry), muted, action=action)

    def _details(self, entry: Entry) -> tuple[Part, ...]:
        """Who writes, else whether the person is there and their status, or what a group is about."""
        writing = self._writing(entry.ref)
        if writing:
            return (Part(writing, "accent"),)
        if entry.has_left:
            return (Part("× you are not a member any more; what is kept here stays readable", "warn"),)
        if entry.peer_id is None:
            chat = self.engine.cache.chat(entry.ref.id)
            if chat is None:
                return ()
            return Part(f"{chat.member_count:,} members", "quiet", "members"), Part(
                terminal_safe(chat.topic), "quiet", "members"
            )
        user = self.engine.cache.user(entry.peer_id)
        if user is not None and (user.deleted or user.disabled):
            return (Part("account deleted" if user.deleted else "account disabled", "quiet"),)
        status = Part(terminal_safe(user.status) if user is not None else "", "quiet")
        return self._presence(entry.peer_id), status

    def _presence(self, peer_id: int) -> Part:
        if self.engine.status.link is not Link.ONLINE:
            return Part("· presence unknown", "quiet")
        state, last_seen = self.engine.presence(peer_id)
        if state is PresenceState.ONLINE:
            return Part("● online", "good")
        seen = f", last seen {self._times.moment(last_seen)}" if last_seen else ""
        return Part(f"{'◐ away' if state is PresenceState.AWAY else '○ offline'}{seen}", "quiet")

    def _writing(self, ref: EntryRef) -> str:
        """Who writes here at this moment; empty if nobody does."""
        user_ids = self.engine.typing(ref.id) if ref.kind == "chat" else ()
        if not user_ids:
            return ""
        if len(user_ids) > NAMED_WRITERS:
            return f"{len(user_ids)} people are typing…"
        users = [self.engine.cache.user(user_id) for user_id in user_ids]
        names = [terminal_safe(user.display_name) if user is not None else "somebody" for user in users]
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} typing…"

    # --- writing ---

    def begin_reply(self, message: ChatMessage) -> None:
        """What is being written answers this message of the chat on screen."""
        self.writer.begin_reply(message)

    def begin_edit(self, message: ChatMessage) -> None:
        """Take one's own message into the composer; sending changes it, and what was written before comes back."""
        self.writer.begin_edit(message)

    def cancel_context(self) -> bool:
        """Leave the reply or edit; False if there is none."""
        return self.writer.cancel()

    def attach(self, paths: Sequence[Path]) -> None:
        """Add files to what is being written. Raises `ClientError` for what cannot be sent; then none is added."""
        self.writer.attachments.add(paths)
        self.composer.focus()

    @property
    def chips(self) -> "Chips":
        """The files of what is being written, above the composer."""
        if self._chips is None:
            from chatterm.tui.chips import Chips  # noqa: PLC0415 - most messages have no files

            self._chips = Chips()
            self.mount(self._chips, before=self.composer)
        return self._chips

    @on(ContextLine.Cancelled)
    def _cancel_context(self) -> None:
        self.writer.cancel()
        self.composer.focus()

    def on_chips_removed(self, message: "Chips.Removed") -> None:
        self.writer.attachments.remove(message.index)
        self.composer.focus()

    @on(Composer.Changed)
    def _keep_draft(self, message: Composer.Changed) -> None:
        self.writer.changed()
        if self.ref is not None and self.ref.kind == "chat":
            settings = getattr(self.app, "settings", None)
            told = not isinstance(settings, Settings) or settings.compose.typing_notices
            self.engine.write_in(self.ref.id, on=told and bool(message.text.strip()))

    def keep_draft(self) -> None:
        """Put what is written at this moment on disk now."""
        self.writer.changed()
        self.drafts.flush()

    @on(Composer.Noted)
    def _show_note(self, message: Composer.Noted) -> None:
        self.notice.show(message.text)

    @on(Composer.EdgeWanted)
    def _go_to_edge(self, message: Composer.EdgeWanted) -> None:
        if message.newest:
            self.timeline.action_scroll_end()
        else:
            self.timeline.action_scroll_home()

    # --- unsent messages ---

    def unsent(self) -> list[OutboxRow]:
        """The messages of this chat that are not sent yet, in the order of sending."""
        return self.engine.outbox.rows(self._targets(), limit=UNSENT_MAX)

    # --- what the timeline says ---

    @on(HolesWanted)
    def _fill(self, message: HolesWanted) -> None:
        self.engine.fill(message.chat_id, message.first_seq, message.last_seq)

    @on(SeenReached)
    async def _mark_seen(self, message: SeenReached) -> None:
        try:
            await self.engine.mark_seen(message.chat_id, message.seq)
        except ClientError as error:
            self._tell_error(error.info())

    @on(NewBelow)
    def _show_below(self, message: NewBelow) -> None:
        self.header.show_below(message.count)

    def _tell(self, text: str, *, failed: bool = False) -> None:
        self.post_message(self.Told(text, failed))

    def _tell_error(self, error: ErrorInfo) -> None:
        self._tell(terminal_safe(f"{error.message} {error.hint}".strip()), failed=True)
