"""The files that will go with what is being written: checked, shown as chips, kept with the draft."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from chatproto.text import normalize_file_name, terminal_safe
from chatterm.client import spool
from chatterm.client.errors import ClientError
from chatterm.client.told import size_text
from chatterm.tui.actions import label_of
from chatterm.tui.chips import Chip
from chatterm.tui.writing.paths import pasted_files

if TYPE_CHECKING:
    from chatterm.tui.conversation import Conversation


class Attachments:
    """What is attached in the conversation on screen."""

    def __init__(self, conversation: "Conversation") -> None:
        self._conversation = conversation
        self.paths: tuple[Path, ...] = ()
        self._pasted: tuple[tuple[Path, ...], str] | None = None

    def put(self, paths: Sequence[Path]) -> None:
        """Show others, e.g. those of another draft; whether they can still be sent is shown, too."""
        self.paths = tuple(paths)
        self._pasted = None
        self._conversation.composer.carries = bool(self.paths)
        self._conversation.chips.show([_chip(path) for path in self.paths])

    def add(self, paths: Sequence[Path]) -> None:
        """Attach files, all or none. Raises `ClientError` for what cannot be sent."""
        writer = self._conversation.writer
        if self._conversation.ref is None:
            raise ClientError("noChat", "No conversation is open.", f"{label_of('jump')} finds one.")
        if writer.context is not None and writer.context.kind == "edit":
            raise ClientError("noFilesInEdit", "An edit cannot add files.", "Send them with a message of their own.")
        new = [path for path in dict.fromkeys(path.absolute() for path in paths) if path not in self.paths]
        spool.check_count((*self.paths, *new))
        for path in new:
            spool.check_file(path)
        self.put((*self.paths, *new))
        writer.changed()

    def remove(self, index: int) -> bool:
        """Take one off; False if there is none such."""
        if not -len(self.paths) <= index < len(self.paths):
            return False
        paths = list(self.paths)
        del paths[index]
        self.put(paths)
        self._conversation.writer.changed()
        return True

    # --- pasted and dropped

    def pasted(self, text: str) -> bool:
        """If the text names existing files, attach them instead; one undo puts the text there after all."""
        paths = pasted_files(text)
        if not paths:
            return False
        before = self.paths
        try:
            self.add(paths)
        except ClientError:
            return False  # such as unreadable ones: then it is text like any other
        self._pasted = (before, text)
        names = ", ".join(path.name for path in paths[:3])
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        told = f"Attached {names}{more}. {label_of('undo')} pastes the text instead."
        self._conversation.notice.show(terminal_safe(told))
        return True

    def undo_paste(self) -> bool:
        """The files just pasted were meant as text; False if no files were pasted just now."""
        if self._pasted is None:
            return False
        before, text = self._pasted
        self._conversation.notice.show("")
        self.put(before)
        self._conversation.composer.insert(text)
        return True

    def typed(self) -> None:
        """Something else was done since a paste."""
        if self._pasted is not None:
            self._pasted = None
            self._conversation.notice.show("")


def _chip(path: Path) -> Chip:
    name = terminal_safe(normalize_file_name(path.name))
    try:
        return Chip(name, size_text(spool.check_file(path)))
    except ClientError as error:
        return Chip(name, "is gone" if error.code == "fileMissing" else "cannot be read", fails=True)
