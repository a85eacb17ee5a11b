"""Asking the terminal which background it has, and taking its answer out of the keys that people type meanwhile."""

import re
from typing import Final

QUERY: Final = "\x1b]11;?\x1b\\"
"""OSC 11 with a question mark, as XTerm introduced it; terminals that do not know it say nothing."""
_BEGINNING: Final = "\x1b]11;"
_PART: Final = "([0-9a-fA-F]{1,4})"
_ANSWER: Final = re.compile(f"\x1b\\]11;rgba?:{_PART}/{_PART}/{_PART}[^\x07\x1b]*(?:\x07|\x1b\\\\)")
_ANSWER_MAX: Final = 64
"""Characters of the longest answer; what is longer is none."""


class AnswerSplitter:
    """Takes the answer out of the input; everything else comes out as it went in, in order."""

    def __init__(self) -> None:
        self.background: tuple[float, float, float] | None = None
        """What the terminal said: red, green and blue from 0 to 1."""
        self._held = ""

    @property
    def holds(self) -> bool:
        """Whether the beginning of an answer waits for the rest; if nothing comes, `release` it."""
        return bool(self._held)

    def release(self) -> str:
        """What was held back and turned out to be no answer."""
        held, self._held = self._held, ""
        return held

    def feed(self, text: str) -> str:
        """The keys in some input, without an answer."""
        text, self._held = self._held + text, ""
        if "\x1b" not in text or self.background is not None:
            return text
        found = _ANSWER.search(text)
        if found is not None:
            red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
            self.background = (red, green, blue)
            return text[: found.start()] + text[found.end() :]
        start = text.rfind(_BEGINNING)
        if start < 0:
            # ESC alone is a key; only from ESC and ] on it can be nothing else but a sequence.
            start = next((len(text) - size for size in range(4, 1, -1) if text.endswith(_BEGINNING[:size])), -1)
        if start >= 0 and len(text) - start <= _ANSWER_MAX:
            text, self._held = text[:start], text[start:]
        return text
