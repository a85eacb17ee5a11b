"""Keeps columns aligned in terminals that disagree with this program on how wide some text is."""

import re
from typing import Final

from rich.cells import cell_len

_AGREED: Final = (
    "\x00-\u0377\u0384-\u0482\u048a-\u0590\u05be-\u05ff\u0600-\u060f\u061b-\u064a\u066e-\u06d5"
    "\u1100-\u115f\u1e00-\u200c\u200e-\u20cf\u2100-\u2bff\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001f64f\U0001f680-\U0001f6c5\U0001f900-\U0001f9ff"
    "\U00020000-\U0003fffd\U000f0000-\U0010fffd"
)
"""Characters of which all terminals know the width, as long as nothing else belongs to them."""
_UNSURE: Final = re.compile(f"[^{_AGREED}]")
"""Everything else: variation selectors, joiners, skin tones, flags, newer emoji, scripts with marks of their own."""
_RUN: Final = re.compile(f"[^\x1b]?(?:[^{_AGREED}]+(?:(?<=\u200d)[^\x1b])?)+")
_PARTS: Final = re.compile(
    "\x1b\\[(?P<row>\\d+);(?P<column>\\d+)H"
    "|\x1b\\[[0-?]*[ -/]*[@-~]"
    "|\x1b[\\]P_^X].*?(?:\x07|\x1b\\\\)"
    "|\x1b."
    "|(?P<line>[\r\n])"
    "|(?P<text>[^\x1b\r\n]+)",
    re.DOTALL,
)
_PICTURE: Final = "\U0010eeee"
"""A cell of a picture: its marks are no text, and must stay right behind it."""


def is_sure(data: str) -> bool:
    """Whether all terminals agree on the width of everything in this output; quick."""
    return data.isascii() or _UNSURE.search(data) is None


def aligned(data: str) -> str:
    """The same output, with the cursor put where it belongs after each text of unsure width.

    The cells of such a text are blanked first, so that nothing old is left where a terminal takes it for narrower.
    Where the output does not say in which column it begins, it stays as it is.
    """
    column: int | None = None
    pieces: list[str] = []
    for part in _PARTS.finditer(data):
        text = part["text"]
        if text is None:
            if part["column"] is not None:
                column = int(part["column"])
            elif part["line"] is not None:
                column = None
            pieces.append(part.group())
        elif column is None:
            pieces.append(text)
        else:
            pieces.append(_placed(text, column))
            column += cell_len(text)
    return "".join(pieces)


def _placed(text: str, column: int) -> str:
    """One text that begins in this column, counted from 1."""
    pieces: list[str] = []
    end = 0
    for run in _RUN.finditer(text):
        width = cell_len(run.group())
        before = text[end : run.start()]
        column += cell_len(before)
        end = run.end()
        blank = "" if not width or _PICTURE in run.group() else f"{' ' * width}\x1b[{column}G"
        column += width
        pieces += (before, blank, run.group(), f"\x1b[{column}G" if blank else "")
    return "".join((*pieces, text[end:]))
