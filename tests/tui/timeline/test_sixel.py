"""Pictures as Sixel graphics: what is written, when, and what stands in their place where they cannot be drawn."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image, ImageChops, ImageStat
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import MONOKAI
from textual.app import ComposeResult
from textual.color import Color
from textual.filter import ANSIToTruecolor
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Static
from textual.widgets._toast import Toast

from chatterm.bench.data import OWN_ID, message
from chatterm.client.errors import ClientError
from chatterm.tui.answers import Question
from chatterm.tui.pixels import ATTRIBUTES_QUERY, COLOURS_QUERY, TerminalPixels, Window
from chatterm.tui.timeline import gallery, sharpness
from chatterm.tui.timeline.decoding import sixels
from chatterm.tui.timeline.gallery import Gallery
from chatterm.tui.timeline.pixel_row import PixelRow, PixelStrip
from chatterm.tui.timeline.sharpness import BYTES_AT_ONCE, REST_S, Pace
from chatterm.tui.timeline.sixel import COLOURS_MAX, PIXELS_MAX, Grain, encode, fits
from tests.support import ansi, sixel
from tests.support.files import image
from tests.tui.timeline.test_pictures import BLACK, Folder, bomb, info, picture
from tests.tui.timeline.world import TimelineApp, World, until

CONSOLE = Console(color_system="truecolor", force_terminal=True)
GRAIN = Grain(10, 20, 256)


def graphics(written: str) -> list[sixel.Graphic]:
    return ansi.read(written.encode()).graphics


def shown(rows: Iterable[Iterable[sixel.Graphic]]) -> Image.Image:
    """What a terminal shows of rows of graphics that stand next to and below each other."""
    lines = []
    for row in rows:
        parts = list(row)
        lines += [[pixel for part in parts for pixel in part.pixels[y]] for y in range(parts[0].height)]
    found = Image.new("RGB", (len(lines[0]), len(lines)))
    found.putdata([pixel for line in lines for pixel in line])
    return found


def difference(one: Image.Image, other: Image.Image) -> float:
    """How far two images are apart on average, from 0 to 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


# --- the encoder ---


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 3)),
    st.tuples(st.integers(1, 14), st.integers(1, 27)),
    st.integers(0, 300),
    st.randoms(),
)
def test_what_is_encoded_is_what_a_terminal_draws(
    cells: tuple[int, int], cell: tuple[int, int], colours: int, random: Any
) -> None:
    """Pixel by pixel, whatever the size of a cell: each row is one graphic of just its height, with few colours."""
    (columns, rows), (width, height) = cells, cell
    size = columns * width, rows * height
    few = [tuple(random.randrange(6) * 51 for _ in range(3)) for _ in range(12)]
    source = Image.new("RGB", size)
    source.putdata([random.choice(few) for _ in range(size[0] * size[1])])
    drawn = [graphics(row) for row in encode(source, Grain(width, height, colours))]
    assert [(part.width, part.height) for [part] in drawn] == [(size[0], height)] * rows
    assert ImageChops.difference(shown(drawn), source).getextrema() == ((0, 0), (0, 0), (0, 0))


def test_a_picture_of_many_colours_is_drawn_with_few_that_all_rows_share() -> None:
    grey = Image.linear_gradient("L").resize((200, 120))
    source = Image.merge("RGB", [grey, Image.radial_gradient("L").resize((200, 120)), grey.rotate(180)])
    for colours in (2, 16, 64, 1_024):
        drawn = [graphics(row) for row in encode(source, Grain(10, 20, colours))]
        palette: dict[int, sixel.Colour] = {}
        for [part] in drawn:
            assert all(palette.setdefault(number, colour) == colour for number, colour in part.palette.items())
        assert len(palette) <= max(16, min(colours, COLOURS_MAX))
        assert difference(shown(drawn), source) < 400 / max(16, min(colours, COLOURS_MAX)) + 2


def test_a_row_that_is_too_wide_for_one_graphic_is_drawn_as_several_next_to_each_other() -> None:
    """XTerm draws no more than 1,000 pixels; the cursor goes to where each of them begins."""
    source = Image.linear_gradient("L").rotate(90).resize((60 * 40, 80)).convert("RGB")
    [row] = encode(source, Grain(40, 80, 256))
    parts = graphics(row)
    assert [part.width for part in parts] == [960, 960, 480]
    assert re.findall("\x1b8\x1b\\[([0-9]+)C", row) == ["24", "48"]
    assert difference(shown([parts]), source) < 4


