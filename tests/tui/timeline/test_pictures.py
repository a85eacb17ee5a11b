"""Pictures in the conversation: their room, what is decoded and what is not, and how terminals get them."""

import asyncio
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image
from rich.cells import cell_len
from textual.color import Color

from chatproto.models import FileInfo
from chatterm.bench.data import OWN_ID, message
from chatterm.client.drawing import drawing_of
from chatterm.client.errors import ClientError
from chatterm.client.model import ConnectionStatus, Link
from chatterm.tui.timeline import decoding, gallery, kitty
from chatterm.tui.timeline.decoding import half_cells, png
from chatterm.tui.timeline.gallery import Gallery, frame_row
from chatterm.tui.timeline.hits import FileHit, LinkHit, MentionHit, hits, targets
from chatterm.tui.timeline.items import Columns, Kind
from chatterm.tui.timeline.pictures import COLUMNS_MAX, ROWS_MAX, Picture, picture_of
from tests.support.files import image
from tests.tui.timeline.test_body import laid_out, painter
from tests.tui.timeline.world import TimelineApp, World, until

BLACK = (0, 0, 0)


def info(width: int, height: int, *, name: str = "orchard.png", file_id: int = 1) -> FileInfo:
    return FileInfo(
        id=file_id, name=name, size=1_000, media_type="image/png", width=width, height=height, thumbnail=True
    )


def picture(columns: int, rows: int, file_id: int = 1) -> Picture:
    return Picture(info(columns * 8, rows * 16, file_id=file_id), columns, rows)


def cells(row: decoding.Row) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The colours above and below in each cell of a row."""
    found = []
    for text, style, _ in row:
        assert style is not None
        assert style.bgcolor is not None
        below = tuple(style.bgcolor.get_truecolor())
        above = tuple(style.color.get_truecolor()) if style.color is not None else below
        found += [(above, below)] * len(text)
    return found


# --- their room ---


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000), st.integers(2, 200))
def test_a_picture_takes_bounded_room_whatever_its_size_is_said_to_be(width: int, height: int, room: int) -> None:
    """Known from the message alone, so that nothing moves when it arrives."""
    found = picture_of(info(width, height), room)
    if found is not None:
        assert 2 <= found.columns <= min(room, COLUMNS_MAX)
        assert 1 <= found.rows <= ROWS_MAX
        if 2 < found.columns < 50 and 1 < found.rows < ROWS_MAX:  # nothing was cut off or rounded up
            assert abs(found.columns * 8 / width - found.rows * 16 / height) <= 24 / min(width, height)
    else:
        assert room < 8 or not 0 < min(width, height) <= max(width, height) <= 1_000_000


def test_only_formats_that_are_decoded_get_room() -> None:
    assert picture_of(replace(info(80, 80), media_type="image/svg+xml"), 60) is None
    assert picture_of(replace(info(80, 80), media_type="video/mp4"), 60) is None


def test_auto_goes_by_what_the_terminal_says_of_itself() -> None:
    """Pixels where they are known to work and get through; all others are asked, also tmux and screen."""
    colours = {"COLORTERM": "truecolor"}
    assert drawing_of("auto", {"TERM": "xterm-kitty", **colours}) == "kitty"
    assert drawing_of("auto", {"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1", **colours}) == "kitty"
    assert drawing_of("auto", {"TERM_PROGRAM": "ghostty", **colours}) == "kitty"
    assert drawing_of("auto", {"TERM": "tmux-256color", "KITTY_WINDOW_ID": "1", "TMUX": "x", **colours}) == "ask"
    assert drawing_of("auto", {"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm", **colours}) == "ask"
    assert drawing_of("auto", {"TERM": "foot"}) == "sixel"
    assert (
        drawing_of("auto", {"TERM": "foot", "TMUX": "x"}) == drawing_of("auto", {"TERM": "foot", "STY": "x"}) == "ask"
    )
    drawn = {setting: drawing_of(setting, colours) for setting in ("kitty", "cells", "off", "sixel")}
    assert drawn == {"kitty": "kitty", "cells": "cells", "off": "off", "sixel": "sixel"}


def test_without_colours_pictures_are_cells_and_placeholders_need_all_of_them() -> None:
    """Their colour is the number of the picture: with 256 colours it would be another one's."""
    assert drawing_of("kitty", {"TERM": "xterm-kitty"}) == "cells"
    assert drawing_of("auto", {"TERM": "xterm-kitty"}) == "ask"
    for setting in ("auto", "kitty", "sixel", "cells"):
        for term in ("xterm-kitty", "foot"):
            assert drawing_of(setting, {"TERM": term, "COLORTERM": "truecolor", "NO_COLOR": "1"}) == "cells"


# --- decoding ---


