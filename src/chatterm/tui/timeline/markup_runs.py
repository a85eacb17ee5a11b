"""Styles and cuts of a source text, made into the text that is shown and its runs."""

from typing import NamedTuple

from chatterm.tui.timeline.markup import QUIET, Run, Target


class Styled(NamedTuple):
    """Characters of the source with a style."""

    start: int
    end: int
    flags: int
    target: Target = None


class Cut(NamedTuple):
    """Characters of the source that are not shown, and what is shown in their place."""

    start: int
    end: int
    instead: str = ""


class _Active:
    """The styles that hold at one place of the source."""

    def __init__(self) -> None:
        self.flags = 0
        self.target: Target = None
        self._counts: dict[int, int] = {}

    def turn(self, style: Styled, step: int) -> None:
        """One more or one less of a style."""
        count = self._counts[style.flags] = self._counts.get(style.flags, 0) + step
        self.flags = self.flags | style.flags if count else self.flags & ~style.flags
        if style.target is not None:
            self.target = style.target if step > 0 else None


class _Output:
    """The shown text as it grows, and its runs."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.runs: list[Run] = []
        self._length = 0

    def add(self, text: str, flags: int, target: Target) -> None:
        start = self._length
        self._length += len(text)
        self.parts.append(text)
        if flags:
            self.runs.append(Run(start, self._length, flags, target))


def compiled(text: str, cuts: list[Cut], styles: list[Styled]) -> tuple[str, list[Run]]:
    """Leave out what is cut, and make of overlapping styles runs that do not overlap."""
    turns: dict[int, list[tuple[Styled, int]]] = {}
    for style in styles:
        if style.start < style.end:
            turns.setdefault(style.start, []).append((style, 1))
            turns.setdefault(style.end, []).append((style, -1))
    cuts.sort()
    output, active = _Output(), _Active()
    done = number = 0
    for place in sorted({*turns, *(cut.start for cut in cuts), len(text)}):
        if place > done:
            output.add(text[done:place], active.flags, active.target)
            done = place
        while number < len(cuts) and cuts[number].start == place:
            cut = cuts[number]
            number += 1
            done = max(done, cut.end)
            if cut.instead:
                ours = cut.start == cut.end
                output.add(cut.instead, QUIET if ours else active.flags, None if ours else active.target)
        for style, step in sorted(turns.get(place, ()), key=_ends_first):
            active.turn(style, step)
    return "".join(output.parts), output.runs


def _ends_first(turn: tuple[Styled, int]) -> int:
    return turn[1]
