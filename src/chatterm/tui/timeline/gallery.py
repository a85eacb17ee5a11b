"""The pictures of a conversation: fetched when they come into sight, decoded in a thread, kept while there is room."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from rich.cells import cell_len

from chatproto.text import terminal_safe
from chatterm.client.drawing import Drawing
from chatterm.client.errors import ClientError
from chatterm.client.model import ConnectionStatus, Link
from chatterm.client.ports import Transfers
from chatterm.tui.timeline.decoding import Colour, Row, half_cells, png
from chatterm.tui.timeline.pictures import Picture
from chatterm.tui.timeline.wrap import clip, wrap

if TYPE_CHECKING:
    from chatterm.tui.timeline.decoding import Pixels

log = logging.getLogger(__name__)

KEPT: Final = 24
"""Pictures that are kept ready to be drawn: more than the tallest terminal shows."""
BUSY_MAX: Final = 16
"""Pictures that are fetched or decoded at a time; more ask again when they are painted."""
FAILURES_KEPT: Final = 256
IDS: Final = 4_096
"""Ids for the terminal, used in turn: far more than are in use at a time."""
OFFLINE: Final = "It is shown once there is a connection."
FRAME_MIN: Final = 12
FRAME_MIN_ROWS: Final = 3
"""Cells and rows from which on there is room for a frame."""


class Source(Protocol):
    """Where pictures come from: the engine, as far as it is needed here."""

    @property
    def status(self) -> ConnectionStatus: ...

    @property
    def transfers(self) -> Transfers: ...


class Key(NamedTuple):
    """One picture in one size on one background."""

    file_id: int
    columns: int
    rows: int
    background: Colour


class Gallery:
    """Gives rows of pictures for painting, and has those fetched that are not there yet."""

    def __init__(
        self,
        source: Source,
        drawing: Drawing,
        *,
        write: Callable[[str], None],
        begin: Callable[[Callable[[], Awaitable[None]]], None],
        changed: Callable[[], None],
    ) -> None:
        """`write` goes to the terminal, `begin` runs a coroutine soon; `changed` is called when there is news."""
        self._source = source
        self._drawing = drawing
        self._write = write
        self._begin = begin
        self._changed = changed
        self._ready: OrderedDict[Key, list[Row]] = OrderedDict()
        self._failed: OrderedDict[int, str] = OrderedDict()
        self._busy: set[Key] = set()
        self._turns = asyncio.Lock()
        self._ids: dict[Key, int] = {}
        self._next_id = 0
        self._closed = False

    def row(self, picture: Picture, number: int, background: Colour) -> Row | None:
        """A row of a picture; None while it is not there."""
        key = Key(picture.file.id, picture.columns, picture.rows, background)
        rows = self._ready.get(key)
        if rows is not None:
            self._ready.move_to_end(key)
            return rows[number]
        if picture.file.id not in self._failed:
            self._want(key, picture)
        return None

    def problem(self, picture: Picture) -> str:
        """Why a picture cannot be shown; empty if it is on its way."""
        return self._failed.get(picture.file.id, "")

    def try_again(self) -> None:
        """What failed may work now, for example with a connection."""
        if self._failed:
            self._failed.clear()
            self._changed()

    def close(self) -> None:
        """Free what the terminal holds."""
        self._closed = True
        for image_id in self._ids.values():
            self._write_deletion(image_id)
        self._ids.clear()
        self._ready.clear()

    def _want(self, key: Key, picture: Picture) -> None:
        if key in self._busy:
            return
        file = picture.file
        cached = self._source.transfers.cached_picture(file.id, thumbnail=file.thumbnail)
        if cached is None and self._source.status.link is not Link.ONLINE:
            self._fail(file.id, OFFLINE)
        elif cached is not None or len(self._busy) < BUSY_MAX:
            self._busy.add(key)
            self._begin(lambda: self._bring(key, picture))

    def _fail(self, file_id: int, reason: str) -> None:
        self._failed[file_id] = reason
        while len(self._failed) > FAILURES_KEPT:
            self._failed.popitem(last=False)

    async def _bring(self, key: Key, picture: Picture) -> None:
        """Fetch and decode a picture, or keep why that cannot be done."""
        try:
            path = await self._source.transfers.picture(key.file_id, thumbnail=picture.file.thumbnail)
            async with self._turns:
                await self._decode(key, picture, path)
        except ClientError as error:
            self._fail(key.file_id, terminal_safe(error.message))
        except Exception:  # one picture that nobody can decode must cost no more than itself
            log.exception("the picture %d cannot be shown", key.file_id)
            self._fail(key.file_id, "It cannot be shown; the log says why.")
        finally:
            self._busy.discard(key)
        if not self._closed:
            self._changed()

    async def _decode(self, key: Key, picture: Picture, path: Path) -> None:
        if self._drawing == "kitty":
            pixels = await asyncio.to_thread(png, path, picture, key.background)
            if self._closed:
                return
            self._ready[key] = self._transmit(key, picture, pixels)
        else:
            self._ready[key] = await asyncio.to_thread(half_cells, path, picture, key.background)
        while len(self._ready) > KEPT:
            gone, _ = self._ready.popitem(last=False)
            if gone in self._ids:
                self._write_deletion(self._ids.pop(gone))

    def _transmit(self, key: Key, picture: Picture, pixels: "Pixels") -> list[Row]:
        from chatterm.tui.timeline.kitty import FIRST_ID, placeholders, transmission  # noqa: PLC0415 - only for kitty

        image_id = self._ids[key] = FIRST_ID + self._next_id
        self._next_id = (self._next_id + 1) % IDS
        for command in transmission(image_id, picture, pixels):
            self._write(command)
        return placeholders(image_id, picture)

    def _write_deletion(self, image_id: int) -> None:
        from chatterm.tui.timeline.kitty import deletion  # noqa: PLC0415 - only for kitty

        self._write(deletion(image_id))


def frame_row(picture: Picture, number: int, problem: str) -> str:
    """A row of what stands in a picture's place: a frame with its name and size, and what is wrong with it."""
    width, rows = picture.columns, picture.rows
    size = f"{picture.file.width:,} × {picture.file.height:,}"
    told = problem or f"{size}, loading …"
    if width < FRAME_MIN or rows < FRAME_MIN_ROWS:
        return fill(told if number == rows // 2 else "", width)
    if number in (0, rows - 1):
        left, right = "╭╮" if number == 0 else "╰╯"
        return f"{left}{'─' * (width - 2)}{right}"
    lines = [told[start:end] for start, end in wrap(told, width - 2)]
    if rows > FRAME_MIN_ROWS:
        lines.insert(0, terminal_safe(picture.file.name))
    place = number - 1 - max(0, (rows - 2 - len(lines)) // 2)
    return f"│{fill(lines[place] if 0 <= place < len(lines) else '', width - 2)}│"


def fill(text: str, width: int) -> str:
    """One line of text in the middle of just `width` cells."""
    shown = clip(text, width)
    space = width - cell_len(shown)
    return " " * (space // 2) + shown + " " * (space - space // 2)
