"""The text of messages on its way to the screen: whether it is more than its words, and then what it shows."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from chatproto.models import FileInfo, Message
from chatproto.text import terminal_safe
from chatterm.tui.timeline.wrap import Span

if TYPE_CHECKING:
    from chatterm.tui.timeline.decoding import Row
    from chatterm.tui.timeline.extras import Extras
    from chatterm.tui.timeline.gallery import Source
    from chatterm.tui.timeline.markup import Marked, People
    from chatterm.tui.timeline.paint_body import Token
    from chatterm.tui.timeline.painted import Painted
    from chatterm.tui.timeline.pictures import Picture
    from chatterm.tui.timeline.pixel_row import PixelRow

EVERYBODY: Final = ("all", "everyone", "everybody", "here", "channel")
"""How a mention of everybody is written."""
ACTION: Final = "/me "
"""A message that begins so tells what its author does."""

_INLINE: Final = re.compile(r"[*_~`\\[]")
_ANY: Final = re.compile(r"[*_~`\\\[@:\n]")
"""Without one of these, a text is more than its words only by how it begins."""
_BLOCK: Final = re.compile(r"^ *(?:[>#+•-]|[0-9]+[.)])", re.MULTILINE)
_STARTS: Final = frozenset(" >#+-•/0123456789")
"""What the first line of a text that is more than its words may begin with, beside the above."""
EXCERPT_CHARS: Final = 400
"""Of a message that is quoted, so much of its beginning is looked at."""


def is_simple(text: str) -> bool:
    """Whether a text that may mention anybody certainly shows as it is; the quickest way to know for most."""
    return _ANY.search(text) is None and text[:1] not in _STARTS and "www." not in text


def is_plain(text: str) -> bool:
    """Whether a text certainly shows as it is, without looking closely; mentions are not looked for."""
    if _INLINE.search(text) is not None or "://" in text or "mailto:" in text or "www." in text:
        return False
    if "\n" not in text and text[:1] not in _STARTS:
        return True
    return _BLOCK.search(text) is None and not text.startswith(ACTION)


class Body(NamedTuple):
    """A text that is more than its words, and the names it was read with (by id)."""

    marked: "Marked"
    named: tuple[tuple[int, str], ...] = ()

    def lines(self, width: int) -> Iterable[Span]:
        """Where its lines in `width` cells begin and end in the shown text."""
        from chatterm.tui.timeline.markup_layout import lay_out  # noqa: PLC0415 - most first screens do without

        return lay_out(self.marked, width)


class Bodies:
    """Reads texts of messages. `names` gives terminal-safe names."""

    def __init__(
        self,
        own_id: int,
        names: Callable[[int], str] = str,
        *,
        markdown: bool = True,
        pictures: bool = False,
        compact: bool = False,
    ) -> None:
        """Without `markdown` a text shows as it was written; without `pictures` none is drawn.

        With `compact`, names stand beside the texts and no line is left empty.
        """
        self.compact = compact
        self._pictures = pictures
        self._own_id = own_id
        self._names = names
        self._markdown = markdown

    def read(self, text: str, sender_id: int, message: Message | None = None) -> Body | None:
        """What a terminal-safe text shows; None if that is the text itself."""
        mentions = message is not None and "@" in text and bool(message.mentions or message.mention_all)
        if not mentions and is_plain(text):
            return None
        named, people = self._mentioned(message) if message is not None and mentions else ((), None)
        from chatterm.tui.timeline import markup_blocks  # noqa: PLC0415 - most first screens do without

        if text.startswith(ACTION) and text[len(ACTION) :].strip():
            actor = self._names(sender_id)
            return Body(markup_blocks.read_action(text, actor, people), (*named, (sender_id, actor)))
        if self._markdown:
            return Body(markup_blocks.read(text, people), named)
        return Body(markup_blocks.read_raw(text, people), named)

    def first_line(self, text: str) -> str:
        """What the first line of a message says, without markup; safe for a terminal."""
        safe = terminal_safe(text.lstrip()[:EXCERPT_CHARS], multiline=True)
        if self._markdown and not is_plain(safe):
            from chatterm.tui.timeline import markup_blocks  # noqa: PLC0415 - as above

            safe = markup_blocks.read(safe).text.lstrip()
        if safe.startswith(ACTION):
            safe = f"* {safe[len(ACTION) :].lstrip()}"
        return safe.split("\n", 1)[0]

    def picture(self, file: FileInfo, width: int) -> "Picture | None":
        """The room that a file's picture takes in lines of `width` cells; None if it is not drawn."""
        if not self._pictures or not file.width:
            return None
        from chatterm.tui.timeline.pictures import picture_of  # noqa: PLC0415 - as above

        return picture_of(file, width)

    def _mentioned(self, message: Message) -> tuple[tuple[tuple[int, str], ...], "People"]:
        from chatterm.tui.timeline.markup import People  # noqa: PLC0415 - as above

        named = tuple((each, self._names(each)) for each in message.mentions)
        everybody = tuple((name, 0) for name in EVERYBODY) if message.mention_all else ()
        return named, People.of((*everybody, *((name, each) for each, name in named)), self._own_id)

    def is_outdated(self, body: Body) -> bool:
        """Whether somebody who is named there has another name now."""
        return any(self._names(user_id) != name for user_id, name in body.named)


class Look:
    """How a timeline draws messages under the user's settings, and what comes after the first paint."""

    def __init__(
        self,
        timeline: "Painted",
        own_id: int,
        names: Callable[[int], str],
        pictures: "Source | None",
    ) -> None:
        """Without a source of `pictures` none is drawn."""
        self._timeline = timeline
        self._own_id = own_id
        self._names = names
        self.pictures = pictures
        self._markdown = True
        self._images = "off"
        self._compact = False
        self._extras: Extras | None = None

    def change(self, *, markdown: bool, images: str, compact: bool = False) -> bool:
        """Take other settings; whether anything is drawn in another way now."""
        if (markdown, images, compact) == (self._markdown, self._images, self._compact):
            return False
        self._markdown, self._images, self._compact = markdown, images, compact
        self.close()
        return True

    def bodies(self) -> Bodies:
        """What reads the texts of messages."""
        pictures = self._images != "off" and self.pictures is not None
        return Bodies(self._own_id, self._names, markdown=self._markdown, pictures=pictures, compact=self._compact)

    def highlight(self, code: str, language: str) -> "Sequence[Token]":
        """The colours of a piece of code, as far as they are known by now."""
        return self._with_extras().highlight(code, language)

    def picture_row(self, picture: "Picture", number: int) -> "Row | PixelRow | str":
        """A row of a picture, or the text that stands in its place."""
        return self._with_extras().picture_row(picture, number)

    def painting(self) -> None:
        """The view is about to be painted."""
        if self._extras is not None:
            self._extras.painting()

    def try_again(self) -> None:
        """The connection is back."""
        if self._extras is not None:
            self._extras.try_again()

    def close(self) -> None:
        """Free what the terminal holds."""
        if self._extras is not None:
            self._extras.close()
            self._extras = None

    def _with_extras(self) -> "Extras":
        if self._extras is None:
            from chatterm.tui.timeline.extras import Extras  # noqa: PLC0415 - few first screens need it

            self._extras = Extras(self._timeline, self.pictures, self._images)
        return self._extras