def test_a_cell_shows_two_pixels(tmp_path: Path) -> None:
    """Above and below; what is transparent shows the background."""
    source = Image.new("RGBA", (2, 4), (255, 0, 0, 255))
    source.putpixel((0, 1), (0, 0, 255, 255))
    source.putpixel((1, 2), (0, 0, 0, 0))
    source.save(tmp_path / "a.png")
    rows = half_cells(tmp_path / "a.png", picture(2, 2), (1, 2, 3))
    assert cells(rows[0]) == [((255, 0, 0), (0, 0, 255)), ((255, 0, 0), (255, 0, 0))]
    assert cells(rows[1]) == [((255, 0, 0), (255, 0, 0)), ((1, 2, 3), (255, 0, 0))]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_every_format_is_drawn_in_just_its_cells(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(image(kind, (90, 70)))
    rows = half_cells(path, picture(11, 4), BLACK)
    assert [sum(segment.cell_length for segment in row) for row in rows] == [11] * 4
    assert cells(rows[0])[0][0][0] > 200  # the red corner
    assert len(set(cells(rows[3]))) > 2


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it has this many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1_000)))
        + chunk(b"IEND", b"")
    )


def written(data: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    data.save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bomb(50_000, 50_000), "pictureTooLarge"),
        (bomb(8_000, 8_000), "pictureTooLarge"),
        (bomb(100, 100), "pictureBroken"),
        (written(Image.new("RGB", (4, 4)), "BMP"), "pictureBroken"),
        (written(Image.new("RGB", (4, 4)), "TIFF"), "pictureBroken"),
        (b"", "pictureBroken"),
        (image("PNG", (50, 50))[:200], "pictureBroken"),
        (b"GIF89a" + bytes(20), "pictureBroken"),
    ],
)
def test_bombs_other_formats_and_broken_files_are_refused(
    data: bytes, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything large is decoded, with a code."""
    path = tmp_path / "a"
    path.write_bytes(data)
    if code == "pictureTooLarge":
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    with pytest.raises(ClientError) as refusal:
        half_cells(path, picture(4, 4), BLACK)
    assert refusal.value.code == code


# --- kitty ---


def test_pictures_for_kitty_are_text_of_the_same_width(tmp_path: Path) -> None:
    """Placeholders with rows and columns counted, the id as their colour; commands in pieces, none of them answered."""
    path = tmp_path / "a"
    path.write_bytes(image("WEBP", (300, 200)))
    shown = picture(60, 12)
    commands = list(kitty.transmission(0x2C0007, shown, png(path, shown, BLACK)))
    assert len(commands) > 1
    body = ""
    for number, command in enumerate(commands):
        assert command.startswith("\x1b_G")
        assert command.endswith("\x1b\\")
        keys, _, data = command[3:-2].partition(";")
        assert "q=2" in keys.split(",")
        assert keys.endswith(f"m={int(number < len(commands) - 1)}")
        assert len(data) <= 4_096
        body += data
    assert commands[0].startswith("\x1b_Ga=T,U=1,q=2,f=100,t=d,i=2883591,c=60,r=12,")
    assert body.isascii()
    rows = kitty.placeholders(0x2C0007, shown)
    assert len(rows) == 12
    seen: set[str] = set()
    for [(text, style, _)] in rows:
        assert cell_len(text) == 60
        assert style is not None
        assert style.color is not None
        assert tuple(style.color.get_truecolor()) == (0x2C, 0x00, 0x07)
        seen.update(text[at : at + 3] for at in range(0, len(text), 3))
    assert len(seen) == 60 * 12  # every cell names another place of the picture


class Folder:
    """Pictures in a folder, by id: an engine as far as a gallery needs one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[int] = []
        self.status = ConnectionStatus(Link.ONLINE, 0.0)
        self.problem: ClientError | None = None

    @property
    def transfers(self) -> Any:
        return self

    def cached_picture(self, file_id: int, *, thumbnail: bool) -> Path | None:
        return None

    async def picture(self, file_id: int, *, thumbnail: bool) -> Path:
        self.asked.append(file_id)
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        return self.folder / f"{file_id}.png"


async def test_a_gallery_keeps_few_pictures_and_frees_the_others(tmp_path: Path) -> None:
    """Fetched newest first, each once while it is kept; what the terminal held is deleted there, too."""
    source = Folder(tmp_path)
    ids = range(1, gallery.KEPT + 4)
    for file_id in ids:
        (tmp_path / f"{file_id}.png").write_bytes(image("PNG", (16, 16)))
    sent: list[str] = []
    tasks: list[asyncio.Future[None]] = []
    shown = Gallery(
        source,
        "kitty",
        write=sent.append,
        begin=lambda work: tasks.append(asyncio.ensure_future(work())),
        changed=lambda: None,
    )
    for file_id in ids:
        assert shown.row(picture(2, 1, file_id), 0, BLACK) is None
        await tasks[-1]
    assert source.asked == list(ids)
    assert shown.row(picture(2, 1, ids[-1]), 0, BLACK) is not None
    transmitted = [command for command in sent if "a=T" in command]
    deleted = [command for command in sent if "a=d" in command]
    assert len(transmitted) == len(ids)
    assert [command.rpartition("i=")[2] for command in deleted] == [f"{kitty.FIRST_ID + n}\x1b\\" for n in range(3)]
    shown.close()
    assert len([command for command in sent if "a=d" in command]) == len(ids)


def test_a_frame_says_what_is_missing_in_just_the_room_of_the_picture() -> None:
    for columns in (2, 7, 12, 30, 60):
        for rows in range(1, 13):
            for problem in ("", "There is no connection."):
                shown = Picture(info(800, 600, name="orchard.jpg"), columns, rows)
                lines = [frame_row(shown, number, problem) for number in range(rows)]
                assert {cell_len(line) for line in lines} == {columns}
                if columns == 60 and rows > 3:
                    assert "orchard.jpg" in "".join(lines)
                    assert (problem or "800 × 600, loading") in "".join(lines)


# --- in the view ---


async def test_a_picture_takes_the_place_of_its_frame_and_nothing_moves(world: World, tmp_path: Path) -> None:
    """Offline its frame says why; with the connection back it is fetched, drawn, and can be switched off."""
    source = Folder(tmp_path)
    source.status = ConnectionStatus(Link.OFFLINE, 0.0)
    (tmp_path / "1.png").write_bytes(image("PNG", (320, 96)))
    world.store([replace(message(1, "look", OWN_ID), files=[info(320, 96)]), message(2, "nice")], seen=True)
    app = TimelineApp(world)
    app.timeline._look.pictures = source
    async with app.run_test(size=(60, 20)) as pilot:
        app.timeline.look(markdown=True, images="cells")
        await until(pilot, lambda: "shown once there is a" in app.text(), "the frame says why")
        before = [number for number, line in enumerate(app.lines()) if "nice" in line or "look" in line]
        assert "orchard.png" in app.text()
        assert "╭──" in app.text()
        assert source.asked == []
        source.status = ConnectionStatus(Link.ONLINE, 0.0)
        source.problem = ClientError("fileUnknown", "There is no such\x1b file.", "")
        app.timeline.ask_again()
        await until(pilot, lambda: "There is no such␛ file." in app.text(), "the frame says what the server said")
        source.problem = None
        app.timeline.ask_again()
        await until(pilot, lambda: "╭──" not in app.text() and "▀" in app.text(), "it is drawn")
        assert [number for number, line in enumerate(app.lines()) if "nice" in line or "look" in line] == before
        assert source.asked == [1, 1]
        drawn = [line for line in app.timeline.render_lines(app.timeline.size.region) if "▀" in line.text]
        assert all(strip.cell_length == 60 for strip in drawn)
        app.theme = "textual-light"
        await until(pilot, lambda: "▀" in app.text() and len(source.asked) == 3, "it is drawn on the new background")
        app.timeline.look(markdown=True, images="off")
        assert "▀" not in app.text()
        assert "▤ orchard.png" in app.text()


async def test_code_gets_its_colours_after_it_is_on_screen(world: World) -> None:
    """Plain first, then in colours, with nothing else changed."""
    world.store([message(1, "```python\ndef grow():\n    return 'tree'\n```", OWN_ID)], seen=True)
    app = TimelineApp(world)

    def colours() -> dict[str, Color]:
        strips = app.timeline.render_lines(app.timeline.size.region)
        return {
            text.strip(): Color.from_rich_color(style.color)
            for strip in strips
            for text, style, _ in strip
            if style is not None and style.color is not None and text.strip()
        }

    async with app.run_test(size=(60, 20)) as pilot:
        assert "def grow():" in colours()
        before = app.lines()
        await until(pilot, lambda: "def" in colours(), "the keyword has a style of its own")
        assert app.lines() == before
        assert len({colours()[text] for text in ("def", "():", "'tree'")}) == 3


# --- what can be clicked ---


def test_hits_name_the_cells_of_links_mentions_and_files() -> None:
    """Cell by cell what is painted there, also behind bullets, wide characters and over the ends of lines."""
    text = "- 漢 @Béla [a long text of a link](https://x.org/a) end"
    source = replace(message(2, text, OWN_ID), mentions=[2], files=[info(40, 40)])
    columns = Columns.of(34)
    item = laid_out(source, 34)
    found: dict[object, str] = {}
    for line, (kind, *_) in enumerate(item.lines):
        strip = painter().strip(item, line, columns)
        spans = hits(item, line, columns)
        assert not spans or kind in (Kind.BODY, Kind.PART)
        for start, end, hit in spans:
            found[hit] = found.get(hit, "") + strip.crop(start, end).text
    assert found.pop(LinkHit("https://x.org/a")).replace(" ", "") == "alongtextofalink"
    assert found == {MentionHit(2): "@Béla", FileHit(source.files[0]): item.parts[0]}
    assert targets(item) == [LinkHit("https://x.org/a"), FileHit(source.files[0])]
