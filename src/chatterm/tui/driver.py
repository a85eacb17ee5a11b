"""The terminal driver: Textual's, with an end of input that ends the app and pastes that arrive whole."""

import os
import re
import selectors
import time
from codecs import getincrementaldecoder
from collections.abc import Iterable
from threading import Event
from typing import IO, TYPE_CHECKING, Any, Final, cast

from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from chatterm.tui.answers import AnswerSplitter, Question
    from chatterm.tui.pixels import TerminalPixels

READ_BYTES: Final = 65_536
IDLE_S: Final = 60.0
"""Without input there is nothing to do; the end of the app wakes the thread."""
ESCAPE_S: Final = 0.02
"""How often Textual's parser is asked whether an ESC was a key, ..."""
ESCAPE_ROUNDS: Final = 8
"""... and how many times after the last input: longer than it waits."""
HOLD_S: Final = 0.02
"""How long a beginning of a paste mark waits for the rest: the Escape key is one, too."""
FRAME_MIN: Final = 2_048
"""Characters of a write that is a whole frame."""
FIRST_FRAME_S: Final = 0.001
"""The thread that writes gets the processor for the first frame, before this one goes on with what can wait."""
PASTE_MAX: Final = 1_048_576
"""Characters of one paste that are kept; the composer refuses far less than this with its reason."""


_WELL_KNOWN: Final = re.compile("[\x00-\u024f\u2010-\u20cf\u2100-\u2bff]*")
"""Characters of one sure cell: Latin, punctuation, arrows, boxes, signs."""
_ALT: Final = re.compile("\x1b([^\x1b\\[\\]\\\\NOPX^_])")
"""ESC and a character that begins no control sequence: Alt with that key, as most terminals send it."""


def kitty_alt(keys: str) -> str:
    """Write Alt and a key in the kitty protocol's form, which has an end of its own.

    Textual's parser waits after an ESC for what may follow, and so loses Alt+Enter if more keys come at once.
    """
    return _ALT.sub(lambda found: f"\x1b[{ord(found[1])};3u", keys)


class PasteSplitter:
    """Takes bracketed pastes out of the input, so that nothing in them can act as a key.

    Textual's own parser reads a terminal code inside a paste as keys, and loses the text after it.
    """

    def __init__(self) -> None:
        self._pasting = False
        self._held = ""
        self._parts: list[str] = []
        self._size = 0

    def feed(self, data: str) -> list[tuple[bool, str]]:
        """Split input into `(is a whole paste, text)`, in order; an unfinished paste waits for its end."""
        pieces: list[tuple[bool, str]] = []
        data, self._held = self._held + data, ""
        while data:
            mark = BRACKETED_PASTE_END if self._pasting else BRACKETED_PASTE_START
            before, found, data = data.partition(mark)
            if not found:
                before = self._hold_back(before, mark)
            if self._pasting:
                self._keep(before)
            elif before:
                pieces.append((False, before))
            if found and self._pasting:
                pieces.append((True, "".join(self._parts)))
                self._parts, self._size = [], 0
            if found:
                self._pasting = not self._pasting
        return pieces

    def _hold_back(self, text: str, mark: str) -> str:
        """Keep what may be the beginning of a mark for the next read, which may be cut anywhere."""
        for size in range(min(len(mark) - 1, len(text)), 0, -1):
            if text.endswith(mark[:size]):
                self._held = text[-size:]
                return text[:-size]
        return text

    @property
    def holds(self) -> bool:
        """Whether keys wait for what comes next; if nothing does, `release` them."""
        return bool(self._held) and not self._pasting

    def release(self) -> str:
        """What was held back and turned out to be no mark, for example the Escape key."""
        held, self._held = self._held, ""
        return held

    def _keep(self, text: str) -> None:
        room = PASTE_MAX - self._size
        self._parts.append(text[:room])
        self._size += min(len(text), room)


class WakingEvent(Event):
    """An event whose `set` can be waited for together with a file."""

    def __init__(self) -> None:
        super().__init__()
        self.reader = self._writer = -1
        self.open()

    def open(self) -> None:
        """Make it usable again after `close`; an open one stays as it is."""
        if self.reader < 0:
            self.reader, self._writer = os.pipe()

    def set(self) -> None:
        super().set()
        os.write(self._writer, b"x")

    def clear(self) -> None:
        if self.is_set():
            os.read(self.reader, READ_BYTES)
        super().clear()

    def close(self) -> None:
        """Idempotent."""
        if self.reader >= 0:
            os.close(self.reader)
            os.close(self._writer)
            self.reader = self._writer = -1


