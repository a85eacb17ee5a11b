"""The client list as data: an ordered list of small keys, rows read on demand, headings, a filter; knows no widget."""

import re
import time
import unicodedata
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from chatterm.client.model import SECTIONS, Entry, EntryRef, Section
from chatterm.client.ports import CacheReader
from chatterm.tui.roster_news import News

ROWS_CACHED: Final = 512
MATCHES_MAX: Final = 2_000
"""Rows a filter shows; the most recently active ones win."""
CHUNK: Final = 250
"""Rows read at a time in the background: about a millisecond."""
HEADINGS: Final = {
    Section.PINNED: "Pinned",
    Section.RECENT: "Recent",
    Section.ARCHIVED: "Archived",
    Section.PEOPLE: "People",
}

_ACCENTS: Final = re.compile("[\u0300-\u036f]+")

Key = tuple[int, int, str, int]
"""`(section, -activity, name and address in lower case, code of the ref)`: about 210 bytes a row, strings included."""
Place = EntryRef | Section
"""What a row shows: an entry, or the heading of a section."""


class Span(NamedTuple):
    """Rows of one section: from `first` on, after its heading if it has one; `shown` of its `total`."""

    section: Section
    heading: bool
    first: int
    shown: int
    total: int

    @property
    def end(self) -> int:
        return self.first + self.shown


def _code(ref: EntryRef) -> int:
    return ref.id * 2 + (ref.kind == "user")


def _ref(code: int) -> EntryRef:
    return EntryRef("user" if code & 1 else "chat", code >> 1)


def ref_of_key(key: Key) -> EntryRef:
    """The entry that a key belongs to."""
    return _ref(key[3])


def _search_text(entry: Entry) -> str:
    """Name and address on one line, whatever they hold: the filter tells rows by line feeds."""
    return f"{entry.sort_name}\t{entry.email.lower()}".replace("\n", " ")


def _unaccented(text: str) -> str:
    """`text` without accents, of another length perhaps, but with its line feeds: about 0.1 s for 100,000 names."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return decomposed if decomposed.isascii() else _ACCENTS.sub("", decomposed)


def _key(entry: Entry) -> Key:
    """The cache's own order: it decides what the keyset has already passed."""
    return int(entry.section), -entry.activity, _search_text(entry), _code(entry.ref)


