"""Markdown of whole lines: code, quotes, lists, headings and rules, as chat users write them."""

import re
from typing import Final, NamedTuple

from chatterm.tui.timeline.body import ACTION
from chatterm.tui.timeline.markup import BOLD, CODE, ITALIC, NOBODY, Block, Form, Marked, People, Run
from chatterm.tui.timeline.markup_inline import Budget, read_inline

QUOTES_MAX: Final = 4
"""Quotes within each other; further marks are shown as they are."""
LEVELS_MAX: Final = 3
"""Lists within each other that are told apart by indent and bullet."""
NESTED: Final = 2
"""Blanks by which an item is indented to lie within the one before it."""
TICKS: Final = "```"
RULE_TEXT: Final = "───"
_BAR: Final = "▎ "
_BULLETS: Final = "•◦▪"
_FENCE: Final = re.compile(r"( {0,12})(`{3,}|~{3,})([^`]*)")
_LANGUAGE: Final = re.compile(r"\s*\{?\.?([A-Za-z0-9_+#.-]{1,32})\s*")
_QUOTE: Final = re.compile(r" {0,3}>(?=$|[\s>*`\[('\"]|[^\W_]) ?")
_HEADING: Final = re.compile(r" {0,3}#{1,6} +(?=\S)")
_ITEM: Final = re.compile(r"( {0,40})([-*+•]|[0-9]{1,9}[.)]) +(?:\[([ xX])\] +)?(?=\S)")


class _Reader:
    """Turns lines into blocks; every line is read once for each quote around it."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._budget = Budget()
        self._parts: list[str] = []
        self._length = 0
        self.runs: list[Run] = []
        self.blocks: list[Block] = []

    @property
    def text(self) -> str:
        return "".join(self._parts)

    # --- output ---

    def _put(self, text: str, form: Form = Form.TEXT, first: str = "", rest: str = "", language: str = "") -> int:
        """Add a block; returns where it begins."""
        if self.blocks:
            self._parts.append("\n")
            self._length += 1
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        self.blocks.append(Block(start, self._length, form, first, rest, language))
        return start

    def _put_inline(self, source: str, first: str, rest: str, flags: int = 0) -> None:
        text, runs = read_inline(source, self._people, self._budget)
        start = self._put(text, Form.TEXT, first, rest)
        if flags:
            runs = _under(runs, flags, len(text))
        self.runs += [Run(start + run.start, start + run.end, run.flags, run.target) for run in runs]

    # --- input ---

    def read(self, lines: list[str], prefix: str = "", depth: int = 0) -> None:
        """Read lines that stand behind `prefix`, within `depth` quotes."""
        at = 0
        lists: list[int] = []
        while at < len(lines):
            line = lines[at]
            item = _ITEM.match(line)
            if lists and not item and line[:2] != "  ":
                lists = []
            inner = prefix + "  " * len(lists[:LEVELS_MAX])
            if _is_rule(line):
                self._put(RULE_TEXT, Form.RULE, prefix, prefix)
                at += 1
            elif (fence := _FENCE.fullmatch(line)) is not None and (code := _code_after(lines, at, fence)) is not None:
                at = code.following
                self._put(code.text, Form.CODE, inner, inner, code.language)
            elif depth < QUOTES_MAX and _QUOTE.match(line) is not None:
                at = self._quote(lines, at, prefix, depth)
            elif item is not None:
                self._item(item, line, prefix, lists)
                at += 1
            elif (heading := _HEADING.match(line)) is not None:
                self._put_inline(_without_closing(line[heading.end() :]), prefix, prefix, BOLD)
                at += 1
            else:
                at = self._paragraph(lines, at, inner, depth, indented=bool(lists))

    def _quote(self, lines: list[str], at: int, prefix: str, depth: int) -> int:
        within: list[str] = []
        while at < len(lines) and (found := _QUOTE.match(lines[at])) is not None:
            within.append(lines[at][found.end() :])
            at += 1
        self.read(within, prefix + _BAR, depth + 1)
        return at

    def _item(self, found: re.Match[str], line: str, prefix: str, lists: list[int]) -> None:
        indent = len(found[1])
        while lists and indent < lists[-1]:
            lists.pop()
        if not lists or indent >= lists[-1] + NESTED:
            lists.append(indent)
        level = min(len(lists), LEVELS_MAX) - 1
        bullet = found[2] if found[2][0].isdigit() else _BULLETS[level]
        if found[3]:
            bullet = "☐" if found[3] == " " else "☑"
        before = prefix + "  " * level
        self._put_inline(line[found.end() :], f"{before}{bullet} ", before + " " * (len(bullet) + 1))

    def _paragraph(self, lines: list[str], at: int, prefix: str, depth: int, *, indented: bool) -> int:
        """Lines that belong together: emphasis may run over their ends. Blank lines stand alone."""
        first = at
        while at < len(lines) and lines[at].strip() and (at == first or not _begins_block(lines, at, depth, indented)):
            at += 1
        at = max(at, first + 1)
        source = [line.lstrip() for line in lines[first:at]] if indented else lines[first:at]
        self._put_inline("\n".join(source), prefix, prefix)
        return at


class _Code(NamedTuple):
    """A fenced block, and the line to read on from."""

    text: str
    language: str
    following: int


def _code_after(lines: list[str], at: int, fence: re.Match[str]) -> _Code | None:
    """The code that a fence opens; without an end it goes on to the last line."""
    indent, mark, info = len(fence[1]), fence[2], fence[3]
    language = _LANGUAGE.fullmatch(info)
    code = [] if language is not None or not info.strip() else [info.lstrip()]
    if mark[0] == "~" and code:
        return None  # a sentence that begins with waves
    following = at + 1
    while following < len(lines):
        line = lines[following]
        following += 1
        bare = line.rstrip()
        if bare.endswith(mark):
            within = bare.rstrip(mark[0])
            if within.strip():
                code.append(_dedented(within, indent))
            break
        code.append(_dedented(line, indent))
    return _Code("\n".join(code), language[1].lower() if language is not None else "", following)


def _opens_behind(line: str, words: str, info: str) -> bool:
    """Whether a fence may open behind these words: they are no quote's mark, and only a language follows."""
    says = any(map(str.isalnum, words)) and "`" not in words and not _QUOTE.match(line)
    return says and (not info or _LANGUAGE.fullmatch(info) is not None)


