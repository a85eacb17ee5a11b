"""The search screen: a question, the hits as they come, what stands around one, and the way there and back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final, Literal

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static

from chatproto.errors import CODES, ErrorInfo
from chatproto.rest import SearchHit
from chatproto.text import terminal_safe
from chatterm.client.model import ConnectionChanged, EntryRef, EventsStored, Link, Notice
from chatterm.client.ports import Engine
from chatterm.client.searching import HITS_MAX, Phase, Place, Search, place_of
from chatterm.tui.line import Line, Part
from chatterm.tui.picker_rows import PickerLine
from chatterm.tui.search.context import Context
from chatterm.tui.search.hits import Described, HitRows
from chatterm.tui.search.question import Filter, Question
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.names import Names

FILTERS: Final = ("from:", "in:", "before:", "after:", "has:file", "has:link")
SUGGESTED: Final = 6
_WORDY: Final = 72
"""From this width on, days are said in words."""
_SUGGEST_AFTER_S: Final = 0.05
_UNCLEAR: Final = f"{CODES['searchInvalid'].message} "
_COLUMNS: Final = [(0, "-narrow"), (110, "-wide")]
_EMPTY_QUESTION: Final = (
    "Write what you remember of a message.",
    '"a phrase"  begin*  -without  from:anna  in:garden  after:2026-01-31  before:7d  has:file  has:link',
)


@dataclass
class Remembered:
    """The last search of an account and where its reader was, for the next time."""

    search: Search
    text: str = ""
    newest: bool = True
    at: Place | None = None
    scrolled: int = 0


class Suggestions(Line):
    """Below the question: names that complete a filter, else the filters; all can be clicked on."""

    DEFAULT_CSS = "Suggestions { padding: 0 1; }"

    def __init__(self, act: "SearchScreen") -> None:
        super().__init__()
        self._screen = act
        self.names: tuple[tuple[str, str], ...] = ()
        """What is shown and what is to be written, for the filter at the cursor."""
        self.newest = True

    def left(self) -> Sequence[Part]:
        if self.names:
            parts = [Part("Tab ", "normal", "complete 0")]
            for index, (shown, _) in enumerate(self.names):
                parts.append(Part(f"{shown}   ", "accent" if not index else "normal", f"complete {index}"))
            return parts
        return [Part(f"{name}  ", "quiet", f"filter {name}") for name in FILTERS]

    def right(self) -> Sequence[Part]:
        return (Part("newest first" if self.newest else "best first", "normal", "order"),)

    def clicked(self, part: Part) -> None:
        self._screen.act(part.action)


class Told(Static):
    """What went wrong or may be missing, there only when there is something; a click tries again what failed."""

    DEFAULT_CSS = """
    Told { padding: 0 1; display: none; max-height: 3; }
    Told.-shown { display: block; }
    Told.-bad { color: $error; text-style: bold; }
    Told.-warn { color: $warning; text-style: bold; }
    Told.-quiet { color: $quiet; }
    """

    def __init__(self, act: "SearchScreen") -> None:
        super().__init__("", markup=False)
        self._screen = act
        self._said = ("", "")

    def say(self, text: str, manner: Literal["bad", "warn", "quiet"] = "quiet") -> None:
        """Say something safe for a terminal, or nothing."""
        if (text, manner) != self._said:
            self._said = (text, manner)
            self.set_classes(f"-shown -{manner}" if text else "")
            self.update(Content(text))

    def on_click(self) -> None:
        self._screen.act("retry")


class Foot(Line):
    """What the keys do here."""

    DEFAULT_CSS = "Foot { padding: 0 1; }"
    _KEYS: ClassVar = (
        *(Part("Enter", "normal", "choose"), Part(" open   ", "quiet", "choose")),
        *(Part("↑↓", "normal"), Part(" move   ", "quiet")),
        *(Part("^T", "normal", "order"), Part(" newest or best   ", "quiet", "order")),
        *(Part("Esc", "normal", "back"), Part(" back", "quiet", "back")),
    )

    def __init__(self, act: "SearchScreen") -> None:
        super().__init__()
        self._screen = act

    def left(self) -> Sequence[Part]:
        return self._KEYS

    def clicked(self, part: Part) -> None:
        self._screen.act(part.action)


class SearchScreen(Screen[Place | None]):
    """Gives the message that is to be shown, or None if somebody left."""

    DEFAULT_CSS = """
    SearchScreen { background: $background; }
    SearchScreen #found { height: 1fr; margin: 1 0 0 0; }
    SearchScreen.-wide Context { display: block; }
    SearchScreen.-wide HitRows { width: 3fr; }
    SearchScreen.-low #found { margin: 0; }
    """
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = _COLUMNS
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-low"), (18, "-high")]  # noqa: RUF012 - Textual's type
    AUTO_FOCUS = "Question"

    def __init__(self, engine: Engine, remembered: Remembered, *, select_from: int | None = None) -> None:
        """`select_from`: the words from there on were searched before; typing replaces them."""
        super().__init__()
        self._engine = engine
        self._remembered = remembered
        self._search = remembered.search
        self._names = Names(engine.cache)
        self._chats: dict[int, str] = {}
        self._times = LocalTime()
        self.question = Question(remembered.text)
        if select_from is not None:
            self.question.select(select_from)
        self.suggestions = Suggestions(self)
        self.suggestions.newest = remembered.newest
        self.told = Told(self)
        self.hits = HitRows(self._describe)
        self.context = Context(engine, self._names, self._times.moment)
        self._asked = remembered.text
        self._suggester: Timer | None = None
        self._unsubscribe = engine.subscribe(self._heard)

    def compose(self) -> ComposeResult:
        yield self.question
        yield self.suggestions
        yield self.told
        with Horizontal(id="found"):
            yield self.hits
            yield self.context
        yield Foot(self)

    def on_mount(self) -> None:
        if self._search.text == self._remembered.text and self._search.newest == self._remembered.newest:
            self._search.look_again()
            self._update()
        else:
            self._search.ask(self._remembered.text, newest=self._remembered.newest, at_once=True)
        self.call_after_refresh(self._go_back_to_place)

    def _go_back_to_place(self) -> None:
        if self._remembered.at is not None:
            self.hits.scroll_to(y=self._remembered.scrolled, animate=False)
            self.hits.select(self._remembered.at)
        self.context.show(self.hits.current)

    def on_unmount(self) -> None:
        self._unsubscribe()

    def leave(self, place: Place | None) -> None:
        """Remember where the reader was, and close."""
        current = self.hits.current
        kept = self._remembered
        kept.text, kept.newest = self._search.text, self._search.newest
        kept.at = place_of(current) if current is not None else None
        kept.scrolled = self.hits.scroll_offset.y
        self._search.close()
        self.dismiss(place)

    # --- what is asked ---

    @on(PickerLine.Changed)
    def _edited(self) -> None:
        if self.question.text != self._asked:
            self._ask()
        if self._suggester is None:
            self._suggester = self.set_timer(_SUGGEST_AFTER_S, self._suggest)

    def _ask(self, *, at_once: bool = False) -> None:
        self._asked = self.question.text
        self._search.ask(self._asked, newest=self.suggestions.newest, at_once=at_once)

    def _suggest(self) -> None:
        self._suggester = None
        wanted = self.question.filter
        if wanted is None:
            self._show_suggestions(())
        else:
            self.run_worker(self._find_names(wanted), group="suggest", exclusive=True)

    async def _find_names(self, wanted: Filter) -> None:
        found = await self._engine.finder.suggest(wanted.name, wanted.beginning, SUGGESTED)
        if self.question.filter == wanted:
            self._show_suggestions(tuple((terminal_safe(shown)[:40], value) for shown, value in found))

    def _show_suggestions(self, names: tuple[tuple[str, str], ...]) -> None:
        if names != self.suggestions.names:
            self.suggestions.names = names
            self.suggestions.refresh()
            self._tell()

    # --- what was found ---

    def changed(self) -> None:
        """The search has news."""
        if self.is_mounted:
            self._update()

    def _update(self) -> None:
        self.hits.show(self._search.hits, self._empty(), fresh=not self._search.hits)
        self.question.show_state(self._state())
        self._tell()

    def _empty(self) -> Sequence[str]:
        search = self._search
        if not search.text.strip():
            return _EMPTY_QUESTION
        if search.busy or self._unclear() is not None:
            return ()
        hints = ["Nothing was found."]
        if search.server.phase is Phase.OFFLINE:
            hints.append("Only this device was searched; the server is asked when there is a connection.")
        last = search.text.split()[-1]
        if last.isalnum() and len(last) > 1:
            hints.append(f"{terminal_safe(last)}* finds words that begin so.")
        return hints

    def _state(self) -> tuple[Part, ...]:
        """What is going on, and how much was found; the latter stays where there is little room."""
        search = self._search
        if not search.text.strip() or self._unclear() is not None:
            return ()
        if search.here.phase is Phase.ASKING and not search.hits:
            return (Part("searching here…", "quiet"),)
        going_on = {
            Phase.ASKING: Part("asking the server…   ", "quiet"),
            Phase.OFFLINE: Part("offline: only what is on this device   ", "warn"),
        }
        part = going_on.get(search.server.phase)
        count = Part(self._count(), "quiet")
        return (count,) if part is None else (part, count)

    def _count(self) -> str:
        count, more = len(self._search.hits), self._search.here.more or self._search.server.more
        return f"{min(count, HITS_MAX):,}{'+' if more else ''} found"

    def _unclear(self) -> ErrorInfo | None:
        """Why the question makes no sense: by itself, or because nobody knows whom it names.

        Whom this device does not know, the server may: then its answer counts.
        """
        search = self._search
        if search.mistake is not None:
            return search.mistake
        deciding = search.here if search.server.phase in (Phase.OFFLINE, Phase.FAILED) else search.server
        return deciding.error if deciding.error is not None and deciding.error.code == "searchInvalid" else None

    def _tell(self) -> None:
        """What went wrong, or may be missing."""
        search, unclear = self._search, self._unclear()
        if unclear is not None:
            completing = bool(self.suggestions.names)  # a name that is still being written is no mistake yet
            self.told.say("" if completing else terminal_safe(unclear.message.removeprefix(_UNCLEAR)), "warn")
            return
        failed = [side.error for side in (search.server, search.here) if side.phase is Phase.FAILED and side.error]
        failed = [error for error in failed if error.code != "searchInvalid"]
        if failed:
            text = terminal_safe(f"{failed[0].message} {failed[0].hint}".strip())
            self.told.say(f"{text} Click here or press Ctrl+R to try again.", "bad")
        elif search.server.incomplete or (search.here.incomplete and search.server.phase is Phase.OFFLINE):
            self.told.say("Some messages are not indexed yet: hits may be missing for a while.")
        else:
            self.told.say("")

    def _describe(self, hit: SearchHit) -> Described:
        chat = self._chats.get(hit.chat_id)
        if chat is None:
            entry = self._engine.cache.entry(EntryRef("chat", hit.chat_id))
            chat = self._chats[hit.chat_id] = terminal_safe(entry.name) if entry is not None else "(unknown chat)"
        own = hit.message.sender_id == self._engine.account.user_id
        author = "You" if own else self._names(hit.message.sender_id)
        return Described(chat, author if author != chat else "", self._moment(hit.message.at))

    def _moment(self, at: int) -> str:
        """The clock time if it is today, else the day, in figures where there is little room."""
        today = self._times.day(at) == self._times.day(time.time_ns() // 1_000)
        if today or self.size.width >= _WORDY:
            return self._times.moment(at)
        return date.fromordinal(self._times.day(at)).isoformat()

    @on(HitRows.Moved)
    def _moved(self) -> None:
        self.context.show(self.hits.current)

    @on(HitRows.EndNear)
    def _more(self) -> None:
        self._search.more()

    def _heard(self, notice: Notice) -> None:
        if isinstance(notice, EventsStored):
            self.context.stored(notice.chat_id)
            if notice.changed and self._search.hits:
                self._search.look_again()
                self._update()
        elif isinstance(notice, ConnectionChanged):
            online = notice.status.link is Link.ONLINE
            if online and self._search.server.phase is Phase.OFFLINE:
                self._search.ask_server()

    # --- keys and clicks ---

    @on(PickerLine.Asked)
    def _key(self, message: PickerLine.Asked) -> None:
        self.act(message.action)

    @on(HitRows.Chosen)
    def _choose(self) -> None:
        self.act("choose")

    def key_ctrl_t(self) -> None:
        self.act("order")

    def key_ctrl_r(self) -> None:
        self.act("retry")

    def act(self, action: str) -> None:
        """Do what a key or a click asks for."""
        verb, _, what = action.partition(" ")
        if verb in ("tab", "complete"):
            self._complete(int(what or 0))
        elif verb == "filter":
            self.question.add(what)
            self.question.focus()
        elif verb == "order":
            self.suggestions.newest = not self.suggestions.newest
            self.suggestions.refresh()
            self._ask(at_once=True)
        elif verb == "retry":
            self._search.retry()
        elif verb == "back":
            self.leave(None)
        elif verb == "choose":
            hit = self.hits.current
            if hit is not None:
                self.leave(place_of(hit))
        else:
            self.hits.move(action)

    def _complete(self, index: int) -> None:
        wanted, names = self.question.filter, self.suggestions.names
        if wanted is not None and index < len(names):
            self.question.complete(wanted, names[index][1])
            self._show_suggestions(())
            self.question.focus()
