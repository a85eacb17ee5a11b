"""Asking the terminal about itself, and taking its answers out of the keys that people type meanwhile."""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

Told = Callable[["re.Match[str]"], None]

_PART: Final = "([0-9a-fA-F]{1,4})"
BACKGROUND_QUERY: Final = "\x1b]11;?\x1b\\"
"""OSC 11 with a question mark, as XTerm introduced it; terminals that do not know it say nothing."""
BACKGROUND: Final = re.compile(f"\x1b\\]11;rgba?:{_PART}/{_PART}/{_PART}[^\x07\x1b]*(?:\x07|\x1b\\\\)")

_CUT: Final = re.compile("\x1b(?:\\](?:1(?:1(?:;[^\x07\x1b]*\x1b?)?)?)?|\\[(?:[?0-9][0-9;]*)?)\\Z")
"""The beginning of an answer. ESC alone is a key; only with what follows it can be nothing else but a sequence."""
_ANSWER_MAX: Final = 64
"""Characters of the longest answer; what is longer is none."""


class Question(NamedTuple):
    """What is looked for in the input, once, and who is told of it."""

    answer: "re.Pattern[str]"
    told: Told


class AnswerSplitter:
    """Takes answers out of the input; everything else comes out as it went in, in order."""

    def __init__(self) -> None:
        self._open: dict[re.Pattern[str], Question] = {}
        self._held = ""

    def expect(self, questions: Iterable[Question]) -> None:
        """From now on look for the answers to these, too; the same question again takes the place of the earlier."""
        for question in questions:  # each in one step, since another thread reads them
            self._open[question.answer] = question

    @property
    def holds(self) -> bool:
        """Whether the beginning of an answer waits for the rest; if nothing comes, `release` it."""
        return bool(self._held)

    def release(self) -> str:
        """What was held back and turned out to be no answer."""
        held, self._held = self._held, ""
        return held

    def feed(self, text: str) -> tuple[str, list[tuple[Question, "re.Match[str]"]]]:
        """The keys in some input, and the answers that were among them."""
        text, self._held = self._held + text, ""
        answers: list[tuple[Question, re.Match[str]]] = []
        if "\x1b" not in text or not self._open:
            return text, answers
        for question in list(self._open.values()):
            found = question.answer.search(text)
            if found is not None:
                answers.append((question, found))
                del self._open[question.answer]
                text = text[: found.start()] + text[found.end() :]
        cut = _CUT.search(text) if self._open else None
        if cut is not None and len(cut.group()) <= _ANSWER_MAX:
            text, self._held = text[: cut.start()], cut.group()
        return text, answers
