"""Markdown within a line: emphasis, code, links and mentions; linear in the text, whatever it is."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from chatterm.tui.timeline.links import TARGET_MAX, target_of, warning
from chatterm.tui.timeline.markup import BOLD, CODE, ITALIC, LINK, MENTION, OWN, STRIKE, People, Run
from chatterm.tui.timeline.markup_runs import Cut, Styled, compiled

_TOKEN: Final = re.compile(
    r"¯\\_\(ツ\)_/¯"  # a face, not markup
    r"|\\[!-/:-@\[-`{-~]|`+|\*+|_+|~+|!?\[|\]|<(?=(?i:https?)://|mailto:)|(?:h|H)(?i:ttps?)://|mailto:|www\.|@",
    re.ASCII,
)
_BARE: Final = re.compile(r"[^\s<>\"\\^`{|}‹›“”„]+")
"""The characters of a URL in running text; its end is looked at separately."""
_ENDS: Final = ".,:;!?'*_~"
"""Characters that belong to the sentence when they end a URL."""
PARENS_MAX: Final = 8
"""Parentheses within each other in the target of a link; the bound keeps looking for their end cheap."""
BRACKETS_MAX: Final = 32
"""Open brackets that may still become links."""
SIGNS_MAX: Final = 1_000
"""Signs of one message that are read as markup; a flood of messages of nothing else must not hold up the screen."""
MENTIONS_MAX: Final = 200
"""`@` signs of one text that are compared with names."""


class Budget:
    """How much may still be read as markup; the rest stays as it was written."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = SIGNS_MAX


class _Delimiter:
    """A run of `*`, `_` or `~` of which some may open or close emphasis."""

    __slots__ = ("can_close", "can_open", "character", "end", "size", "start")

    def __init__(self, found: re.Match[str], text: str) -> None:
        self.character = text[found.start()]
        self.start, self.end = found.span()
        self.size = self.end - self.start
        before = text[self.start - 1 : self.start]
        after = text[self.end : self.end + 1]
        opens, closes = bool(after) and not after.isspace(), bool(before) and not before.isspace()
        if self.character == "_" or (self.character == "*" and self.size == 1):
            # Within a word these are meant: snake_case, sh*t.
            opens, closes = opens and not _is_word(before), closes and not _is_word(after)
        elif opens and closes and _is_number(before, after):
            opens = closes = False  # 2**8
        if self.character == "~" and self.size != 2:
            opens = closes = False
        self.can_open, self.can_close = opens, closes

    @property
    def left(self) -> int:
        return self.end - self.start


