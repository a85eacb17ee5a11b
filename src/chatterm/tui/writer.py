"""What is being written in the conversation on screen, what it is about, and its way out of the composer."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from msgspec.structs import replace

from chatproto import limits
from chatproto.errors import ChatError, ErrorInfo
from chatproto.frames import Edit
from chatproto.models import Message, User
from chatterm.client.errors import ClientError
from chatterm.client.model import Enclosed, EntryRef, OutboxRow, Target
from chatterm.client.uistate import NO_DRAFT, Draft
from chatterm.tui.actions import ActionWanted, key_label, label_of
from chatterm.tui.drafts import Drafts

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp
    from chatterm.tui.conversation import Conversation
    from chatterm.tui.writing.assistant import Assistant
    from chatterm.tui.writing.attachments import Attachments
    from chatterm.tui.writing.emojis import Emojis
    from chatterm.tui.writing.history import History
    from chatterm.tui.writing.people import People


class Context(NamedTuple):
    """The message of the open chat that is answered or edited."""

    kind: Literal["reply", "edit"]
    seq: int


class Writer:
    """The text, its mentions and its context; the composer edits, the conversation shows, this one decides."""

    def __init__(self, conversation: "Conversation", drafts: Drafts) -> None:
        self._conversation = conversation
        self._drafts = drafts
        self.context: Context | None = None
        self._before: Draft | None = None
        self._attachments: Attachments | None = None
        self._assistant: Assistant | None = None
        self._history: History | None = None
        self._left_text = ""
        self._chord = False
        self._known: tuple[People, Emojis] | None = None

    # --- drafts

    def open(self, ref: EntryRef, placeholder: str) -> None:
        """Another conversation is on screen: bring back what was written there."""
        self._put(self._drafts.read(ref), placeholder)

    def changed(self) -> None:
        """The text changed: keep it soon."""
        ref = self._conversation.ref
        if self._left_text.strip():  # walking through older texts ended at another one: this one can be walked to
            self._drafts.remember_sent(self._left_text)
        self._left_text = ""
        if ref is not None:
            self._drafts.changed(ref, self.draft())

    def draft(self) -> Draft:
        """Everything as it would be lost if the program ended now."""
        composer, context = self._conversation.composer, self.context
        return Draft(
            text=composer.text,
            marks=composer.editor.marks,
            reply_to=context.seq if context is not None and context.kind == "reply" else 0,
            edit_of=context.seq if context is not None and context.kind == "edit" else 0,
            before=self._before,
            files=tuple(map(str, self._files())),
        )

    def _put(self, draft: Draft, placeholder: str | None = None) -> None:
        composer = self._conversation.composer
        composer.load(draft.text, composer.placeholder if placeholder is None else placeholder, draft.marks)
        self._forget_offers()
        self.context = None
        if draft.edit_of:
            self.context = Context("edit", draft.edit_of)
        elif draft.reply_to:
            self.context = Context("reply", draft.reply_to)
        self._before = draft.before
        if draft.files or self._attachments is not None:
            self.attachments.put(tuple(map(Path, draft.files)))
        self.show_context()

    # --- files

    @property
    def attachments(self) -> "Attachments":
        """The files that will go with what is written."""
        if self._attachments is None:
            from chatterm.tui.writing.attachments import Attachments  # noqa: PLC0415 - most messages have none

            self._attachments = Attachments(self._conversation)
        return self._attachments

    def _files(self) -> tuple[Path, ...]:
        return self._attachments.paths if self._attachments is not None else ()

    def pasted(self, text: str) -> bool:
        """Text is pasted; True if it was names of files, which are attached now, or too long, which is asked about."""
        if "/" in text and self.attachments.pasted(text):
            return True
        if len(text) * 4 <= limits.MESSAGE_MAX_BYTES or self._conversation.ref is None:
            return False
        from chatterm.tui.writing import pasting  # noqa: PLC0415 - few pastes are long

        if not pasting.is_long(text):
            return False
        folder = cast("ChatApp", self._conversation.app).folder
        self._conversation.run_worker(pasting.offer(self._conversation, text, folder), group="pasting")
        return True

    def _key_of_files(self, action: str | None) -> bool:
        """Undo right after files were pasted, and Backspace where there is no text, concern the files."""
        attachments = self._attachments
        if attachments is None:
            return False
        if action == "undo" and attachments.undo_paste():
            return True
        attachments.typed()
        return action == "backspace" and self._conversation.composer.editor.is_empty and attachments.remove(-1)

    # --- replies and edits

    def begin_reply(self, message: Message) -> None:
        """What is written, and what will be, answers this message of the chat on screen."""
        if self.context is not None and self.context.kind == "edit":
            self.cancel()
        self.context = Context("reply", message.seq)
        self._begun()

    def begin_edit(self, message: Message) -> None:
        """Put the text of one's own message into the composer; what was written there comes back afterwards."""
        from chatterm.tui.writing import mentions  # noqa: PLC0415 - not needed before the first edit

        if self.context is not None and self.context.kind == "edit":
            self.cancel()
        message = self._as_changed(message)
        before = self.draft()
        marks = mentions.marks_of(message, self._conversation.engine.cache)
        self._put(Draft(text=message.text, marks=marks, edit_of=message.seq))
        self._before = None if before.is_blank else before
        self._begun()

    def take_back(self, row: OutboxRow) -> None:
        """Write on in a message that has left the outbox unsent; the composer must be empty."""
        from chatterm.tui.writing import mentions  # noqa: PLC0415 - not needed before the first edit

        marks = mentions.marks_of(row, self._conversation.engine.cache)
        self._put(Draft(text=row.text, marks=marks, reply_to=row.enclosed.reply_to))
        self._begun()

    def _as_changed(self, message: Message) -> Message:
        """The message as it will be once its unconfirmed edits are confirmed."""
        ref, changes = self._conversation.ref, self._conversation.engine.changes
        for pending in changes.pending(ref.id).get(message.seq, ()) if ref is not None else ():
            if isinstance(pending.change, Edit):
                change = pending.change
                message = replace(message, text=change.text, mentions=change.mentions, mention_all=change.mention_all)
        return message

    def cancel(self) -> bool:
        """Leave the reply or the edit; False if there is none. A reply's text stays, an edit's goes."""
        if self.context is None:
            return False
        if self.context.kind == "edit":
            self._put(self._before or NO_DRAFT)
        else:
            self.context = None
            self.show_context()
        self.changed()
        return True

    def show_context(self) -> None:
        """Say what is written about, as the cache knows it now."""
        conversation, context = self._conversation, self.context
        if context is None or conversation.ref is None or conversation.ref.kind != "chat":
            conversation.context_line.show("")
            return
        from chatterm.tui.writing.context import describe  # noqa: PLC0415 - not needed before the first reply

        cache = conversation.engine.cache
        message = cache.messages(conversation.ref.id, (context.seq,)).get(context.seq)
        heading, quote = describe(context, message, cache, conversation.engine.account.user_id)
        conversation.context_line.show(heading, quote, f"{key_label('escape')} cancels")

    def _begun(self) -> None:
        self.show_context()
        self.changed()
        self._conversation.composer.focus()

    # --- keys: the composer's helper

    def key(self, key: str, action: str | None) -> bool:
        """What is offered takes its keys first; then Esc leaves the context, and Up in an empty composer edits."""
        offers = self._assistant
        if self._ended_chord(key, action) or (offers is not None and offers.key(key)) or self._key_of_files(action):
            return True
        if key == "escape":
            return self.cancel()
        if action == "submit" and self._is_blank_edit():
            self._conversation.notice.show("Without text, nothing is changed. To delete the message, choose it above.")
            return True
        if action in ("older_text", "newer_text"):
            self._walk(older=action == "older_text")
            return True
        if action == "up" and self.context is None and self._conversation.composer.editor.is_empty:
            self._conversation.post_message(ActionWanted("edit_last"))
            return True
        return False

    def _is_blank_edit(self) -> bool:
        is_edit = self.context is not None and self.context.kind == "edit"
        return is_edit and not self._conversation.composer.text.strip()

    def _ended_chord(self, key: str, action: str | None) -> bool:
        """Ctrl+X with nothing to cut begins Ctrl+X Ctrl+E; any other key ends that."""
        begun, self._chord = self._chord, False
        if begun and key == "ctrl+e":
            self._conversation.post_message(ActionWanted("edit_outside"))
            return True
        self._chord = action == "cut" and self._conversation.composer.editor.selection is None
        return self._chord

    def moved(self) -> None:
        """The text or the cursor changed."""
        if self._assistant is not None:
            self._assistant.moved()
            return
        editor = self._conversation.composer.editor
        line = editor.lines[editor.row]
        if "@" in line or ":" in line or "/" in line:
            from chatterm.tui.writing.assistant import Assistant  # noqa: PLC0415 - most texts need none

            self._assistant = Assistant(self._conversation, *self._knowledge())
            self._assistant.moved()

    def left(self) -> None:
        """The keys go elsewhere: offer nothing over what is read there."""
        self._chord = False
        self._forget_offers()

    @property
    def people(self) -> "People":
        """Who is in which chat, as far as it is known."""
        return self._knowledge()[0]

    def _knowledge(self) -> "tuple[People, Emojis]":
        if self._known is None:
            from chatterm.tui.writing.emojis import Emojis  # noqa: PLC0415 - most texts need neither
            from chatterm.tui.writing.people import People  # noqa: PLC0415 - as above

            self._known = People(self._conversation.engine), Emojis()
        return self._known

    def _walk(self, *, older: bool) -> None:
        from chatterm.tui.writing.history import History  # noqa: PLC0415 - not before the first walk

        composer = self._conversation.composer
        if self._history is None:
            self._history = History(self._drafts.history())
            self._left_text = composer.text
        text = self._history.older(composer.text) if older else self._history.newer(composer.text)
        if text is not None:
            composer.load(text, composer.placeholder)
            self._forget_offers()

    def _forget_offers(self) -> None:
        if self._assistant is not None:
            self._assistant.forget()

    def mention(self, user: User) -> None:
        """Name a user at the cursor."""
        composer = self._conversation.composer
        editor = composer.editor
        before = editor.lines[editor.row][: editor.column]
        if before and not before.endswith(" "):
            editor.insert(" ")
        if editor.replace(editor.column, f"@{user.display_name}", " ", user.id):
            composer.edited()
            self._forget_offers()
        composer.focus()

    def begin_command(self, command: str, argument: str = "") -> None:
        """Begin to write a slash command, unless something is written already."""
        composer = self._conversation.composer
        if composer.editor.is_empty:
            composer.insert(f"/{command} {argument}")
        composer.focus()

    # --- sending

    async def submit(self, text: str) -> ErrorInfo | None:
        """Send, edit or do what was written; answers why that cannot be."""
        if text.startswith("/") and (self.context is None or self.context.kind != "edit"):
            from chatterm.tui.writing import commands  # noqa: PLC0415 - most messages are none

            command = commands.read(text)
            if isinstance(command, ErrorInfo):
                return command
            if isinstance(command, commands.Command):
                self._command(command.action.name, command.argument, text)
                return None
            text = command
        return await self.send(text)

    async def send(self, text: str) -> ErrorInfo | None:
        """Send a text as it is, with the context and the mentions of what is written; answers why that cannot be."""
        ref = self._conversation.ref
        if ref is None:
            return ErrorInfo(code="noChat", message="No conversation is open.", hint=f"{label_of('jump')} finds one.")
        try:
            if self.context is not None and self.context.kind == "edit":
                await self._edit(ref, self.context.seq, text)
            else:
                await self._send(ref, text)
        except (ChatError, ClientError) as error:
            return error.info()
        return None

    async def _send(self, ref: EntryRef, text: str) -> None:
        target = Target(chat_id=ref.id) if ref.kind == "chat" else Target(user_id=ref.id)
        reply_to = self.context.seq if self.context is not None else 0
        text, mentions, mention_all = await self._finished(ref, text)
        enclosed = Enclosed(reply_to=reply_to, mentions=mentions, mention_all=mention_all)
        await self._conversation.engine.send(target, text.strip() and text, enclosed, self._files())
        self._gone(ref, text, NO_DRAFT)
        self._conversation.timeline.action_scroll_end()

    async def _edit(self, ref: EntryRef, seq: int, text: str) -> None:
        before = self._before or NO_DRAFT
        text, mentions, mention_all = await self._finished(ref, text)
        changes = self._conversation.engine.changes
        await changes.edit(ref.id, seq, text, mentions=mentions, mention_all=mention_all)
        self._gone(ref, text, before)

    async def _finished(self, ref: EntryRef, text: str) -> tuple[str, tuple[int, ...], bool]:
        """The text as it leaves, whom it mentions, and whether it mentions everybody."""
        user_ids: tuple[int, ...] = ()
        everybody = False
        if "@" in text:
            from chatterm.tui.writing.finishing import finish  # noqa: PLC0415 - most texts need it not

            people, _ = self._knowledge()
            user_ids, everybody = finish(text, self._conversation.composer.editor.marks, ref, people)
        if ":" in text and converts_emoji(self._conversation):
            from chatterm.tui.writing.finishing import with_emoji  # noqa: PLC0415 - as above

            text = await with_emoji(text, self._knowledge()[1])
        return text, user_ids, everybody

    def _gone(self, ref: EntryRef, text: str, after: Draft) -> None:
        """What was written is on disk and no draft any more; `after` is in its place."""
        self._drafts.changed(ref, after)
        self._drafts.flush()
        if text.strip():
            self._drafts.remember_sent(text)
        self._history = None
        if self._conversation.ref == ref:
            self._put(after)

    def _command(self, name: str, argument: str, text: str) -> None:
        """Empty the composer and do an action; if it fails, what was written comes back."""
        conversation = self._conversation
        ref, draft = conversation.ref, self.draft()
        self._drafts.remember_sent(text)
        self._history = None
        self._put(replace(draft, text="", marks=()))
        self.changed()

        def failed() -> None:
            if conversation.ref == ref and conversation.composer.editor.is_empty:
                self._put(draft)
                self.changed()

        conversation.post_message(conversation.CommandGiven(name, argument, failed))


def converts_emoji(conversation: "Conversation") -> bool:
    """Whether names of emoji between colons become emoji."""
    return cast("ChatApp", conversation.app).settings.compose.emoji_shortcodes
