"""Drafts on disk: what is written but not sent, kept for each chat a moment after the last key."""

from collections.abc import Callable
from typing import Final

from textual.timer import Timer
from textual.widget import Widget

from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef
from chatterm.client.uistate import UiState

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
        self._pending: tuple[EntryRef, str] | None = None
        self._timer: Timer | None = None

    def changed(self, ref: EntryRef, text: str) -> None:
        """Keep this text soon."""
        if self._pending is not None and self._pending[0] != ref:
            self.flush()
        self._pending = (ref, text)
        if self._timer is None:
            self._timer = self._owner.set_timer(SAVE_DELAY_S, self.flush)

    def flush(self) -> None:
        """Write what is pending now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._pending is None:
            return
        (ref, text), self._pending = self._pending, None
        self._guarded(lambda: self._state.save_draft(place_of(ref), text))

    def read(self, ref: EntryRef) -> str:
        """The draft of a conversation; empty if there is none, or it cannot be read."""
        try:
            return self._state.draft(place_of(ref))
        except ClientError as error:
            self._failed(terminal_safe(f"Your draft cannot be read. {error.message} {error.hint}"))
            return ""

    def move(self, old: EntryRef, new: EntryRef) -> None:
        """A person's row became a chat: the draft goes along."""
        self.flush()
        text = self.read(old)
        if text:
            self._guarded(lambda: self._state.save_draft(place_of(new), text))
            self._guarded(lambda: self._state.save_draft(place_of(old), ""))

    def remember_open(self, ref: EntryRef) -> None:
        """Open this conversation next time."""
        self._guarded(lambda: self._state.save_setting("lastChat", place_of(ref)))

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
