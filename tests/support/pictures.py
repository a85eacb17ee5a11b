"""Pictures of the screen that can be compared: SVGs without anything random, and what differs between two of them."""

import difflib
import html
import re
from itertools import groupby
from typing import Final

from textual.app import App

_FONTS: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_PREFIX: Final = re.compile(r"terminal-\d+-")
_TEXT: Final = re.compile(r'<text class="screen-(r\d+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)</text>')
_CELL: Final = 12.2
"""Units of an SVG's cell across."""


def picture(app: App[None], title: str) -> str:
    """What is on the screen now, as SVG that loads nothing and is the same for the same screen."""
    svg = _PREFIX.sub("screen-", _FONTS.sub("", app.export_screenshot(title=title, simplify=True)))
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def rows(svg: str) -> list[str]:
    """The lines of text of a picture, from the top."""
    found = sorted((float(y), float(x), html.unescape(text)) for _, x, y, text in _TEXT.findall(svg))
    lines = []
    for _, pieces in groupby(found, key=lambda piece: piece[0]):
        line = ""
        for _, x, text in pieces:
            line = line.ljust(round(x / _CELL)) + text.replace("\xa0", " ")
        lines.append(line.rstrip())
    return lines


def difference(expected: str, shown: str) -> str:
    """Which lines of text differ between two pictures; if none does, that it is colours or places."""
    changes = difflib.unified_diff(rows(expected), rows(shown), "expected", "shown", n=0, lineterm="")
    return "\n".join(changes) or "The words are the same; colours, weights or places differ."
