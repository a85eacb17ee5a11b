"""Files on their way: a list of uploads and downloads, and saving and opening the files of messages."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chatproto.models import FileInfo, Message
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef, Notice, OutboxChanged, Target, Transfer, TransferChanged, TransferState
from chatterm.client.told import size_text
from chatterm.tui import opening
from chatterm.tui.dialog import confirm
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row, Rows, Shortcut

_AGAIN_S: Final = 0.25
"""The list is drawn again at most this often while something moves."""
_NEWEST: Final = 200
"""Among so many of the newest messages one with files is looked for if none is selected."""
_SIGNS: Final = {"upload": "↑", "download": "↓"}
_OPTIONS: Final = {
    "open": "Open",
    "folder": "Open the folder",
    "pause": "Pause",
    "resume": "Go on",
    "again": "Try again",
    "cancel": "Cancel",
    "discard": "Discard the message",
    "chat": "Go to the chat",
}


class Transfers(Feature):
    """Uploads belong to unsent messages; downloads to this session."""

    async def transfers(self, _: str = "") -> None:
        """Show the list until it is left."""
        while (chosen := await self._pick()) is not None:
            options = [Row(_OPTIONS[what], what) for what in _options(chosen)]
            what = await Picker(chosen.name, options).pick(self.screen.app)
            if what is not None and not await self._do(what, chosen):
                return

    async def download_file(self, argument: str = "") -> None:
        """Save the files of the selected message, else of the newest one that has some; `argument` names a folder."""
        await self.save(self._files(), _folder(argument.strip()))

    async def open_file(self, argument: str = "") -> None:
        """Save the files of that message, and open them, or the one with the number `argument`, counted from 1."""
        files = self._files()
        number = argument.strip()
        if number:
            if not number.isdecimal() or not 0 < int(number) <= len(files):
                raise ClientError(
                    "fileNotFound", f"This message has {len(files)} files.", "Say which one by its number."
                )
            files = files[int(number) - 1 : int(number)]
        await self.open(files)

    async def save(self, files: Sequence[FileInfo], folder: Path | None = None) -> list[Path]:
        """Save files; says where they are. Raises `ClientError` for the first one that could not be saved."""
        saves = (self.engine.transfers.download(file, folder) for file in files)
        results = await asyncio.gather(*saves, return_exceptions=True)
        paths = [result.path for result in results if isinstance(result, Transfer) and result.path is not None]
        if paths:
            self.tell(f"Saved {_places(paths)}.")
        failed = [result for result in results if isinstance(result, BaseException)]
        if failed and not (isinstance(failed[0], ClientError) and failed[0].code == "downloadCancelled"):
            raise failed[0]
        return paths

    async def open(self, files: Sequence[FileInfo]) -> None:
        """Save files, unless that was done before, and open them with what the desktop has for them."""
        saved = {t.file_id: t.path for t in self.engine.transfers.list() if t.state is TransferState.DONE and t.path}
        there = [saved[file.id] for file in files if file.id in saved and saved[file.id].is_file()]
        missing = [file for file in files if file.id not in saved or not saved[file.id].is_file()]
        for path in (*there, *(await self.save(missing) if missing else ())):
            await self._open_path(path)

    # --- within

    def _files(self) -> Sequence[FileInfo]:
        message = self._message()
        if message is None or not message.files:
            raise ClientError("noFiles", "There are no files.", "Select a message that shows one.")
        return message.files

    def _message(self) -> Message | None:
        """The selected message, else the newest with files in the conversation on screen."""
        cache = self.engine.cache
        selected = self.conversation.timeline.selected
        if selected is not None:
            chat_id, seq = selected.chat_id, selected.seq
            return cache.messages(chat_id, (seq,)).get(seq) if chat_id is not None and seq else None
        ref = self.conversation.ref
        if ref is None or ref.kind != "chat":
            return None
        head = cache.head(ref.id)
        events = cache.events(ref.id, max(1, head - _NEWEST), max(1, head))
        return next((e for e in reversed(events) if isinstance(e, Message) and e.files), None)

    async def _open_path(self, path: Path) -> None:
        if opening.opener() is None:
            self.tell(f"It is here: {_shown(path)}. There is no desktop to open it with.")
            return
        if opening.may_run(path) and not await confirm(
            self.screen.app,
            "Open it?",
            f"{path.name} is of a kind that can run programs. Open it only if you trust who sent it.",
            "Open",
        ):
            return
        await opening.open_outside(path)

    async def _pick(self) -> Transfer | None:
        picker: Picker[Transfer] = Picker(
            "Uploads and downloads",
            self._rows,
            empty="Nothing was sent or saved.",
            verb="more",
            shortcuts=(self._shortcut("space", "pause", "resume", "again"), self._shortcut("delete", "cancel")),
        )
        shown_at = 0.0

        def again() -> None:
            nonlocal shown_at
            if picker.is_current and picker.is_mounted:
                shown_at = time.monotonic()
                picker.again()

        def hear(notice: Notice) -> None:
            nonlocal shown_at
            if isinstance(notice, TransferChanged | OutboxChanged) and picker.is_mounted:
                wait = shown_at + _AGAIN_S - time.monotonic()
                if wait <= 0:
                    shown_at = time.monotonic()
                    picker.call_later(again)
                elif shown_at < time.monotonic():
                    shown_at += _AGAIN_S
                    picker.set_timer(wait, again)

        unsubscribe = self.engine.subscribe(hear)
        try:
            return await picker.pick(self.screen.app)
        finally:
            unsubscribe()

    def _shortcut(self, key: str, *means: str) -> Shortcut[Transfer]:
        """A key that does the first of these things that can be done."""

        def meant(transfer: Transfer) -> str:
            return next((what for what in _options(transfer) if what in means), "")

        def title(transfer: Transfer) -> str:
            return _OPTIONS[meant(transfer)].lower() if meant(transfer) else ""

        return Shortcut(key, title, lambda transfer: self.begin(title(transfer), self._do(meant(transfer), transfer)))

    def _rows(self, needle: str) -> "Rows[Transfer]":
        rows = [Row(t.name, t, self._detail(t), _SIGNS[t.kind]) for t in self.engine.transfers.list()]
        words = needle.casefold().split()
        return [row for row in rows if all(word in row.searched.casefold() for word in words)]

    def _detail(self, transfer: Transfer) -> str:
        where = f" · to {self._place(transfer.target)}" if transfer.target is not None else ""
        if transfer.path is not None:
            where = f" · {_shown(transfer.path)}"
        return f"{progress_text(transfer)}{where}"

    def _place(self, target: Target) -> str:
        ref = _ref(target)
        entry = self.engine.cache.entry(ref) if ref is not None else None
        return entry.name if entry is not None else target.email or "a chat that is not cached"

    async def _do(self, what: str, transfer: Transfer) -> bool:
        """Do it; True if the list should be shown again."""
        transfers = self.engine.transfers
        if what == "pause":
            await transfers.pause(transfer.id)
        elif what in ("resume", "again"):
            await transfers.resume(transfer.id)
        elif what == "cancel":
            await transfers.cancel(transfer.id)
        elif what == "discard":
            await self.engine.discard(transfer.client_id)
        elif what == "chat" and transfer.target is not None:
            ref = _ref(transfer.target)
            if ref is None or not self.screen.open(ref):
                self.tell("This conversation is not cached on this device yet.")
            return False
        elif transfer.path is not None:
            if what == "open":
                await self._open_path(transfer.path)
            elif opening.opener() is None:
                self.tell(f"It is here: {_shown(transfer.path)}.")
            else:
                await opening.open_outside(transfer.path.parent)
        return True


def _folder(named: str) -> Path | None:
    return Path(named).expanduser().absolute() if named else None


def progress_text(transfer: Transfer) -> str:
    """How far it is, in words."""
    size = size_text(transfer.size)
    done = f"{size_text(transfer.done)} of {size}" if transfer.done else size
    match transfer.state:
        case TransferState.RUNNING:
            rate = f" · {size_text(int(transfer.rate))}/s" if transfer.rate >= 1 else ""
            return f"{done}{rate}"
        case TransferState.PAUSED:
            return f"‖ paused · {done}"
        case TransferState.FAILED:
            return f"✗ {transfer.error.message if transfer.error is not None else 'failed'}"
        case TransferState.DONE:
            return f"✓ {size}"
    why = f" · {transfer.error.message}" if transfer.error is not None else ""
    return f"waits · {done}{why}"


def _options(transfer: Transfer) -> list[str]:
    upload = transfer.kind == "upload"
    chat = ["chat"] if transfer.target is not None else []
    match transfer.state:
        case TransferState.DONE:
            return chat if upload else ["open", "folder"]
        case TransferState.FAILED:
            return ["again", *(["discard"] if upload else ["cancel"]), *chat]
        case TransferState.PAUSED:
            return ["resume", "cancel", *chat]
    return ["pause", "cancel", *chat]


def _ref(target: Target) -> EntryRef | None:
    if target.chat_id is not None:
        return EntryRef("chat", target.chat_id)
    return EntryRef("user", target.user_id) if target.user_id is not None else None


def _places(paths: Sequence[Path]) -> str:
    if len(paths) == 1:
        return _shown(paths[0])
    return f"{len(paths)} files in {_shown(paths[0].parent)}"


def _shown(path: Path) -> str:
    home = Path.home()
    return terminal_safe(str(Path("~") / path.relative_to(home)) if path.is_relative_to(home) else str(path))
