"""Completion while somebody types: watches the token at the cursor, shows choices, and puts in what is chosen."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

from textual.worker import Worker

from chatterm.tui.actions import of_command
from chatterm.tui.writer import converts_emoji
from chatterm.tui.writing import completion, tokens
from chatterm.tui.writing.commands import is_required
from chatterm.tui.writing.completion import Choice, Completion
from chatterm.tui.writing.emojis import Emojis
from chatterm.tui.writing.people import People
from chatterm.tui.writing.popup import Popup
from chatterm.tui.writing.tokens import Token

if TYPE_CHECKING:
    from chatterm.tui.conversation import Conversation

_log = logging.getLogger("chatterm.tui")
_ACCEPT = frozenset(("tab", "enter"))


class Assistant:
    """Belongs to one composer. Every key passes through `key` and then `moved`, which are quick without a token."""

    def __init__(self, conversation: "Conversation", people: People, emojis: Emojis) -> None:
        self._conversation = conversation
        self._people = people
        self._emojis = emojis
        self._completion = Completion(conversation.engine, people, emojis)
        self._popup: Popup | None = None
        self._token: Token | None = None
        self._offered: Token | None = None
        """The token for which choices are shown; others are on their way if it is not the one at the cursor."""
        self._left: tuple[str, int] | None = None
        self._worker: Worker[None] | None = None
        self._takes_first = False
        self._line = ""
        self._column = 0

    # --- keys

    def key(self, key: str) -> bool:
        """A key while choices are shown; True if it was for them."""
        self._takes_first = key == "tab" and self._waits()
        if self._takes_first:
            return True
        popup = self._popup
        return popup is not None and popup.display and self._key_of(popup, key)

    def _key_of(self, popup: Popup, key: str) -> bool:
        if key == "escape":
            self._left = self._token[:2] if self._token is not None else None
            self._token = None
            self._close()
            return True
        if not popup.is_open:
            return False
        if key in ("up", "down"):
            popup.move(-1 if key == "up" else 1)
            return True
        if key in _ACCEPT and self._offered == self._token and (key == "tab" or not self._means_text(popup)):
            self.accept(popup.current)
            return True
        return False

    def _waits(self) -> bool:
        """Whether something is yet to be offered for the token: a Tab that comes before it is for its first choice."""
        is_open = self._popup is not None and self._popup.is_open and self._offered == self._token
        if self._token is None or is_open:
            return False
        if self._token.kind == "emoji" and not self._emojis.loaded:
            self._emojis.load_now()
            self._look(begun=False)
            return False
        return self._worker is not None and not self._worker.is_finished

    def _means_text(self, popup: Popup) -> bool:
        """Whether Enter means what is written: a choice is there already, or none is needed and none was looked at."""
        editor, token, choice = self._conversation.composer.editor, self._token, popup.current
        if token is None or choice.user_id is not None:
            return False
        action = of_command(token.command) if token.kind == "argument" else None
        if action is not None and not token.needle and not popup.was_moved:
            return not is_required(action.argument)
        written = editor.lines[editor.row][token.start : editor.column].strip().casefold()
        return bool({written, written.removeprefix("@")} & {choice.insert.casefold(), choice.detail.casefold()})

    def accept(self, choice: Choice) -> None:
        """Put a choice in the place of the token."""
        editor, token = self._conversation.composer.editor, self._token
        if token is None:
            return
        follows = editor.lines[editor.row][editor.column : editor.column + 1]
        blank = "" if choice.goes_on or follows == " " else " "
        self._left = None
        if editor.replace(token.start, choice.insert, blank, choice.user_id):
            self._conversation.composer.edited()
        self._conversation.composer.focus()

    # --- what is written

    def moved(self) -> None:
        """The text or the cursor changed: show, change or hide what is offered. Only a change of the text opens it."""
        editor = self._conversation.composer.editor
        line, column = editor.lines[editor.row], editor.column
        changed = line != self._line
        typed = self._column + 1 == column and line[: column - 1] + line[column:] == self._line
        self._line, self._column = line, column
        if typed and line[column - 1] == ":" and self._convert(line, column):
            return
        token = self._token_at(line, column)
        begun = self._token is None or token is None or token[:2] != self._token[:2]
        if token is not None and ((begun and not changed) or token[:2] == self._left):
            token = None  # only looked at, or left with Esc
        else:
            self._left = None
        if token != self._token:
            self._takes_first = False
            self._token = token
            self._look(begun=begun)

    def forget(self) -> None:
        """Another text is in the composer: offer nothing before it is changed."""
        editor = self._conversation.composer.editor
        self._line, self._column = editor.lines[editor.row], editor.column
        self._token = self._left = None
        self._close()

    def _token_at(self, line: str, column: int) -> Token | None:
        """The token at the cursor, unless it is a mention that stands already."""
        editor = self._conversation.composer.editor
        token = tokens.at(line, editor.row, column)
        if token is not None:
            for row, start, end, _ in editor.marks:
                if row == editor.row and start <= token.start < end:
                    return None
        return token

    def _convert(self, line: str, column: int) -> bool:
        """The second colon of a name was typed: put the emoji in its place."""
        closed = tokens.closed_emoji(line, column) if converts_emoji(self._conversation) else None
        char = self._emojis.char(closed[1]) if closed is not None else None
        if closed is None or char is None or self._in_code(line[: closed[0]]):
            return False
        editor = self._conversation.composer.editor
        editor.replace(closed[0], char)
        self._token = None
        self._close()
        return True

    @staticmethod
    def _in_code(before: str) -> bool:
        return before.count("`") % 2 == 1

    def _look(self, *, begun: bool) -> None:
        token, conversation = self._token, self._conversation
        if token is None:
            self._close()
            return
        if begun:
            self._prepare(token)
        action = of_command(token.command) if token.kind == "argument" else None
        if action is not None and tokens.first_argument(action) in tokens.PATHS:

            async def look() -> None:
                await self._look_for_files(token)

            self._work(look, "completion")
            return
        try:
            choices = self._completion.choices(token, conversation.ref)
        except Exception as error:  # whatever it is, what is typed must not be lost with it
            _log.error("nothing can be offered for %s", token.kind, exc_info=error)
            choices = []
        hint = ""
        if action is not None and not token.needle and not choices:
            hint = f"/{token.command} {action.argument}   {action.title}"
        self._show(choices, hint)

    def _work(self, work: Callable[[], Coroutine[None, None, None]], group: str) -> None:
        """Do it in the background, instead of what was done in this group before."""
        self._worker = self._conversation.run_worker(work, group=group, exclusive=True)

    async def _look_for_files(self, token: Token) -> None:
        choices = await asyncio.to_thread(lambda: list(completion.paths(token.needle))[: completion.CHOICES_MAX])
        if token == self._token:
            self._show(choices, "")

    def _prepare(self, token: Token) -> None:
        """Fetch what may be missing for this kind of token; when it comes, look again."""
        ref = self._conversation.ref
        if token.kind == "emoji":
            self._emojis.load_soon(self._look_again)
        elif token.kind in ("person", "argument") and ref is not None and ref.kind == "chat":

            async def ask() -> None:
                await self._ask_for_members(ref.id)

            self._work(ask, "members")

    async def _ask_for_members(self, chat_id: int) -> None:
        await self._people.refresh(chat_id)
        self._look_again()

    def _look_again(self) -> None:
        if self._token is not None and self._conversation.is_attached:
            self._look(begun=False)

    # --- the popup

    def _show(self, choices: list[Choice], hint: str) -> None:
        self._offered = self._token
        if self._popup is None:
            if not choices and not hint:
                return
            self._popup = Popup(self.accept)
            self._conversation.mount(self._popup, after=self._conversation.timeline)
        if choices and self._takes_first:
            self._takes_first = False
            self.accept(choices[0])
        elif choices or hint:
            self._popup.show(choices, hint)
        else:
            self._popup.hide()

    def _close(self) -> None:
        if self._popup is not None:
            self._popup.hide()
