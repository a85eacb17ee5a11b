"""Which lines of a conversation are on screen, and how they hold still while the conversation changes."""

from collections.abc import Collection, Iterator

from chatterm.tui.timeline.body import Bodies
from chatterm.tui.timeline.document import Anchor, Document
from chatterm.tui.timeline.items import Item


class Viewport:
    """`rows` lines of a document from line `top` on.

    While `follow` is set the newest message stays in sight. Otherwise the line that `anchor` names stays on its
    row through every change, unless the document ends too early for that.
    """

    def __init__(self, document: Document, rows: int) -> None:
        """Begin where reading goes on: at the new messages, or at the end."""
        self.document = document
        self.rows = rows
        self.top = 0
        self.anchor: Anchor | None = None
        self.follow = True
        self.go_to(document.unread_anchor())

    @property
    def at_end(self) -> bool:
        return self.top >= max(0, self.document.height - self.rows)

    def resize(self, width: int, rows: int) -> None:
        """Take another size with the same message in the same place."""
        self.rows = rows
        if width != self.document.columns.width:
            self.document.resize(width)
        self._place()

    def look(self, bodies: Bodies) -> None:
        """Read texts in another way, with the same message in the same place."""
        self.document.resize(self.document.columns.width, bodies)
        self._place()

    def renamed(self) -> None:
        """People may have other names now."""
        self.document.renamed()
        self._place()

    def go(self, top: int) -> None:
        """Move to a line; the document's ends stop it."""
        self.top = self.document.settle(top, self.rows)
        self.follow = self.at_end
        self._hold()

    def go_to(self, anchor: Anchor | None) -> None:
        """Move to where an anchor is on its row; None is the newest message, to stay with it."""
        self.anchor = anchor
        self.follow = anchor is None
        self._place()

    def stored(self, first: int, last: int, changed: Collection[int] = ()) -> None:
        """Take in events that reached the cache, messages that changed there, and the outbox."""
        self.document.stored(first, last, changed)
        self._place()

    def line(self, row: int) -> tuple[Item, int] | None:
        """The item and its line on a row; a short conversation sits at the bottom."""
        number = self.top + row - max(0, self.rows - self.document.height)
        return self.document.line(number) if 0 <= number < self.document.height else None

    def visible(self) -> Iterator[tuple[int, Item, int]]:
        """(row, item, its line) for each item on screen, at the first of its lines there."""
        space = max(0, self.rows - self.document.height)
        for row, item, line in self.document.visible(self.top, self.rows):
            yield row + space, item, line

    def _place(self) -> None:
        if self.follow or self.anchor is None:
            self.top = self.document.settle_end(self.rows)
        else:
            self.top = self.document.settle_anchor(self.anchor, self.rows)
            self.follow = self.at_end
        self._hold()

    def _hold(self) -> None:
        self.anchor = None if self.follow else self.document.anchor(self.top, self.rows)