class TerminalFile:
    """The terminal's output; once it is gone, what is written is dropped.

    Otherwise Textual's writer thread would end at the first failure, its bounded queue would fill, and the
    next write would wait for ever.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._gone = False

    def write(self, text: str) -> int:
        if not self._gone:
            try:
                self._file.write(text)
            except OSError:
                self._gone = True
        return len(text)

    def flush(self) -> None:
        if not self._gone:
            try:
                self._file.flush()
            except OSError:
                self._gone = True

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()


def keep_alt_keys() -> None:
    """Let Alt with a digit be that: Textual takes it for the signs that a Mac's Option key writes with it."""
    known = cast("dict[str, object]", ANSI_SEQUENCES_KEYS)
    for char in "1234567890":
        known.pop(f"\x1b{char}", None)


class ChatDriver(LinuxDriver):
    """Reads keys until the terminal goes away; then the app ends instead of spinning."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        keep_alt_keys()
        if self._file is not None:
            self._file = cast("Any", TerminalFile(self._file))  # Textual needs no more of it than these methods
        self.exit_event = self._waking = WakingEvent()
        self._shown = False
        self._answers: AnswerSplitter | None = None
        self._pixels: TerminalPixels | None = None

    def ask(self, query: str, questions: "Iterable[Question]") -> None:
        """Ask the terminal something; who is to be told of an answer is called on the app's loop, in their order."""
        from chatterm.tui.answers import AnswerSplitter  # noqa: PLC0415 - not needed before the first paint

        answers = self._answers or AnswerSplitter()
        answers.expect(questions)
        self._answers = answers
        self.write(query)
        self.flush()

    @property
    def pixels(self) -> "TerminalPixels":
        """What is known of drawing in pixels here; loaded when there is a picture."""
        if self._pixels is None:
            from chatterm.tui.pixels import TerminalPixels, window_of  # noqa: PLC0415 - most first screens have none

            self._pixels = TerminalPixels(self.ask, lambda: window_of(self.fileno))
        return self._pixels

    def window_changed(self) -> None:
        """The terminal's window has another size, be it in cells or in pixels alone."""
        if self._pixels is not None:
            self._pixels.window_changed()

    def start_application_mode(self) -> None:
        self._waking.open()  # it was closed when the program was suspended
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual's own lacks the annotation

    def close(self) -> None:
        super().close()
        self._waking.close()

    def suspend_application_mode(self) -> None:
        """Give the terminal to another program, with all of the driver's own that is needed to come back."""
        self.stop_application_mode()
        if self._writer_thread is not None:
            self._writer_thread.stop()
            self._writer_thread = None

    def write(self, data: str) -> None:
        """Write to the terminal; while another program has it, nothing: the app paints anew when it is back."""
        if self._writer_thread is not None:
            super().write(data if data.isascii() or _WELL_KNOWN.fullmatch(data) else self._aligned(data))
            if not self._shown and len(data) >= FRAME_MIN:
                self._shown = True
                time.sleep(FIRST_FRAME_S)

    @staticmethod
    def _aligned(data: str) -> str:
        from chatterm.tui import alignment  # noqa: PLC0415 - not before a character that needs a closer look

        return data if alignment.is_sure(data) else alignment.aligned(data)

    def run_input_thread(self) -> None:
        """Read, split and dispatch input until the app stops or the input ends."""
        parser = XTermParser(self._debug)
        pastes = PasteSplitter()
        decode = getincrementaldecoder("utf-8")("replace").decode
        rounds = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._waking.reader, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                holds = pastes.holds or (self._answers is not None and self._answers.holds)
                if selector.select(HOLD_S if holds else ESCAPE_S if rounds else IDLE_S):
                    if self.exit_event.is_set():
                        return
                    data = self._read()
                    if data is None:
                        self._app.call_later(self._app.exit, None, 1)
                        return
                    rounds = ESCAPE_ROUNDS
                    self._take(parser, pastes.feed(decode(data)))
                else:
                    rounds = max(0, rounds - 1)
                    self._take(parser, [(False, pastes.release())])
                    if self._answers is not None:
                        self._give(parser, self._answers.release())
                for event in parser.tick():
                    self.process_message(event)

    def _take(self, parser: XTermParser, pieces: list[tuple[bool, str]]) -> None:
        for is_paste, text in pieces:
            if is_paste:
                self.process_message(events.Paste(text.replace("\x00", "")))
            elif text:
                self._give(parser, text if self._answers is None else self._without_answers(self._answers, text))

    def _without_answers(self, splitter: "AnswerSplitter", text: str) -> str:
        keys, answers = splitter.feed(text)
        for question, found in answers:
            self._app.call_later(question.told, found)
        return keys

    def _give(self, parser: XTermParser, keys: str) -> None:
        if keys:
            for event in parser.feed(kitty_alt(keys)):
                self.process_message(event)

    def _read(self) -> bytes | None:
        """The next bytes; None when the terminal is gone (end of input, or EIO after a hang-up)."""
        try:
            return os.read(self.fileno, READ_BYTES) or None
        except OSError:
            return None
