"""The status line: what the connection and the outbox are really doing, and the keys that help now."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from rich.cells import cell_len
from textual.timer import Timer

from chatproto.text import terminal_safe
from chatterm.client.model import ConnectionStatus, Link, Moving
from chatterm.client.told import size_text
from chatterm.tui.actions import Scope, label_of, named
from chatterm.tui.actions import current as keymap
from chatterm.tui.line import Line, Part
from chatterm.tui.timeline.wrap import clip

REASON_MIN: Final = 20
"""Cells below which a reason says nothing any more."""
KEYS_KEPT: Final = 2
"""Help, and the way out, stay beside the reason."""
STILL: Final = Moving(0, 0, 0, 0)
COUNTED_SINGLY_S: Final = 5
NARROW: Final = 60
"""In fewer cells it is not told since when there is no connection."""
_MARKS: Final = {
    Link.ONLINE: Part("● online", "good"),
    Link.CONNECTING: Part("◌ connecting…", "normal"),
    Link.SIGNED_OUT: Part("✗ signed out", "bad"),
    Link.STOPPED: Part("○ stopped", "quiet"),
}


def status_parts(
    status: ConnectionStatus, queued: int, failed: int, now: float, moving: Moving = STILL, *, paused: int = 0
) -> list[Part]:
    """What the line says, from the left; `now` in Unix seconds. Pure, so that every state has a test.

    `paused` are some of the `queued`.
    """
    parts = [_link_mark(status)]
    if failed:  # first, so that it stays where room is scarce
        parts.append(Part(f"✗ {failed:,} failed", "bad", "outbox"))
    if queued > paused:
        state = "sending" if status.link is Link.ONLINE else "queued"
        parts.append(Part(f"{queued - paused:,} {state}", "strong", "outbox"))
    if paused:
        parts.append(Part(f"‖ {paused:,} paused", "strong", "transfers"))
    parts += _moving(moving)
    if status.link is Link.OFFLINE and status.retry_at is not None:
        wait = countdown(status.retry_at, now)
        parts.append(Part(f"retrying in {wait} s" if wait else "retrying now", "normal"))
        parts.append(Part(f"{label_of('retry_now')} now", "quiet", "retry_now"))
    if status.link is Link.SIGNED_OUT:
        parts.append(Part(f"{label_of('retry_now')} signs in again", "strong", "retry_now"))
    elif status.problem is not None and status.link is not Link.ONLINE:
        told = f"{status.problem.message} {status.problem.hint}".strip()
        parts.append(Part(terminal_safe(told), "quiet"))
    separated = [part for each in parts for part in (Part(" · ", "quiet"), each)]
    return [Part(" ", "quiet"), *separated[1:]]


def countdown(retry_at: float, now: float) -> int:
    """Seconds until the next attempt as they are told: far from it in steps of five, which is quieter and cheap."""
    wait = max(0, round(retry_at - now))
    return wait if wait <= COUNTED_SINGLY_S else -(-wait // 5) * 5


def _moving(moving: Moving) -> list[Part]:
    """What goes out and what comes in at this moment; a click shows the list."""
    ways = (("↑", moving.sent, moving.to_send), ("↓", moving.received, moving.to_receive))
    told = ((f"{sign} {size_text(done)} of {size_text(size)}", size) for sign, done, size in ways)
    return [Part(text, "normal", "transfers") for text, size in told if size]


def _link_mark(status: ConnectionStatus) -> Part:
    if status.link is not Link.OFFLINE:
        return _MARKS[status.link]
    if status.retry_at is None and status.problem is None:
        return Part("○ not connected yet", "quiet")
    return Part(f"○ offline since {time.strftime('%H:%M', time.localtime(status.since))}", "warn")


def _hint_width(key: str, hint: str) -> int:
    return cell_len(key) + cell_len(hint) + 3


class StatusLine(Line):
    """Shows the connection and the outbox; ticks each second only while a retry is counted down."""

    DEFAULT_CSS = "StatusLine { background: $background; }"

    def __init__(self, status: ConnectionStatus, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._status = status
        self._clock = clock
        self._queued = self._failed = self._paused = 0
        self._quiet = self._unread = ""
        self._moving = STILL
        self._scope: Scope = "global"
        self._ticker: Timer | None = None
        self._counted = -1

    def on_mount(self) -> None:
        self._ticker = self.set_interval(1.0, self._tick, pause=True)
        self.show_status(self._status)

    def show_status(self, status: ConnectionStatus) -> None:
        """The connection's state changed."""
        self._status = status
        if self._ticker is not None:
            if status.link is Link.OFFLINE and status.retry_at is not None:
                self._ticker.resume()
            else:
                self._ticker.pause()
        self.refresh()

    def _tick(self) -> None:
        """Count down where that can be seen."""
        if self._status.retry_at is not None:
            wait = countdown(self._status.retry_at, self._clock())
            if wait != self._counted:
                self._counted = wait
                self.refresh()

    def show_outbox(self, queued: int, failed: int, paused: int = 0) -> None:
        """The outbox changed; `paused` are some of the `queued`."""
        if (queued, failed, paused) != (self._queued, self._failed, self._paused):
            self._queued, self._failed, self._paused = queued, failed, paused
            self.refresh()

    def show_moving(self, moving: Moving) -> None:
        """Uploads or downloads moved on."""
        if moving != self._moving:
            self._moving = moving
            self.refresh()

    def show_keys(self, scope: Scope) -> None:
        """Other keys help now: those of a scope."""
        if scope != self._scope:
            self._scope = scope
            self.refresh()

    def show_unread(self, count: str) -> None:
        """What is unread, where nothing else says so; empty for nothing."""
        if count != self._unread:
            self._unread = count
            self.refresh()

    def show_quiet(self, words: str) -> None:
        """Whether news are told; empty if they are."""
        if words != self._quiet:
            self._quiet = words
            self.refresh()

    def left(self) -> Sequence[Part]:
        parts = status_parts(self._status, self._queued, self._failed, self._clock(), self._moving, paused=self._paused)
        if self._status.link is Link.OFFLINE and self.content_size.width < NARROW:
            parts[1] = parts[1]._replace(text=parts[1].text.partition(" since ")[0])
        told = self._status.problem is not None and self._status.link not in (Link.ONLINE, Link.SIGNED_OUT)
        if self._quiet:
            parts[2:2] = (Part(" · ", "quiet"), Part(self._quiet, "normal"))
        if self._unread:  # next to the connection, so that it stays where room is scarce
            parts[2:2] = [Part(" · ", "quiet"), Part(f"{self._unread} unread", "accent", "next_unread")]
        if told:
            self._shorten_reason(parts)
        return parts

    def _shorten_reason(self, parts: list[Part]) -> None:
        """Leave room for keys beside the reason, which may be long: all those of messages, of the others the last."""
        kept = keymap().footer_hints()[-KEYS_KEPT:] if self._scope == "global" else ()
        keys = sum(_hint_width(key, hint) for key, hint, _ in kept)
        room = self.content_size.width - sum(cell_len(part.text) for part in parts[:-1]) - keys - 2
        if self._scope == "message" or room < REASON_MIN:
            del parts[-2:]
        else:
            parts[-1] = Part(clip(parts[-1].text, room), "quiet")

    def right(self) -> Sequence[Part]:
        hints = keymap().footer_hints(self._scope)
        room = self.content_size.width - sum(cell_len(part.text) for part in self.left()) - 2
        shown: list[Part] = []
        for key, hint, name in reversed(hints):  # the last ones stay where room is scarce
            room -= _hint_width(key, hint)
            if room < 0:
                break
            asked = name if self._scope == "global" or named(name).feature else ""
            shown[:0] = (Part(f"{key} ", "normal", asked), Part(f"{hint}  ", "quiet", asked))
        return shown
