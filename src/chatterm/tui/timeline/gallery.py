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
from chatterm.tui.timeline.decoding import Colour, Row, half_cells, png, sixels
from chatterm.tui.timeline.pictures import Picture
from chatterm.tui.timeline.wrap import clip, wrap

if TYPE_CHECKING:
    from chatterm.tui.timeline.decoding import Pixels
    from chatterm.tui.timeline.pixel_row import PixelRow
    from chatterm.tui.timeline.sixel import Grain

log = logging.getLogger(__name__)

KEPT: Final = 24
"""Pictures that are kept ready to be drawn: more than the tallest terminal shows."""
BYTES_KEPT: Final = 16_777_216
"""Bytes of Sixel graphics that are kept; one picture may have more."""
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
    grain: "Grain | None"
    """How it is drawn in pixels; None if it is not, or in another way."""


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
        self.grain: Grain | None = None
        """How pictures are drawn as Sixel graphics; None if they are not."""
        self.coarse = False
        """Whether half cells stand for them for a while."""
        self.graphics_bytes = 0
        """Bytes of the graphics that were given for painting so far."""
        self._source = source
        self._drawing = drawing
        self._write = write
        self._begin = begin
        self._changed = changed
        self._ready: OrderedDict[Key, list[Row] | list[PixelRow]] = OrderedDict()
        self._bytes = 0
        self._failed: OrderedDict[int, str] = OrderedDict()
        self._busy: set[Key] = set()
        self._turns = asyncio.Lock()
        self._ids: dict[Key, int] = {}
        self._next_id = 0
        self._closed = False

    def row(self, picture: Picture, number: int, background: Colour) -> "Row | PixelRow | None":
        """A row of a picture; None while it is not there."""
        key = Key(picture.file.id, picture.columns, picture.rows, background, self._grain(picture))
        rows = self._ready.get(key)
        if rows is not None:
            self._ready.move_to_end(key)
            return self._given(rows[number])
        if picture.file.id not in self._failed:
            self._want(key, picture)
        return self._instead(key, number)

    def _grain(self, picture: Picture) -> "Grain | None":
        """How a picture is drawn in pixels, if it is and if it is not too large for that."""
        if self.grain is None:
            return None
        from chatterm.tui.timeline.sixel import fits  # noqa: PLC0415 - only for terminals with Sixel

        return self.grain if fits(self.grain, picture.columns, picture.rows) else None

    def _given(self, row: "Row | PixelRow") -> "Row | PixelRow":
        if isinstance(row, list):
            return row
        if self.coarse:
            return row.cells
        self.graphics_bytes += len(row.pixels)
        return row

    def _instead(self, key: Key, number: int) -> Row | None:
        """The half cells of a picture that is being made ready for pixels, or for others than before."""
        for other, rows in reversed(self._ready.items()):
            if other[:-1] == key[:-1]:
                row = rows[number]
                return row if isinstance(row, list) else row.cells
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
        self._bytes = 0

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
        rows: list[Row] | list[PixelRow]
        if self._drawing == "kitty":
            pixels = await asyncio.to_thread(png, path, picture, key.background)
            if self._closed:
                return
            rows = self._transmit(key, picture, pixels)
        elif key.grain is not None:
            rows = await asyncio.to_thread(sixels, path, picture, key.background, key.grain)
        else:
            rows = await asyncio.to_thread(half_cells, path, picture, key.background)
        self._keep(key, rows)

    def _keep(self, key: Key, rows: "list[Row] | list[PixelRow]") -> None:
        """Keep a picture, and let the longest unused ones go."""
        self._ready[key] = rows
        self._bytes += _bytes_of(rows)
        while len(self._ready) > KEPT or (self._bytes > BYTES_KEPT and len(self._ready) > 1):
            gone, its_rows = self._ready.popitem(last=False)
            self._bytes -= _bytes_of(its_rows)
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


def _bytes_of(rows: "list[Row] | list[PixelRow]") -> int:
    return sum(0 if isinstance(row, list) else len(row.pixels) for row in rows)


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
