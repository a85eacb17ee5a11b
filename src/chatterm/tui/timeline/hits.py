"""What on a line of a message can be clicked: links, mentions, files and pictures."""

from dataclasses import dataclass

from rich.cells import cell_len

from chatproto.models import FileInfo
from chatterm.tui.timeline.items import PADDING, Columns, Item, Kind
from chatterm.tui.timeline.markup_layout import text_cells_before
from chatterm.tui.timeline.wrap import clip


@dataclass(frozen=True, slots=True)
class LinkHit:
    """A link; `target` is validated: http, https or mailto, ASCII."""

    target: str


@dataclass(frozen=True, slots=True)
class MentionHit:
    """A mention of a user; 0 is everybody."""

    user_id: int


@dataclass(frozen=True, slots=True)
class FileHit:
    """A file, by its line or its picture."""

    file: FileInfo


Hit = LinkHit | MentionHit | FileHit
Span = tuple[int, int, Hit]
"""Cells of the line from the first to before the second, and what is there."""


def hits(item: Item, line: int, columns: Columns) -> list[Span]:
    """What can be clicked on a line of an item, from left to right."""
    kind, first, _ = item.lines[line]
    x = PADDING + item.indent
    if kind is Kind.BODY and item.body is not None:
        return _body_hits(item, line, columns)
    if kind is Kind.PART and first < len(item.files):
        return [(x, x + cell_len(clip(item.parts[first], columns.body)), FileHit(item.files[first]))]
    if kind is Kind.IMAGE:
        picture = item.pictures[first]
        return [(x, x + picture.columns, FileHit(picture.file))]
    return []


def _body_hits(item: Item, line: int, columns: Columns) -> list[Span]:
    assert item.body is not None
    marked = item.body.marked
    _, start, end = item.lines[line]
    x = PADDING + item.indent + text_cells_before(marked, start, columns.body)
    found: list[Span] = []
    for run in marked.runs:
        if run.target is None or run.end <= start or run.start >= end:
            continue
        low = x + cell_len(marked.text[start : max(start, run.start)])
        high = x + cell_len(marked.text[start : min(end, run.end)])
        hit = LinkHit(run.target) if isinstance(run.target, str) else MentionHit(run.target)
        if found and found[-1][1] == low and found[-1][2] == hit:
            found[-1] = (found[-1][0], high, hit)
        else:
            found.append((low, high, hit))
    return found


def targets(item: Item) -> list[Hit]:
    """All that a message leads to, each once: links in their order, then files."""
    runs = item.body.marked.runs if item.body is not None else ()
    links = dict.fromkeys(run.target for run in runs if isinstance(run.target, str))
    return [*map(LinkHit, links), *map(FileHit, item.files)]