class Roster:
    """The rows of the client list in their order, loaded from the top as far as somebody looks.

    Rows beyond what is loaded are `None` until `load` has come that far. Sections have headings where that helps;
    the archived one shows its rows only if `archive_open`.
    """

    def __init__(self, cache: CacheReader) -> None:
        self._cache = cache
        self._keys: list[Key] = []
        self._by_code: dict[int, Key] = {}
        self._rows: OrderedDict[int, Entry] = OrderedDict()
        self._last: Key | None = None
        self._last_entry: Entry | None = None
        self._complete = False
        self._needle = ""
        self._matches: list[int] | None = None
        self._joined: str | None = None
        self._known = [0] * len(SECTIONS)
        self._loaded = [0] * len(SECTIONS)
        self._spans: list[Span] | None = None
        self.version = 0
        """Another number after each change of the rows."""
        self._archive_open = False
        self._terse = False
        self.news = News()
        """Unread messages of the loaded rows."""
        self.unread = self.news.unread

    # --- loading ---

    def reload(self, rows: int) -> None:
        """Forget everything and read the first `rows` rows."""
        self._keys.clear()
        self._by_code.clear()
        self._rows.clear()
        self.news.clear()
        self._loaded = [0] * len(SECTIONS)
        self._last, self._last_entry, self._complete = None, None, False
        self._reordered()
        self._known = list(self._cache.section_counts())
        self.load(max(rows, 1))

    def load(self, limit: int = CHUNK) -> bool:
        """Read the next `limit` rows; False once there are none left."""
        if self._complete:
            return False
        chunk = self._cache.entries(self._last_entry, limit)
        for entry in chunk:
            self._put(entry)
        self._complete = len(chunk) < limit
        if chunk:
            self._last_entry, self._last = chunk[-1], _key(chunk[-1])
        self._reordered()
        return not self._complete

    @property
    def is_complete(self) -> bool:
        """Whether every row is loaded."""
        return self._complete

    def wants_more(self, rows: int) -> bool:
        """Whether rows up to `rows`, conversations, or a filter need more than is loaded."""
        if self._complete:
            return False
        conversations = self._last is None or self._last[0] < Section.PEOPLE
        return bool(self._needle) or conversations or len(self._keys) < self._needed(rows)

    def _needed(self, rows: int) -> int:
        """Entries that must be loaded for the first `rows` rows; those that are folded away lie before others."""
        needed = 0
        for span in self._layout():
            if rows <= span.first:
                return needed
            needed += min(rows - span.first, span.shown) if rows < span.end else span.total
        return needed

    # --- change ---

    def apply(self, refs: Iterable[EntryRef]) -> bool:
        """Read the named rows again and put them where they belong; rows that are gone leave.

        True if one of them is new here or has another name than before.
        """
        renamed = False
        for ref in refs:
            before = self._remove(_code(ref))
            entry = self._cache.entry(ref)
            if entry is not None and (self._complete or self._passed(entry)):
                self._put(entry)
            renamed = renamed or (entry is not None and (before is None or before[2] != _search_text(entry)))
        if not self._complete:
            self._known = list(self._cache.section_counts())
        self._reordered()
        return renamed

    def _reordered(self) -> None:
        self._matches, self._joined, self._spans = None, None, None
        self.version += 1

    def _passed(self, entry: Entry) -> bool:
        return self._last is not None and _key(entry) <= self._last

    def _put(self, entry: Entry) -> None:
        key = _key(entry)
        code = key[3]
        if code in self._by_code:
            self._remove(code)
        if self._keys and key < self._keys[-1]:
            insort(self._keys, key)
        else:
            self._keys.append(key)
        self._by_code[code] = key
        self._loaded[key[0]] += 1
        self._remember(code, entry)
        self.news.put(entry)

    def _remove(self, code: int) -> Key | None:
        self._rows.pop(code, None)
        self.news.drop(_ref(code))
        key = self._by_code.pop(code, None)
        if key is not None:
            del self._keys[bisect_left(self._keys, key)]
            self._loaded[key[0]] -= 1
        return key

    def _remember(self, code: int, entry: Entry) -> None:
        self._rows[code] = entry
        self._rows.move_to_end(code)
        if len(self._rows) > ROWS_CACHED:
            self._rows.popitem(last=False)

    # --- sections ---

    @property
    def archive_open(self) -> bool:
        return self._archive_open

    def show_archive(self, on: bool) -> None:
        """Show the rows of archived chats, or fold them away."""
        self._archive_open = on
        self._spans = None

    def be_terse(self, on: bool) -> None:
        """Leave out headings that only help the eye."""
        self._terse = on
        self._spans = None

    def count(self, section: Section) -> int:
        """Entries of a section, loaded or not."""
        passed = self._complete or (self._last is not None and self._last[0] > section)
        return self._loaded[section] if passed else max(self._known[section], self._loaded[section])

    def unread_in(self, section: Section) -> int:
        """Unread messages of a section's loaded entries."""
        keys = ((self._by_code.get(_code(ref)), count) for ref, count in self.unread.items())
        return sum(count for key, count in keys if key is not None and key[0] == section)

    def _layout(self) -> list[Span]:
        if self._spans is None:
            there = [section for section in SECTIONS if self.count(section)]
            self._spans = []
            row = 0
            for section in there:
                folded = section is Section.ARCHIVED
                heading = folded or (not self._terse and section in HEADINGS and (bool(row) or not section))
                total = self.count(section)
                shown = 0 if folded and not self._archive_open else total
                row += heading
                self._spans.append(Span(section, heading, row, shown, total))
                row += shown
        return self._spans

    # --- reading ---

    def __len__(self) -> int:
        """Rows to show: all there are with their headings, or the matches of the filter."""
        if self._needle:
            return len(self._matching())
        spans = self._layout()
        return spans[-1].end if spans else 0

    def place_at(self, index: int) -> Place | None:
        """What row `index` shows; None outside the list and where it is not loaded yet."""
        if self._needle:
            matches = self._matching()
            return _ref(matches[index]) if 0 <= index < len(matches) else None
        before = 0
        for span in self._layout():
            if span.heading and index == span.first - 1:
                return span.section
            if span.first <= index < span.end:
                at = before + index - span.first
                return _ref(self._keys[at][3]) if at < len(self._keys) else None
            before += span.total
        return None

    def ref_at(self, index: int) -> EntryRef | None:
        """The entry in row `index`; None for a heading, outside the list, and where it is not loaded yet."""
        place = self.place_at(index)
        return None if isinstance(place, Section) else place

    def index_of(self, place: Place | None) -> int | None:
        """The row that shows this; None if none does."""
        if place is None:
            return None
        if isinstance(place, Section):
            spans = () if self._needle else self._layout()
            return next((span.first - 1 for span in spans if span.section is place and span.heading), None)
        code = _code(place)
        if self._needle:
            return self._matching().index(code) if code in self._matching() else None
        key = self._by_code.get(code)
        return None if key is None else self._row_of(key)

    def _row_of(self, key: Key) -> int | None:
        before = 0
        for span in self._layout():
            if span.section == key[0]:
                return span.first + bisect_left(self._keys, key) - before if span.shown else None
            before += span.total
        return None

    def neighbour(self, ref: EntryRef | None, step: int) -> EntryRef | None:
        """The entry next to one (`step` 1 or -1), headings left out; the first of all for one that is not shown."""
        index = self.index_of(ref)
        if index is None:
            return next(filter(None, map(self.ref_at, range(min(len(self), 3)))), None)
        index += step
        while isinstance(self.place_at(index), Section):
            index += step
        return self.ref_at(index)

    def nth(self, number: int) -> EntryRef | None:
        """The entry in the `number`th place from the top, counted from 1, headings left out."""
        index = -1
        for _ in range(number):
            index += 1
            while isinstance(self.place_at(index), Section):
                index += 1
        return self.ref_at(index)

    def entry(self, ref: EntryRef) -> Entry | None:
        """The row itself, from memory or disk; None if it is gone."""
        code = _code(ref)
        found = self._rows.get(code)
        if found is None:
            found = self._cache.entry(ref)
            if found is not None:
                self._remember(code, found)
        else:
            self._rows.move_to_end(code)
        return found

    def next_of(self, refs: Iterable[EntryRef], current: EntryRef | None) -> EntryRef | None:
        """Which of these comes next after the current one, in the list's order and around its end."""
        order = sorted(
            (self._by_code[_code(ref)], ref) for ref in refs if ref != current and _code(ref) in self._by_code
        )
        if not order:
            return None
        here = self._by_code.get(_code(current)) if current is not None else None
        return next((ref for key, ref in order if here is not None and key > here), order[0][1])

    def next_unread(self, current: EntryRef | None) -> EntryRef | None:
        """The next entry with unread messages that count; see `News`."""
        return self.next_of(self.news.counted(time.time()), current)

    def next_mention(self, current: EntryRef | None) -> EntryRef | None:
        """The next entry with unread messages that name the user."""
        return self.next_of(self.news.mentioning, current)

    # --- filter ---

    @property
    def needle(self) -> str:
        return self._needle

    def filter(self, text: str) -> None:
        """Show only rows whose name or address holds every word of `text`, whatever its accents; without one all."""
        self._needle = " ".join(_unaccented(text.casefold()).split())
        self._matches = None

    def keys(self, limit: int | None = None) -> list[Key]:
        """The keys of the loaded entries, or the first of them, in their order."""
        return self._keys[:limit]

    def _matching(self) -> list[int]:
        if self._matches is None:
            self._matches = self._search(self._needle.split(" "))
        return self._matches

    def _search(self, words: list[str]) -> list[int]:
        """One pass of `str.find` over all names joined by line feeds: about 2 ms for 100,000 and a rare word."""
        if self._joined is None:
            self._joined = _unaccented("\n".join(key[2] for key in self._keys))
        joined, first, rest = self._joined, words[0], words[1:]
        found: list[int] = []
        row, counted = 0, 0
        at = joined.find(first)
        while at >= 0 and len(found) < MATCHES_MAX:
            row += joined.count("\n", counted, at)
            counted = at
            start, end = joined.rfind("\n", 0, at) + 1, joined.find("\n", at)
            search = joined[start : end if end >= 0 else None]
            if all(word in search for word in rest):
                found.append(self._keys[row][3])
            at = joined.find(first, end) if end >= 0 else -1
        return found
