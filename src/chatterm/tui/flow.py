"""What dialogs are laid out in: fields that scroll, and a row of buttons that goes on in the next line."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.geometry import NULL_OFFSET, Region, Size, Spacing
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

_GAP = 1


class FlowLayout(Layout):
    """From left to right, one row high, as many in a line as fit."""

    name: ClassVar[str] = "flow"

    def arrange(self, parent: Widget, children: list[Widget], size: Size, greedy: bool = True) -> ArrangeResult:
        parent.pre_layout(self)
        placements: list[WidgetPlacement] = []
        x = y = 0
        for child in children:
            width = min(child.get_content_width(size, parent.app.viewport_size) + child.gutter.width, size.width)
            if x and x + width > size.width:
                x, y = 0, y + 1
            placements.append(WidgetPlacement(Region(x, y, width, 1), NULL_OFFSET, Spacing(), child))
            x += width + _GAP
        return placements

    def get_content_height(self, widget: Widget, container: Size, viewport: Size, width: int) -> int:
        placements = self.arrange(widget, list(widget.displayed_children), Size(width, 0))
        return max((placement.region.bottom for placement in placements), default=0)


class Flow(Container):
    """Lays out its children as `FlowLayout` does."""

    DEFAULT_CSS = "Flow { width: 1fr; height: auto; }"

    _flow = FlowLayout()

    @property
    def layout(self) -> Layout:
        return self._flow


class Form(VerticalScroll, inherit_bindings=False):
    """Fields one below the other. ↑ and ↓ go from field to field, also where it scrolls: a screen binds them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
    ]
