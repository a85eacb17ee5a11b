"""What a program may write to a terminal: a strict reading of its raw output that finds anything else."""

import re
from codecs import getincrementaldecoder
from dataclasses import dataclass, field
from typing import Final

from tests.support import sixel

_CSI: Final = re.compile("\x1b\\[([0-?]*)([ -/]*)([@-~])")
_STRING: Final = re.compile("\x1b([\\]P_^X])(.*?)(?:\x07|\x1b\\\\)", re.DOTALL)
_CUT: Final = re.compile("\x1b(\\[[0-?]*[ -/]*|[\\]P_^X][^\x07\x1b]*\x1b?|[()]?)?")
"""The beginning of a sequence whose end has not come yet."""
_SIMPLE: Final = re.compile("\x1b[=>78]|\x1b[()][A-Z0-9]")
_FORBIDDEN: Final = re.compile(
    "[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u2028\u2029]"
)
"""What no text on a screen may hold: controls but BS, TAB, LF and CR, bidi controls, and some without a glyph."""
_FINALS: Final = frozenset((*"mHfABCDJKhluntcXPLMSTrdG@", "$p", " q"))
"""Of control sequences that draw, set modes or ask for one; not among them are printing and key remapping."""
_BLINK: Final = frozenset(("5", "6", "8"))
"""Renditions that the product never uses: blinking and hidden."""


@dataclass
class Output:
    """What was written: the plain text, and the strings of its operating system commands by their number."""

    text: str = ""
    commands: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Application program strings."""
    graphics: list[sixel.Graphic] = field(default_factory=list)
    """Sixel graphics; there is no other device control string."""


def read(raw: bytes) -> Output:
    """Read a terminal's input; its last sequence may be cut. Raises `AssertionError` for what has no business there."""
    data = getincrementaldecoder("utf-8")().decode(raw)  # anything but UTF-8 has none
    output, at = Output(), 0
    pieces: list[str] = []
    while at < len(data):
        escape = data.find("\x1b", at)
        plain = data[at : escape if escape >= 0 else len(data)]
        _check_text(plain)
        pieces.append(plain)
        if escape < 0:
            break
        at = _sequence(data, escape, output)
    output.text = "".join(pieces)
    return output


def _check_text(plain: str) -> None:
    found = _FORBIDDEN.search(plain)
    around = plain[max(0, found.start() - 60) : found.end() + 60] if found else ""
    assert found is None, f"U+{ord(found.group()):04X} reached the terminal in {around!r}"


def _sequence(data: str, at: int, output: Output) -> int:
    """Take one sequence; where it ends."""
    if _CUT.fullmatch(data, at) is not None:
        return len(data)
    if (csi := _CSI.match(data, at)) is not None:
        parameters, between, final = csi.groups()
        assert between + final in _FINALS, f"a control sequence that nobody needs: {csi.group()!r}"
        if final == "m" and not parameters.startswith((">", "?")):
            _check_rendition(parameters)
        return csi.end()
    if (string := _STRING.match(data, at)) is not None:
        kind, content = string.groups()
        if kind == "]":
            number, _, words = content.partition(";")
            _check_text(words)
            output.commands.append((number, words))
        elif kind == "P":
            assert string.group().endswith("\x1b\\"), "only ST ends it in every terminal"
            output.graphics.append(sixel.decode(content))
        else:
            assert kind == "_", f"a control string that nobody needs: {content[:40]!r}"
            output.others.append(content)
        return string.end()
    simple = _SIMPLE.match(data, at)
    assert simple is not None, f"an escape sequence that nobody needs: {data[at : at + 40]!r}"
    return simple.end()


def _check_rendition(parameters: str) -> None:
    values = parameters.split(";")
    while values:
        value = values.pop(0)
        if value in ("38", "48"):
            del values[: 4 if values[:1] == ["2"] else 2]
        assert value not in _BLINK, f"a rendition that nobody asked for: {parameters}"