@given(st.integers(-5, 5_000), st.integers(-5, 5_000), st.integers(2, 60), st.integers(1, 12))
def test_nothing_huge_is_encoded(width: int, height: int, columns: int, rows: int) -> None:
    if fits(Grain(width, height, 256), columns, rows):
        assert 0 < width * columns * height * rows <= PIXELS_MAX


def test_hostile_files_are_refused_before_they_are_encoded(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for data, code in ((bomb(50_000, 50_000), "pictureTooLarge"), (b"GIF89a" + bytes(20), "pictureBroken")):
        path.write_bytes(data)
        with pytest.raises(ClientError) as refusal:
            sixels(path, picture(4, 4), BLACK, GRAIN)
        assert refusal.value.code == code


def test_transparent_pictures_are_drawn_on_the_background(tmp_path: Path) -> None:
    path = tmp_path / "a"
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(path, "PNG")
    rows = sixels(path, picture(4, 2), (51, 102, 153), GRAIN)
    for row in rows:
        [graphic] = graphics(row.pixels)
        assert {pixel for line in graphic.pixels for pixel in line} == {(51, 102, 153)}


# --- a line with a picture ---


def pixel_strip() -> PixelStrip:
    """Three columns of text, four of a picture, and five of text again."""
    cells = [Segment("▀▄▀▄", Style.parse("red on blue"))]
    [drawn] = encode(Image.new("RGB", (40, 20), (0, 0, 255)), GRAIN)
    row = PixelRow(cells, drawn, 4)
    text = Style.parse("white on black")
    return row.over(Strip([Segment("abc", text), *cells, Segment("defgh", text)], 12), 3)


def written(strip: Strip) -> str:
    return strip.render(CONSOLE)


def test_a_line_takes_away_what_was_there_and_leaves_the_cursor_behind_the_picture() -> None:
    """Blanks in the colour of the line, the graphic where they began, and then on; nothing depends on where it ends."""
    output = written(pixel_strip())
    plain = re.sub("\x1b\\[[0-9;]*m", "", output)
    assert re.fullmatch("abc\x1b7    \x1b8\x1bP[^\x1b]+\x1b\\\\\x1b8\x1b\\[4Cdefgh", plain)
    assert "\x1b[37;40m    \x1b[0m" in output
    assert ansi.read(output.encode()).text == "abc    defgh"


def test_a_line_that_is_cut_through_the_picture_shows_cells_and_one_cut_beside_it_pixels() -> None:
    strip = pixel_strip()
    assert strip.text == "abc▀▄▀▄defgh"
    for start in range(13):
        for end in range(start, 13):
            part = strip.crop(start, end)
            assert part.text == strip.text[start:end]
            assert part.cell_length == end - start
            assert len(graphics(written(part))) == int(start <= 3 and end >= 7)
            assert (
                ansi.read(written(part).encode()).text.translate({ord("▀"): " ", ord("▄"): " "})
                == ("abc    defgh"[start:end])
            )
    parts = strip.divide([2, 8, 12])
    assert [part.text for part in parts] == ["ab", "c▀▄▀▄d", "efgh"]
    assert [len(graphics(written(part))) for part in parts] == [0, 1, 0]
    assert [len(graphics(written(part))) for part in strip.divide([5, 12])] == [0, 0]
    assert strip.divide([12]) == [strip]


def test_whatever_looks_through_a_line_sees_cells() -> None:
    """A screen over it, a picture of the screen, another style; filters of colours leave the picture alone."""
    strip = pixel_strip()
    strip.render(CONSOLE)
    joined = Strip.join([strip, Strip([Segment("x")], 1)])
    assert written(joined).count("\x1bP") == 0
    assert written(strip.apply_style(Style(bold=True))).count("\x1bP") == 0
    assert written(strip.adjust_cell_length(20)).count("\x1bP") == 0
    assert written(strip.adjust_cell_length(12)).count("\x1bP") == 1
    theme = ANSIToTruecolor(MONOKAI)
    filtered = strip.apply_filter(theme, Color(0, 0, 0))
    assert written(filtered).count("\x1bP") == 1
    assert filtered != strip


# --- what the terminal says ---


class FakeTerminal:
    """A terminal of which a test decides what it says."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.asked: list[str] = []
        self._questions: list[Question] = []
        self.changes = 0
        self.pixels = TerminalPixels(self._ask, lambda: self.window)
        self.pixels.listeners.append(self._change)

    def _change(self) -> None:
        self.changes += 1

    def _ask(self, query: str, questions: Iterable[Question]) -> None:
        assert not self._questions, "two exchanges at a time"
        self.asked.append(query)
        self._questions = list(questions)

    def say(self, *answers: str) -> None:
        """Answer all that was asked, in this order."""
        questions, self._questions = self._questions, []
        for answer in answers:
            [(question, found)] = [
                (question, found) for question in questions if (found := question.answer.fullmatch(answer))
            ]
            question.told(found)


def test_a_terminal_is_asked_whether_it_draws_sixel_and_then_for_what_that_needs() -> None:
    terminal = FakeTerminal(Window(30, 100, 1000, 600))
    assert not terminal.pixels.draws_sixel()
    assert not terminal.pixels.draws_sixel()
    assert terminal.asked == [ATTRIBUTES_QUERY]
    terminal.say("\x1b[?64;1;4;22c")
    assert terminal.pixels.draws_sixel()
    assert terminal.changes == 1
    assert terminal.pixels.grain() == Grain(10, 20, COLOURS_MAX)
    assert terminal.asked[1].startswith(COLOURS_QUERY)
    terminal.say("\x1b[?1;0;16S", "\x1b[?64;4c")
    assert terminal.pixels.grain() == Grain(10, 20, 16)
    assert len(terminal.asked) == 2


@pytest.mark.parametrize("answer", ["\x1b[?1;2c", "\x1b[?6c", "\x1b[?4c", "\x1b[?62;14;41c"])
def test_a_terminal_without_sixel_is_asked_once_and_nothing_that_it_may_not_know(answer: str) -> None:
    """The 4 of a terminal's kind is not the 4 of what it can do."""
    terminal = FakeTerminal(Window(30, 100, 1000, 600))
    assert not terminal.pixels.draws_sixel()
    terminal.say(answer)
    assert not terminal.pixels.draws_sixel()
    assert terminal.asked == [ATTRIBUTES_QUERY]


@pytest.mark.parametrize(
    ("window", "answers", "cell"),
    [
        (Window(30, 100, 1000, 600), (), (10, 20)),
        (Window(30, 100, 0, 0), (), None),
        (Window(0, 0, 0, 0), (), None),
        (Window(30, 100, 0, 0), ("\x1b[6;21;9t",), (9, 21)),
        (Window(30, 100, 0, 0), ("\x1b[4;630;900t",), (9, 21)),
        (Window(30, 100, 0, 0), ("\x1b[4;631;900t",), None),
        (Window(30, 100, 1004, 604), (), (10, 20)),
        (Window(30, 100, 1104, 664), ("\x1b[6;20;10t", "\x1b[4;631;900t"), (10, 20)),
    ],
)
def test_the_size_of_a_cell_is_known_or_there_are_no_pixels(
    window: Window, answers: tuple[str, ...], cell: tuple[int, int] | None
) -> None:
    terminal = FakeTerminal(window)
    before = terminal.pixels.grain()
    assert before is None or before[:2] == cell
    terminal.say(*answers, "\x1b[?62;4c")
    after = terminal.pixels.grain()
    assert (after[:2] if after is not None else None) == cell


def test_another_window_or_font_is_measured_again_and_meanwhile_the_last_cell_holds() -> None:
    terminal = FakeTerminal(Window(30, 100, 0, 0))
    terminal.pixels.grain()
    terminal.say("\x1b[6;20;10t", "\x1b[?62;4c")
    assert terminal.changes == 1
    terminal.pixels.window_changed()
    assert terminal.changes == 1
    terminal.window = Window(40, 120, 0, 0)
    terminal.pixels.window_changed()
    assert terminal.changes == 2
    assert terminal.pixels.grain() == Grain(10, 20, COLOURS_MAX)
    terminal.window = Window(41, 120, 0, 0)
    assert terminal.pixels.grain() == Grain(10, 20, COLOURS_MAX)
    assert len(terminal.asked) == 2
    terminal.say("\x1b[6;30;15t", "\x1b[?62;4c")
    assert terminal.pixels.grain() == Grain(15, 30, COLOURS_MAX)
    assert len(terminal.asked) == 3


def test_a_window_with_an_edge_keeps_its_cell_while_it_is_dragged_larger() -> None:
    """XTerm counts its edge and tells no cell; pixels do not give way to half cells with each step of the mouse."""
    terminal = FakeTerminal(Window(30, 100, 1004, 604))
    assert terminal.pixels.grain() is None
    terminal.say("\x1b[?63;4c")
    assert terminal.pixels.grain() == Grain(10, 20, COLOURS_MAX)
    for columns in range(101, 105):
        terminal.window = Window(30, columns, columns * 10 + 4, 604)
        assert terminal.pixels.grain() == Grain(10, 20, COLOURS_MAX)
    terminal.window = Window(30, 104, 104 * 6 + 4, 30 * 13 + 4)
    for _ in range(2):  # the first answer is to what was asked before the font changed
        assert terminal.pixels.grain() is None
        terminal.say("\x1b[?63;4c")
    assert terminal.pixels.grain() == Grain(6, 13, COLOURS_MAX)
    assert len(terminal.asked) == 3


# --- how often ---


def test_paints_that_follow_each_other_quickly_send_no_graphics_until_there_is_rest() -> None:
    pace, sent, now, drawn = Pace(), 0, 100.0, []
    for _ in range(100):
        coarse = pace.is_too_fast(now, sent)
        drawn.append(not coarse)
        sent += 0 if coarse else 200_000
        now += 0.02
    assert drawn[:2] == [True, True]
    assert not any(drawn[5:])
    assert sent <= 2 * BYTES_AT_ONCE
    assert not pace.is_too_fast(now + REST_S, sent)


def test_single_steps_and_small_pictures_always_show_pixels() -> None:
    for bytes_each, every in ((200_000, 0.3), (15_000, 0.02)):
        pace = Pace()
        assert not any(pace.is_too_fast(100 + step * every, step * bytes_each) for step in range(200))


# --- in the view ---


class SixelApp(TimelineApp):
    """A view above a line of text, in a terminal whose cells are known."""

    def compose(self) -> ComposeResult:
        yield self.timeline
        yield Static("below")


def pictured(strips: Iterable[Strip]) -> list[PixelStrip]:
    return [strip for strip in strips if isinstance(strip, PixelStrip)]


async def test_pixels_come_and_go_with_the_setting_and_the_terminal(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half cells until the terminal answers; a new font, the selected message, what covers it, and `off`."""
    monkeypatch.setattr(sharpness, "BYTES_PER_S", 1 << 40)
    source = Folder(tmp_path)
    (tmp_path / "1.png").write_bytes(image("PNG", (320, 96)))
    world.store([replace(message(1, "look", OWN_ID), files=[info(320, 96)]), message(2, "nice")], seen=True)
    app = SixelApp(world)
    app.timeline._look.pictures = source
    terminal = FakeTerminal(Window(20, 60, 0, 0))

    def strips() -> list[Strip]:
        return app.timeline.render_lines(app.timeline.size.region)

    def drawn() -> list[list[sixel.Graphic]]:
        return [graphics(written(strip)) for strip in pictured(strips())]

    async with app.run_test(size=(60, 20), notifications=True) as pilot:
        app._driver.pixels = terminal.pixels  # type: ignore[union-attr] # as the one for real terminals has it
        app.timeline.look(markdown=True, images="cells")
        await until(pilot, lambda: "▀" in app.text(), "it is drawn in cells")
        assert terminal.asked == []
        app.timeline.look(markdown=True, images="auto")
        await until(pilot, lambda: terminal.asked == [ATTRIBUTES_QUERY], "the terminal is asked")
        await until(pilot, lambda: "▀" in app.text(), "it is drawn in cells")
        terminal.say("\x1b[?62;4c")
        await until(pilot, lambda: len(terminal.asked) == 2, "the terminal is asked for its cells")
        assert pictured(strips()) == []
        terminal.say("\x1b[6;16;8t", "\x1b[?62;4c")
        await until(pilot, lambda: len(pictured(strips())) == 6, "it is drawn in pixels")
        picture_now = shown(drawn())
        assert picture_now.size == (320, 96)
        assert difference(picture_now, Image.open(tmp_path / "1.png").convert("RGB")) < 4
        assert painted(app).count("\x1bP") == 6
        through = app.screen._compositor.render_strips()
        assert "\x1bP" not in "".join(written(strip) for strip in through)
        assert "▀" in "".join(strip.text for strip in through)
        app.timeline.select(1)
        assert len(pictured(strips())) == 6
        assert all(strip.text.startswith("▌") for strip in pictured(strips()))
        with monkeypatch.context() as patch:
            patch.setattr(sharpness, "BYTES_AT_ONCE", -1)
            for _ in range(3):
                strips()
            assert pictured(strips()) == []
        await rested(app, pilot)
        assert len(pictured(strips())) == 6
        await _covered(app, pilot)
        terminal.window = Window(20, 60, 60 * 5, 20 * 11)
        terminal.pixels.window_changed()
        await until(pilot, lambda: bool(pictured(strips())) and drawn()[0][0].height == 11, "it has the new size")
        terminal.say("\x1b[?62;4c")
        app.timeline.look(markdown=True, images="off")
        assert pictured(strips()) == []
        assert "▀" not in app.text()
        app.timeline.look(markdown=True, images="cells")
        await until(pilot, lambda: "▀" in app.text(), "it is drawn in cells again")
        assert pictured(strips()) == []
        assert terminal.pixels.listeners == [terminal._change]


def painted(app: SixelApp) -> str:
    """What the terminal would get now."""
    return app.screen._compositor.render_full_update().render_segments(CONSOLE)


async def rested(app: SixelApp, pilot: Pilot[None]) -> None:
    """Wait until graphics may come again."""
    shown_here = app.timeline._look._with_extras()._gallery
    assert shown_here is not None
    await until(pilot, lambda: not shown_here.coarse, "it is painted after a rest")


async def _covered(app: SixelApp, pilot: Pilot[None]) -> None:
    """Something lies over a part of the picture, and is taken away again."""
    app.notify("cover\n" * 5, timeout=60)
    await until(pilot, lambda: len(app.screen.query(Toast)) == 1, "there is a notice")
    await rested(app, pilot)
    output = painted(app)
    assert "cover" in output
    assert 0 < output.count("\x1bP") < 6
    app.clear_notifications()
    await until(pilot, lambda: len(app.screen.query(Toast)) == 0, "the notice is gone")
    await rested(app, pilot)
    assert painted(app).count("\x1bP") == 6


async def test_a_view_that_ends_with_the_screen_draws_no_pixels(world: World, tmp_path: Path) -> None:
    """A graphic in the last row of the screen would scroll it."""
    source = Folder(tmp_path)
    (tmp_path / "1.png").write_bytes(image("PNG", (320, 96)))
    world.store([replace(message(1, "look", OWN_ID), files=[info(320, 96)])], seen=True)
    app = TimelineApp(world)
    app.timeline._look.pictures = source
    terminal = FakeTerminal(Window(20, 60, 600, 400))
    async with app.run_test(size=(60, 20)) as pilot:
        app._driver.pixels = terminal.pixels  # type: ignore[union-attr] # as above
        app.timeline.look(markdown=True, images="sixel")
        await until(pilot, lambda: terminal.asked != [] and "▀" in app.text(), "it is drawn in cells")
        gallery_now = app.timeline._look._with_extras()._gallery
        assert gallery_now is not None
        await until(pilot, lambda: any(key.grain is not None for key in gallery_now._ready), "pixels are ready")
        assert pictured(app.timeline.render_lines(app.timeline.size.region)) == []


async def test_a_gallery_keeps_few_bytes_of_graphics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest unused go first; one that is larger than all that may be kept is still shown."""
    (tmp_path / "1.png").write_bytes(image("PNG", (160, 160)))
    (tmp_path / "2.png").write_bytes(image("PNG", (160, 160)))
    work: list[Any] = []
    shown_here = Gallery(Folder(tmp_path), "sixel", write=lambda text: None, begin=work.append, changed=lambda: None)
    shown_here.grain = GRAIN
    size = 0
    for number, limit in ((1, 1 << 30), (2, 1 << 30), (1, 0), (2, 0)):
        monkeypatch.setattr(gallery, "BYTES_KEPT", limit)
        if shown_here.row(picture(20, 10, number), 0, BLACK) is None:
            await work.pop()()
        row = shown_here.row(picture(20, 10, number), 0, BLACK)
        assert isinstance(row, PixelRow)
        size = size or shown_here._bytes
        assert shown_here._bytes == size * len(shown_here._ready)
    assert size > 1_000
    assert len(shown_here._ready) == 2
    shown_here.grain = Grain(5, 10, 256)
    assert shown_here.row(picture(20, 10, 1), 0, BLACK) is not None  # the half cells of the other size
    await work.pop()()
    assert [key.grain for key in shown_here._ready] == [shown_here.grain]
