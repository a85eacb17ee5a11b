"""Attach files to what is being written: named after `/file`, or chosen from a list of folders and files."""

from pathlib import Path
from typing import Final

from chatterm.tui.features.feature import Feature
from chatterm.tui.writing.paths import given_paths

_FOLDER: Final = "attachFolder"
"""The setting that holds where files were last chosen."""


class Attaching(Feature):
    """What adds files and takes them off."""

    async def attach(self, argument: str) -> None:
        """Attach the files that are named, or else let the user choose."""
        if argument.strip():
            self.conversation.attach(given_paths(argument, Path.cwd()))
            return
        from chatterm.tui.file_picker import FilePicker  # noqa: PLC0415 - not needed to attach by name

        picker = FilePicker(self._start())
        chosen = await picker.pick(self.screen.app)
        self.conversation.drafts.remember(_FOLDER, str(picker.folder))
        if chosen:
            self.conversation.attach(chosen)

    def detach(self, argument: str) -> None:
        """Take the last file off, or the one of this number, counted from 1."""
        attachments = self.conversation.writer.attachments
        if not attachments.paths:
            self.tell("No file is attached.")
        elif argument.strip() and not argument.strip().isdecimal():
            self.tell("Say which one by its number, counted from 1.", failed=True)
        elif not attachments.remove(int(argument) - 1 if argument.strip() else -1):
            self.tell(f"There are only {len(attachments.paths)}.", failed=True)

    def _start(self) -> Path:
        """Where files were chosen last, else the home folder."""
        last = Path(self.conversation.drafts.remembered(_FOLDER) or "/nowhere")
        try:
            return last if last.is_dir() else Path.home()
        except OSError:
            return Path.home()
