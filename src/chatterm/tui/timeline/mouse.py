"""What a click in the messages means: a name, a link, a file, a reaction, a quoted message, or the message itself."""

from rich.cells import cell_len

from chatterm.tui.actions import ActionWanted
from chatterm.tui.timeline.hits import FileHit, LinkHit, MentionHit, hits
from chatterm.tui.timeline.items import MARK_CELLS, PADDING, TIME_CELLS, Columns, Item, Kind
from chatterm.tui.timeline.marks import reaction_at


def meant(item: Item, line: int, x: int, columns: Columns, name: str) -> ActionWanted | None:
    """The action that a click at a cell of a line asks for; None if just the message is meant.

    `name` is the author's as it is shown.
    """
    kind, number, _ = item.lines[line]
    text_x = PADDING + item.indent
    if item.named and line == item.opening and x < text_x:
        return ActionWanted("show_author", str(item.sender_id)) if x >= PADDING + TIME_CELLS else None
    if kind is Kind.HEADER:
        width = min(cell_len(name), columns.text - TIME_CELLS - MARK_CELLS)
        return ActionWanted("show_author", str(item.sender_id)) if 0 <= x - PADDING < width else None
    if kind is Kind.QUOTE:
        return ActionWanted("show_quoted") if x >= text_x else None
    if kind is Kind.PART and number >= len(item.files):
        emoji = reaction_at(item.parts[number], x - text_x) if x >= text_x else ""
        return ActionWanted("react", emoji) if emoji else None
    for start, end, hit in hits(item, line, columns):
        if start <= x < end:
            return _wanted(item, hit)
    return None


def _wanted(item: Item, hit: LinkHit | MentionHit | FileHit) -> ActionWanted | None:
    match hit:
        case LinkHit(target):
            return ActionWanted("open_message", target)
        case MentionHit(user_id):
            return ActionWanted("show_author", str(user_id)) if user_id else None
        case FileHit(file):
            return ActionWanted("open_message", str(item.files.index(file) + 1))
