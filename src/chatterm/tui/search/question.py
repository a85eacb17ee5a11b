"""The line in which a search is written, and the filter at its cursor that can be completed."""

import re
from typing import Final, Literal, NamedTuple

from textual import events

from chatproto import limits
from chatproto.text import strip_terminal_codes
from chatterm.tui.line import Part
from chatterm.tui.picker_rows import PickerLine

_NAMED: Final = re.compile(r"(?:^|\s)-?(from|in):(\"[^\"]*|[^\s\"]*)$", flags=re.IGNORECASE)


class Filter(NamedTuple):
    """The name behind a `from:` or `in:` that the cursor stands at."""

    name: Literal["from", "in"]
    beginning: str
    start: int
    """Where the name begins in the text."""


class Question(PickerLine):
    """One line of text, edited as in the composer."""

    def __init__(self, text: str) -> None:
        super().__init__("", "", 'words, "a phrase", begin*, -without, from:, in:, has:file …')
        self._editor.load(text)
        self._state: tuple[Part, ...] = ()

    def show_state(self, state: tuple[Part, ...]) -> None:
        """Say at the right what is going on."""
        if state != self._state:
            self._state = state
            self.refresh()

    def right(self) -> tuple[Part, ...]:
        return self._state

    @property
    def filter(self) -> Filter | None:
        """The filter at the cursor that names somebody or a chat."""
        before = self._editor.lines[0][: self._editor.column]
        found = _NAMED.search(before)
        if found is None:
            return None
        name: Literal["from", "in"] = "from" if found[1].lower() == "from" else "in"
        return Filter(name, found[2].lstrip('"'), found.start(2))

    def complete(self, wanted: Filter, value: str) -> None:
        """Write a name in the place of its beginning."""
        line, column = self._editor.lines[0], self._editor.column
        rest = line[column:].lstrip()
        self._replace(f"{line[: wanted.start]}{value} {rest}")

    def add(self, words: str) -> None:
        """Put a filter behind what is written; one that waits for its value gets the cursor behind its colon."""
        text = self.text
        gap = " " if text and not text[-1].isspace() else ""
        self._replace(f"{text}{gap}{words}")

    def write(self, text: str) -> None:
        """Ask something else."""
        self._replace(text)

    def select(self, start: int) -> None:
        """Select what is written from `start` on, so that typing replaces it and an arrow key keeps it."""
        self._editor.column = len(self._editor.lines[0])
        self._editor.anchor = (0, min(start, self._editor.column))
        self.refresh()

    def _replace(self, text: str) -> None:
        before = self.text
        self._editor.load(text[: limits.SEARCH_MAX_CHARS])
        self._edited(before)

    def _insert(self, text: str) -> None:
        before = self.text
        if len(before) - len(self._editor.selected_text) + len(text) <= limits.SEARCH_MAX_CHARS:
            self._editor.insert(text)
            self._edited(before)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        room = limits.SEARCH_MAX_CHARS - len(self.text) + len(self._editor.selected_text)
        self._insert(" ".join(strip_terminal_codes(event.text[: 4 * limits.SEARCH_MAX_CHARS]).split())[:room])
