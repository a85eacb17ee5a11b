"""What a viewport shows and lacks, told once: seen messages, new ones below, and events to ask the server for."""

from collections.abc import Iterator
from typing import Final

from textual.message import Message

from chatproto import limits
from chatterm.client.ports import CacheReader
from chatterm.tui.timeline.items import OUTBOX_KEY, Item, Kind
from chatterm.tui.timeline.messages import HolesWanted, NewBelow, SeenReached
from chatterm.tui.timeline.viewport import Viewport

COUNTED_MAX: Final = 1_000
"""So many events below the view are looked at to count them exactly."""
_NOT_SEEN: Final = (Kind.GAP, Kind.HINT, Kind.ERROR)


class Sight:
    """Remembers what has been told of one conversation, so that only news is told."""

    def __init__(self) -> None:
        self._shown_to = 0
        self._seen = 0
        self._below: int | None = None
        self._wanted: tuple[int, int] | None = None

    def forget_wanted(self) -> None:
        """Ask for what is missing even if that was asked for before."""
        self._wanted = None

    def news(self, viewport: Viewport, cache: CacheReader, *, watched: bool) -> Iterator[Message]:
        """What to tell now. `watched`: the terminal has the focus and nothing covers the view."""
        chat_id = viewport.document.chat.chat_id
        if chat_id is None:
            return
        newest = newest_in_sight(viewport)
        self._shown_to = max(self._shown_to, viewport.document.head if viewport.follow else newest)
        if watched and newest > self._seen:
            self._seen = newest
            if newest > cache.seen(chat_id):
                yield SeenReached(chat_id, newest)
        below = self._count_below(chat_id, viewport.document.head, cache)
        if below != self._below:
            self._below = below
            yield NewBelow(below)
        wanted = wanted_range(viewport)
        if wanted is not None and wanted != self._wanted:
            self._wanted = wanted
            yield HolesWanted(chat_id, *wanted)

    def _count_below(self, chat_id: int, head: int, cache: CacheReader) -> int:
        """Events below what was shown, without those that have no place of their own, as far as counting is cheap."""
        below = head - self._shown_to
        return cache.count_shown(chat_id, self._shown_to + 1, head) if 0 < below <= COUNTED_MAX else below


def newest_in_sight(viewport: Viewport) -> int:
    """Seq of the newest event of which a line of its own is on screen; 0 if there is none."""
    newest = 0
    for row, item, line in viewport.visible():
        first_own = row + max(0, item.lead - line)
        if item.key < OUTBOX_KEY and item.lines[-1][0] not in _NOT_SEEN and first_own < viewport.rows:
            newest = item.key
    return newest


def wanted_range(viewport: Viewport) -> tuple[int, int] | None:
    """At most a page of events that are missing within a screen of the viewport, the nearest first."""
    top, rows = viewport.top, viewport.rows
    low = max(0, top - rows)
    nearest: tuple[int, Item] | None = None
    for row, item, line in viewport.document.visible(low, top + 2 * rows - low):
        if item.is_gap:
            first = low + row
            last = first + len(item.lines) - line - 1
            distance = max(0, top - last, first - (top + rows - 1))
            if nearest is None or distance < nearest[0]:
                nearest = (distance, item)
    return None if nearest is None else _page_of(viewport, nearest[1])


def _page_of(viewport: Viewport, gap: Item) -> tuple[int, int]:
    """The part of the hole around a gap where the reader is, or that the reader will come to first."""
    first, last = viewport.document.blocks.hole_around(gap.key, gap.last_key)
    anchor = viewport.anchor
    if anchor is None or anchor.key > last:
        return max(first, last - limits.PAGE_MAX + 1), last
    first = max(first, anchor.key - limits.PAGE_MAX // 2)
    return first, min(last, first + limits.PAGE_MAX - 1)
