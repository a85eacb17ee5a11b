"""Texts in private files: handed to another program and taken back, or kept to be sent as files."""

import os
import time
from pathlib import Path
from typing import Final

from chatproto.text import strip_terminal_codes
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_private_folder, write_private

FOLDER: Final = "editing"
PASTED: Final = "pasted"
KEPT_S: Final = 30 * 86_400
"""A pasted text is kept so long: it may be attached to a draft."""


def hand_out(folder: Path, text: str) -> Path:
    """Write a text to a file of its own, 0600 in a folder 0700 within `folder`. Raises `ClientError`."""
    private = folder / FOLDER
    ensure_private_folder(private)
    path = private / f"message-{os.getpid()}.md"
    write_private(path, text.encode(errors="replace"))
    return path


def take_back(path: Path, max_bytes: int) -> str:
    """Read what became of it, without terminal codes and the line end that editors add, and remove the file.

    Raises `ClientError`; the file is kept then, so that nothing is lost.
    """
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise ClientError("textTooLong", f"The text in {path} is too long.", "It is kept there; send it as a file.")
        text = strip_terminal_codes(data.decode())
        path.unlink()
    except UnicodeDecodeError:
        raise ClientError("notText", f"What is in {path} is no UTF-8 text.", "It is kept there.") from None
    except OSError as error:
        raise from_os_error(error, path) from error
    return text.removesuffix("\n")


def keep_text(folder: Path, text: str, now: float) -> Path:
    """Write a text exactly as it is to a private file that can be sent, and remove such files older than 30 days.

    `now` is in Unix seconds. Raises `ClientError`.
    """
    private = folder / PASTED
    ensure_private_folder(private)
    try:
        for old in private.iterdir():
            if old.stat().st_mtime < now - KEPT_S:
                old.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, private) from error
    name = time.strftime("pasted-%Y%m%d-%H%M%S", time.localtime(now))
    path = private / f"{name}.txt"
    number = 1
    while path.exists():
        number += 1
        path = private / f"{name}-{number}.txt"
    write_private(path, text.encode(errors="replace"))
    return path
