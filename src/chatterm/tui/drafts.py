"""Drafts on disk: what is written but not sent, kept for each chat a moment after the last key."""

from collections.abc import Callable
from typing import Final

from textual.timer import Timer
from textual.widget import Widget

from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef
from chatterm.client.uistate import NO_DRAFT, Draft, UiState

SAVE_DELAY_S: Final = 0.3
"""A `kill -9` costs at most the keys of this long."""


def place_of(ref: EntryRef) -> str:
    """The name under which a conversation's draft is kept."""
    return f"{ref.kind}:{ref.id}"


def ref_of(place: str) -> EntryRef | None:
    """The inverse of `place_of`; None for anything else."""
    kind, _, number = place.partition(":")
    if kind not in ("chat", "user") or not number.isdecimal():
        return None
    return EntryRef("chat" if kind == "chat" else "user", int(number))


class Drafts:
    """Writes drafts with a delay; `owner` lends its timers. Failures to write go to `failed`, once in a row."""

    def __init__(self, state: UiState, owner: Widget, failed: Callable[[str], None]) -> None:
        self._state = state
        self._owner = owner
        self._failed = failed
        self._broken = False
        self._pending: tuple[EntryRef, Draft] | None = None
        self._timer: Timer | None = None

    def changed(self, ref: EntryRef, draft: Draft) -> None:
        """Keep this soon."""
        if self._pending is not None and self._pending[0] != ref:
            self.flush()
        self._pending = (ref, draft)
        if self._timer is None:
            self._timer = self._owner.set_timer(SAVE_DELAY_S, self.flush)

    def flush(self) -> None:
        """Write what is pending now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._pending is None:
            return
        (ref, draft), self._pending = self._pending, None
        self._guarded(lambda: self._state.save_draft(place_of(ref), draft))

    def read(self, ref: EntryRef) -> Draft:
        """The draft of a conversation; blank if there is none, or it cannot be read."""
        try:
            return self._state.draft(place_of(ref))
        except ClientError as error:
            self._failed(terminal_safe(f"Your draft cannot be read. {error.message} {error.hint}"))
            return NO_DRAFT

    def move(self, old: EntryRef, new: EntryRef) -> None:
        """A person's row became a chat: the draft goes along."""
        self.flush()
        draft = self.read(old)
        if not draft.is_blank:
            self._guarded(lambda: self._state.save_draft(place_of(new), draft))
            self._guarded(lambda: self._state.save_draft(place_of(old), NO_DRAFT))

    def history(self) -> list[str]:
        """The texts sent before, oldest first; none if they cannot be read."""
        try:
            return self._state.history()
        except ClientError as error:
            self._failed(terminal_safe(f"What you sent before cannot be read. {error.message} {error.hint}"))
            return []

    def remember_sent(self, text: str) -> None:
        """Add a text to the history."""
        self._guarded(lambda: self._state.remember_sent(text))

    def remember_open(self, ref: EntryRef) -> None:
        """Open this conversation next time."""
        self._guarded(lambda: self._state.save_setting("lastChat", place_of(ref)))

    def remember(self, name: str, value: str) -> None:
        """Keep a small fact for next time."""
        self._guarded(lambda: self._state.save_setting(name, value))

    def remembered(self, name: str) -> str:
        """What was kept under a name; empty if nothing was, or it cannot be read."""
        try:
            return self._state.setting(name) or ""
        except ClientError:
            return ""

    def last_open(self) -> EntryRef | None:
        return ref_of(self._state.setting("lastChat") or "")

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except ClientError as error:
            if not self._broken:
                self._broken = True
                self._failed(terminal_safe(f"Your draft cannot be kept on disk. {error.message} {error.hint}"))
        else:
            self._broken = False