def _is_word(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    return unicodedata.category(character)[0] in "LMN" and not _is_ideograph(character)


def _is_ideograph(character: str) -> bool:
    """Scripts without blanks between words: emphasis may begin and end anywhere."""
    return "\u0e00" <= character <= "\u0eff" or "\u2e80" <= character <= "\ua4cf" or character >= "\uf900"


def _is_number(before: str, after: str) -> bool:
    return (before + after).isascii() and before.isdecimal() and after.isdecimal()


class _Scanner:
    """Reads one text once from left to right and collects what to leave out and what to style."""

    def __init__(self, text: str, people: People, budget: Budget, *, as_written: bool) -> None:
        self.text = text
        self._budget = budget
        self._as_written = as_written
        self.cuts: list[Cut] = []
        self.styles: list[Styled] = []
        self._people = people
        self._lengths = people.lengths
        self._mentions_left = MENTIONS_MAX if people.ids else 0
        self._delimiters: list[_Delimiter] = []
        self._brackets: list[tuple[int, int, int]] = []
        self._ticks: dict[int, list[int]] | None = None

    def scan(self) -> None:
        at, text = 0, self.text
        handlers = _HANDLERS_AS_WRITTEN if self._as_written else _HANDLERS
        while self._budget.left and (found := _TOKEN.search(text, at)) is not None:
            self._budget.left -= 1
            at = handlers[text[found.start()].lower()](self, found)
        self._emphasize(0)

    # --- tokens; each returns where to read on ---

    def _escape(self, found: re.Match[str]) -> int:
        self.cuts.append(Cut(found.start(), found.start() + 1))
        return found.end()

    def _skip(self, found: re.Match[str]) -> int:
        return found.end()

    def _code(self, found: re.Match[str]) -> int:
        size = found.end() - found.start()
        if self._ticks is None:
            self._ticks = {}
            for each in re.finditer("`+", self.text):
                self._ticks.setdefault(each.end() - each.start(), []).append(each.start())
        places = self._ticks.get(size, [])
        index = bisect_right(places, found.end())
        if index == len(places):
            return found.end()
        first, last = found.end(), places[index]
        within = self.text[first:last]
        if within[0] == within[-1] == " " and not within.isspace():
            first, last = first + 1, last - 1
        self.cuts += (Cut(found.start(), first), Cut(last, places[index] + size))
        self.styles.append(Styled(first, last, CODE))
        return places[index] + size

    def _delimiter(self, found: re.Match[str]) -> int:
        delimiter = _Delimiter(found, self.text)
        if delimiter.can_open or delimiter.can_close:
            self._delimiters.append(delimiter)
        return found.end()

    def _open_bracket(self, found: re.Match[str]) -> int:
        self._brackets.append((found.start(), found.end(), len(self._delimiters)))
        del self._brackets[:-BRACKETS_MAX]
        return found.end()

    def _close_bracket(self, found: re.Match[str]) -> int:
        if not self._brackets:
            return found.end()
        start, first, delimiters = self._brackets.pop()
        if self.text[found.end() : found.end() + 1] != "(":
            return found.end()
        written, end = _destination(self.text, found.end() + 1)
        target = target_of(written)
        if target is None:
            return found.end()
        visible = self.text[first : found.start()]
        instead = "" if visible.strip() else written
        host = warning(re.sub(r"[*_~`\\]", "", visible), target) if visible.strip() else ""
        self._emphasize(delimiters)
        self._unlink(first)
        self.cuts += (Cut(start, first), Cut(found.start(), end, instead))
        self.styles.append(Styled(start, end, LINK, target))
        self._tell_host(end, host)
        self._brackets.clear()  # links do not lie within each other
        return end

    def _unlink(self, first: int) -> None:
        """The text of a link leads where the link does, and nowhere else."""
        index = len(self.styles)
        while index and self.styles[index - 1].start >= first:
            index -= 1
        self.styles[index:] = [style for style in self.styles[index:] if style.target is None]

    def _tell_host(self, at: int, host: str) -> None:
        if host:
            self.cuts.append(Cut(at, at, f" ({host})"))

    def _angle(self, found: re.Match[str]) -> int:
        end = self.text.find(">", found.end(), found.end() + TARGET_MAX)
        target = target_of(self.text[found.end() : end]) if end > 0 else None
        if target is None:
            return found.end()
        self.cuts += (Cut(found.start(), found.end()), Cut(end, end + 1))
        self._bare_link(found.end(), end, target)
        return end + 1

    def _bare(self, found: re.Match[str]) -> int:
        start = found.start()
        if start and (self.text[start - 1].isalnum() or self.text[start - 1] in "_/"):
            return found.end()
        body = _BARE.match(self.text, start)
        limit = body.end() if body is not None else found.end()
        if self._brackets and (close := self.text.find("](", start, limit)) > 0:
            limit = close
        end = _trimmed(self.text, start, limit) if limit - start <= TARGET_MAX else start
        written = self.text[start:end]
        target = target_of(written if ":" in found.group() else f"https://{written}")
        if target is None or end <= found.end():
            return max(limit, found.end())
        self._bare_link(start, end, target)
        return end

    def _bare_link(self, start: int, end: int, target: str) -> None:
        host = warning(self.text[start:end], target)
        if not (host and self._as_written):
            self.styles.append(Styled(start, end, LINK, target))
            self._tell_host(end, host)

    def _mention(self, found: re.Match[str]) -> int:
        start = found.start()
        if not self._mentions_left or (start and self.text[start - 1].isalnum()):
            return found.end()
        self._mentions_left -= 1
        for length in self._lengths:
            end = found.end() + length
            user_id = self._people.ids.get(self.text[found.end() : end].casefold()) if end <= len(self.text) else None
            if user_id is not None and not self.text[end : end + 1].isalnum():
                own = OWN if user_id in (0, self._people.own_id) else 0
                self.styles.append(Styled(start, end, MENTION | own, user_id))
                return end
        return found.end()

    # --- emphasis, after the algorithm of CommonMark, which never looks at a delimiter twice in vain ---

    def _emphasize(self, bottom: int) -> None:
        """Pair the delimiters from index `bottom` on; afterwards they are gone."""
        waiting: list[_Delimiter] = []
        failed: dict[tuple[str, int, bool], int] = {}
        for closer in self._delimiters[bottom:]:
            if closer.can_close:
                self._close(closer, waiting, failed)
            if closer.can_open and closer.left:
                waiting.append(closer)
        del self._delimiters[bottom:]

    def _close(self, closer: _Delimiter, waiting: list[_Delimiter], failed: dict[tuple[str, int, bool], int]) -> None:
        key = (closer.character, closer.size % 3, closer.can_open)
        while closer.left:
            index = len(waiting) - 1
            while index >= 0 and waiting[index].start > failed.get(key, -1) and not _fits(waiting[index], closer):
                index -= 1
            if index < 0 or waiting[index].start <= failed.get(key, -1):
                failed[key] = waiting[-1].start if waiting else -1
                return
            opener = waiting[index]
            del waiting[index + 1 :]
            strong = opener.left >= 2 and closer.left >= 2
            size = 2 if strong else 1
            flags = STRIKE if closer.character == "~" else BOLD if strong else ITALIC
            self.cuts += (Cut(opener.end - size, opener.end), Cut(closer.start, closer.start + size))
            self.styles.append(Styled(opener.end, closer.start, flags))
            opener.end -= size
            closer.start += size
            if not opener.left:
                waiting.pop()


def _fits(opener: _Delimiter, closer: _Delimiter) -> bool:
    if opener.character != closer.character:
        return False
    both = opener.can_close or closer.can_open
    return not both or (opener.size + closer.size) % 3 != 0 or (opener.size % 3 == 0 and closer.size % 3 == 0)


def _destination(text: str, start: int) -> tuple[str, int]:
    """What stands between the parentheses of a link, and where reading goes on; empty if they do not close."""
    depth, at, limit = 0, start, min(len(text), start + TARGET_MAX)
    while at < limit:
        character = text[at]
        if character == "(":
            depth += 1
            if depth > PARENS_MAX:
                break
        elif character == ")":
            if not depth:
                return text[start:at].strip("<>"), at + 1
            depth -= 1
        elif character.isspace():
            return _titled(text, start, at)
        at += 1
    return "", at


def _titled(text: str, start: int, end: int) -> tuple[str, int]:
    """A target with a title in quotes after it; the title is not shown."""
    if text[end : end + 2] == ' "':
        close = text.find('")', end + 2, end + 200)
        if close > 0:
            return text[start:end].strip("<>"), close + 2
    return "", end


def _trimmed(text: str, start: int, end: int) -> int:
    """Where a URL in running text ends: marks of the sentence and parentheses opened before it are not its own."""
    surplus = text.count(")", start, end) - text.count("(", start, end)
    brackets = text.count("]", start, end) - text.count("[", start, end)
    while end > start:
        last = text[end - 1]
        if last == ")" and surplus > 0:
            surplus -= 1
        elif last == "]" and brackets > 0:
            brackets -= 1
        elif last not in _ENDS:
            break
        end -= 1
    return end


_HANDLERS: Final[dict[str, Callable[[_Scanner, re.Match[str]], int]]] = {
    "\\": _Scanner._escape,
    "¯": _Scanner._skip,
    "`": _Scanner._code,
    "*": _Scanner._delimiter,
    "_": _Scanner._delimiter,
    "~": _Scanner._delimiter,
    "[": _Scanner._open_bracket,
    "!": _Scanner._open_bracket,
    "]": _Scanner._close_bracket,
    "<": _Scanner._angle,
    "h": _Scanner._bare,
    "m": _Scanner._bare,
    "w": _Scanner._bare,
    "@": _Scanner._mention,
}


_HANDLERS_AS_WRITTEN: Final[dict[str, Callable[[_Scanner, re.Match[str]], int]]] = {
    first: handler if first in "hmw@" else _Scanner._skip for first, handler in _HANDLERS.items()
}


def read_inline(
    text: str, people: People, budget: Budget | None = None, *, as_written: bool = False
) -> tuple[str, list[Run]]:
    """The text as it is shown and its styled runs, in order and without overlaps.

    `as_written` the text stays as it is, and only URLs that say where they lead and mentions are styled.
    """
    scanner = _Scanner(text, people, budget or Budget(), as_written=as_written)
    scanner.scan()
    if not scanner.cuts and not scanner.styles:
        return text, []
    return compiled(text, scanner.cuts, scanner.styles)
