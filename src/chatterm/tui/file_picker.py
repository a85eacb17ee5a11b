"""Choose files: folders and their files in one list, searched as one types, any number marked."""

import asyncio
import os
import stat
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import ClassVar, Final, cast

from textual.binding import Binding, BindingType

from chatproto.text import terminal_safe
from chatterm.client.told import size_text
from chatterm.tui.line import Part
from chatterm.tui.picker import PickerScreen, Row, ranked

ENTRIES_MAX: Final = 50_000
"""Entries of one folder that are listed."""
_UP: Final = ".."
_TITLE_CHARS: Final = 60
Entry = Path


class FilePicker(PickerScreen[Entry, tuple[Path, ...]]):
    """Enter or a click opens a folder, and takes a file; Tab marks several, also of other folders.

    The result is what was marked, in that order, else the file at the cursor; None if somebody left.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("alt+h", "hidden", "Hidden files", show=False, priority=True),
        Binding("backspace,ctrl+h", "parent", "Folder above", show=False, priority=True),
        Binding("alt+enter", "take", "Take what is marked", show=False, priority=True),
        Binding("alt+up", "parent_now", "Folder above", show=False, priority=True),
    ]
    _chooses_many = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hidden = False
        self._is_folder: dict[Path, bool] = {}
        super().__init__(_shown(folder), self._list, empty="Nothing here. Alt+H shows hidden files.")

    # --- listing

    async def _list(self, needle: str) -> "Sequence[Row[Entry]]":
        rows, self._is_folder = await asyncio.to_thread(_listed, self.folder, self._hidden)
        found = ranked(rows)(needle)
        if isinstance(found, Sequence):
            return found
        return await cast("Awaitable[Sequence[Row[Entry]]]", found)

    def _go(self, folder: Path) -> None:
        self.folder = folder
        self.line.restart(terminal_safe(_shown(folder)))
        self._find()

    # --- what the keys and the mouse ask for

    def _choose(self) -> None:
        row = self.rows.current
        if row is not None and self._is_folder.get(row.value):
            self._go(row.value.resolve() if row.label == _UP else row.value)
        elif self.rows.marked:
            self.dismiss(tuple(self.rows.marked))
        elif row is not None:
            self.dismiss((row.value,))

    def _row_clicked(self) -> None:
        row = self.rows.current
        if row is not None and self._is_folder.get(row.value):
            self._choose()
        else:
            self.rows.toggle()
            self._foot.refresh()

    def _tab(self) -> None:
        row = self.rows.current
        if row is not None and not self._is_folder.get(row.value):
            self.rows.toggle()
        self.rows.move("cursor_down")
        self._foot.refresh()

    def _act(self, action: str) -> None:
        if action == "hidden":
            self.action_hidden()
        elif action == "take":
            self.action_take()
        else:
            super()._act(action)

    def action_take(self) -> None:
        if self.rows.marked:
            self.dismiss(tuple(self.rows.marked))

    def action_hidden(self) -> None:
        self._hidden = not self._hidden
        self._find()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Backspace leads to the folder above only where there is nothing to delete."""
        if action == "parent":
            return not self.line.text
        return super().check_action(action, parameters)

    def action_parent(self) -> None:
        self._go(self.folder.parent)

    def action_parent_now(self) -> None:
        self._go(self.folder.parent)

    def _foot_parts(self) -> Sequence[Part]:
        count = len(self.rows.marked)
        return (
            *(Part("Enter", "normal", "choose"), Part(" open   ", "quiet", "choose")),
            *(Part("Tab", "normal", "tab"), Part(" mark   ", "quiet", "tab")),
            *((Part("Alt+Enter", "normal", "take"), Part(f" take {count}   ", "strong", "take")) if count else ()),
            *(Part("Alt+H", "normal", "hidden"), Part(" hidden   ", "quiet", "hidden")),
            *self._last_parts(),
        )


def _shown(folder: Path) -> str:
    """The end of the path is what matters."""
    home = Path.home()
    text = str(Path("~") / folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)
    return text if len(text) <= _TITLE_CHARS else f"…{text[-_TITLE_CHARS:]}"


def _listed(folder: Path, hidden: bool) -> tuple[list[Row[Entry]], dict[Path, bool]]:
    """The rows of a folder, folders first, by name; and which of them are folders."""
    folders: list[Row[Entry]] = []
    files: list[Row[Entry]] = []
    kinds: dict[Path, bool] = {}
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= ENTRIES_MAX:
                    break
                if hidden or not entry.name.startswith("."):
                    _add(entry, folders, files)
    except OSError as error:
        files = [Row(f"This folder cannot be read: {error.strerror}", folder, sign="✗")]
        kinds[folder] = True
    folders.sort(key=_by_name)
    files.sort(key=_by_name)
    if folder.parent != folder:
        folders.insert(0, Row(_UP, folder.parent, "folder above", "↑"))
    kinds.update((row.value, True) for row in folders)
    return [*folders, *files], kinds


def _add(entry: "os.DirEntry[str]", folders: list[Row[Entry]], files: list[Row[Entry]]) -> None:
    try:
        status = entry.stat()
    except OSError:
        return  # gone by now, or a link to nowhere
    path = Path(entry.path)
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(status.st_mtime))
    if stat.S_ISDIR(status.st_mode):
        folders.append(Row(f"{entry.name}/", path, day, "▸"))
    elif stat.S_ISREG(status.st_mode):
        files.append(Row(entry.name, path, f"{size_text(status.st_size):>9}  {day}"))


def _by_name(row: Row[Entry]) -> tuple[str, str]:
    return row.label.casefold(), row.label
