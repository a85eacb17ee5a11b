"""The picture of `chatserver top`: figures in, lines out; what fits the size, the most telling first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chatserver.top import rows, tables
from chatserver.top.cells import BAD, DIM, GOOD, PLAIN, STRONG, TITLE, WARN, Glyphs, Line, Piece, both_ends, cut, fitted
from chatserver.top.rows import Row
from chatserver.top.watch import Watch
from chatserver.top.words import span

TWO_COLUMNS: Final = 72
"""Cells from which there are two columns."""
GAP: Final = 2
_TABLE_MIN: Final = 3
_WHOLE: Final = 22
"""Lines that one column of everything takes."""
_ERRORS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class View:
    """What is shown, and how."""

    watch: Watch
    url: str
    interval: float
    now: float
    """Seconds since 1970 UTC."""
    sort: str = "deliveries"
    paused: bool = False
    trouble: str = ""
    """Why there is no newer reading."""
    silent_s: float = 0.0
    """For how long there has been none."""
    retry_s: float = 0.0
    """Seconds until the next try."""
    keys: str = ""


def paint(view: View, width: int, height: int, marks: Glyphs) -> list[Line]:
    """As many lines as the height, each of the width."""
    lines = [_header(view, width, marks)]
    room = height - 2
    if room > 0:
        lines += _body(view, width, room, marks)[:room]
    while len(lines) < height - 1:
        lines.append(fitted([], width))
    if height > 1:
        lines.append(_footer(view, width))
    return [fitted(line, width) for line in lines[: max(0, height)]]


def page(view: View, width: int, marks: Glyphs) -> list[Line]:
    """Everything in the figures once, for a printer or a pipe: as high as it has to be."""
    return [_header(view, width, marks), *_body(view, width, 1_000, marks)]


def _header(view: View, width: int, marks: Glyphs) -> Line:
    now = view.watch.figures
    place = view.url.partition("://")[2] if view.url.startswith("http://") else view.url
    left = [Piece("chatserver ", TITLE), Piece(cut(place, min(len(place), 60), marks.ellipsis), STRONG)]
    if now is not None:
        up = span((now.at if view.trouble else view.now) - now.started_at)
        version = cut(now.version, min(len(now.version), 20), marks.ellipsis)
        left += [Piece("  "), Piece(f"{version}, up {up}, every {view.interval:g} s", DIM)]
    return both_ends(left, _state(view, marks), width)


def _state(view: View, marks: Glyphs) -> Line:
    if view.trouble:
        return [Piece(f" {marks.dot} no answer for {span(view.silent_s)}", BAD)]
    if view.paused:
        return [Piece(f" {marks.dot} paused", WARN)]
    if view.watch.figures is None:
        return [Piece(f" {marks.dot} asking", DIM)]
    return [Piece(f" {marks.dot} live", GOOD)]


def _footer(view: View, width: int) -> Line:
    if view.trouble:
        again = f"; next try in {view.retry_s:.0f} s" if view.retry_s >= 1 else "; trying again"
        return both_ends([Piece(cut(view.trouble, width, "~").rstrip() + again, BAD)], [], width)
    restarted = view.watch.restarted_at
    note = ""
    if restarted is not None and view.now - restarted < 3_600:
        note = f" restarted {span(view.now - restarted)} ago "
    return both_ends([Piece(view.keys, DIM)], [Piece(note, WARN)] if note else [], width)


def _body(view: View, width: int, room: int, marks: Glyphs) -> list[Line]:
    if view.watch.figures is None:
        text = "waiting for the server" if view.trouble else "asking the server, and again in a moment for rates"
        return [fitted([], width), fitted([Piece(text, DIM)], width)]
    two = width >= TWO_COLUMNS
    if not two and room < _WHOLE:
        return _most_telling(view, width, marks)
    columns = _columns(width) if two else [width, width]
    left, right = (
        [rule("traffic, latency (p50/p99)", columns[0], marks), *_rows(view, rows.traffic, columns[0], marks)],
        [rule("resources", columns[1], marks), *_rows(view, rows.resources, columns[1], marks)],
    )
    upper = beside(left, right, columns) if two else [*left, *right]
    return upper + _lower(view, columns, room - len(upper), marks, two=two)


def _most_telling(view: View, width: int, marks: Glyphs) -> list[Line]:
    """For a small window: single rows, those first that tell most."""
    assert view.watch.figures is not None
    found = [*rows.traffic(view.watch, view.now, width, marks), *rows.resources(view.watch, view.now, width, marks)]
    ranked = sorted(found, key=lambda row: rows.FIRST.index(row.label) if row.label in rows.FIRST else len(rows.FIRST))
    return [_row(row, width, marks, stale=bool(view.trouble)) for row in ranked]


def _columns(width: int) -> list[int]:
    left = (width - GAP + 1) // 2
    return [left, width - GAP - left]


def _rows(view: View, make: rows.MakeRows, width: int, marks: Glyphs) -> list[Line]:
    assert view.watch.figures is not None
    return [_row(row, width, marks, stale=bool(view.trouble)) for row in make(view.watch, view.now, width, marks)]


def _row(row: Row, width: int, marks: Glyphs, *, stale: bool) -> Line:
    style = DIM if stale else row.style
    label = cut(row.label, min(rows.LABEL_CELLS, width // 2), marks.ellipsis)
    return both_ends([Piece(label, DIM), *row.graph], [Piece(" "), Piece(row.value, style)], width)


def _lower(view: View, columns: Sequence[int], room: int, marks: Glyphs, *, two: bool) -> list[Line]:
    """Chats and statements with what is left, errors below them if there are any."""
    assert view.watch.figures is not None
    errors = tables.errors(view.watch.figures, sum(columns) + GAP if two else columns[0], marks)[:_ERRORS_MAX]
    for_errors = min(len(errors), max(0, room // 4)) + 1 if errors and room > 2 * _TABLE_MIN else 0
    left = room - for_errors
    each = left if two else left // 2
    if each < _TABLE_MIN:
        return []
    chats = tables.chats(view.watch.figures, view.sort, columns[0], marks)
    statements = tables.statements(view.watch.figures, view.sort, columns[1], marks)
    titles = (f"chats, a minute, by {view.sort}", "database, the last minute")
    one = [rule(titles[0], columns[0], marks), *chats[: each - 1]]
    other = [rule(titles[1], columns[1], marks), *statements[: each - 1]]
    lines = beside(one, other, columns) if two else [*one, *other]
    if for_errors:
        width = sum(columns) + GAP if two else columns[0]
        lines += [rule("what went wrong, last minute / since the start", width, marks), *errors[: for_errors - 1]]
    return lines


def rule(title: str, width: int, marks: Glyphs) -> Line:
    """A line with a title in it."""
    head = [Piece(marks.rule + " ", DIM), Piece(title, TITLE), Piece(" ", PLAIN)]
    return fitted([*head, Piece(marks.rule * width, DIM)], width)


def beside(one: Sequence[Line], other: Sequence[Line], columns: Sequence[int]) -> list[Line]:
    """Two blocks of lines next to each other."""
    height = max(len(one), len(other))

    def line(block: Sequence[Line], number: int, width: int) -> Line:
        return fitted(block[number] if number < len(block) else [], width)

    return [[*line(one, n, columns[0]), Piece(" " * GAP), *line(other, n, columns[1])] for n in range(height)]