def _with_fences_apart(lines: list[str]) -> list[str]:
    """Give a fence that opens behind other words a line of its own, if it closes further down."""
    last = max((at for at, line in enumerate(lines) if line.rstrip().endswith(TICKS)), default=-1)
    apart: list[str] = []
    inside = False
    for at, line in enumerate(lines):
        words, tail = line[: line.find(TICKS)], line[line.find(TICKS) :]
        if inside:
            inside = not line.rstrip().endswith(TICKS)
        elif TICKS in line and (fence := _FENCE.fullmatch(tail)) is not None:
            alone = not words.strip()
            inside = alone or (at < last and _opens_behind(line, words, fence[3]))
            if inside and not alone:
                apart += (words.rstrip(), tail)
                continue
        apart.append(line)
    return apart


def _dedented(line: str, indent: int) -> str:
    blanks = len(line) - len(line.lstrip(" "))
    return line[min(indent, blanks) :]


def _begins_block(lines: list[str], at: int, depth: int, indented: bool) -> bool:
    line = lines[at]
    return (
        (indented and line[:2] != "  ")
        or _is_rule(line)
        or _FENCE.fullmatch(line) is not None
        or (depth < QUOTES_MAX and _QUOTE.match(line) is not None)
        or _ITEM.match(line) is not None
        or _HEADING.match(line) is not None
    )


def _is_rule(line: str) -> bool:
    marks = line.strip()
    if not marks or marks[0] not in "-*_":
        return False
    marks = marks.replace(" ", "")
    return len(marks) >= 3 and not marks.strip(marks[0])


def _without_closing(heading: str) -> str:
    """A heading's text without the marks that may stand at its end, too."""
    heading = heading.rstrip()
    bare = heading.rstrip("#")
    return bare.rstrip() if bare.endswith(" ") else heading


def _under(runs: list[Run], flags: int, length: int) -> list[Run]:
    """Runs over a text all of which has the styles `flags`."""
    covered: list[Run] = []
    end = 0
    for run in [*runs, Run(length, length, 0)]:
        if run.start > end:
            covered.append(Run(end, run.start, flags))
        if run.end > run.start:
            covered.append(run._replace(flags=run.flags if run.flags & CODE else run.flags | flags))
        end = run.end
    return covered


def read(text: str, people: People | None = None) -> Marked:
    """What a terminal-safe text of several lines shows. Never raises; linear in the text."""
    reader = _Reader(people or NOBODY)
    lines = text.split("\n")
    reader.read(_with_fences_apart(lines) if TICKS in text else lines)
    return Marked(reader.text, tuple(reader.runs), tuple(reader.blocks))


def read_raw(text: str, people: People | None = None) -> Marked:
    """The text as it was written, with URLs and mentions marked."""
    _, runs = read_inline(text, people or NOBODY, as_written=True)
    return Marked(text, tuple(runs), (Block(0, len(text)),))


def read_action(text: str, actor: str, people: People | None = None) -> Marked:
    """What somebody does: `text` begins with `/me`."""
    told, runs = read_inline(text[len(ACTION) :].lstrip(), people or NOBODY)
    before = f"* {actor} "
    moved = [run._replace(start=run.start + len(before), end=run.end + len(before)) for run in runs]
    whole = Marked(before + told, tuple(_under(moved, ITALIC, len(before) + len(told))), ())
    return whole._replace(blocks=(Block(0, len(whole.text), Form.TEXT, "", "  "),))
