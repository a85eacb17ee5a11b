"""A paste too long for one message: sent as a file, or put into the text all the same."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from chatproto import limits
from chatproto.text import strip_terminal_codes, terminal_safe
from chatterm.client import scratch
from chatterm.client.errors import ClientError
from chatterm.tui.dialog import CANCEL, Answers, Button, Dialog, ask
from chatterm.tui.editor import TEXT_MAX

if TYPE_CHECKING:
    from chatterm.tui.conversation import Conversation


def is_long(text: str) -> bool:
    """Whether a text alone is too long for a message."""
    return len(text.encode(errors="replace")) > limits.MESSAGE_MAX_BYTES


async def offer(conversation: "Conversation", text: str, folder: Path) -> None:
    """Ask what shall become of a long paste, and do it; left, nothing is pasted. `folder` takes the file."""
    ref = conversation.ref
    lines = text.count("\n") + 1
    size = f"{len(text):,} characters" + (f" in {lines:,} lines" if lines > 1 else "")
    fits = len(strip_terminal_codes(text)) + len(conversation.composer.text) < TEXT_MAX

    async def done(answers: Answers) -> str:
        return answers.button

    choices = [Button("file", "Send as a file"), Button(CANCEL, "Leave it")]
    if fits:
        choices.insert(1, Button("text", "Paste anyway"))
    told = f"{size}: more than one message takes ({limits.MESSAGE_MAX_BYTES:,} bytes)."
    chosen = await ask(conversation.app, Dialog("Paste that much?", told, buttons=choices, submit=done))
    if chosen is None or conversation.ref != ref:
        return
    if chosen == "text":
        conversation.composer.insert(text)
        return
    try:
        path = await asyncio.to_thread(scratch.keep_text, folder, text, time.time())
        conversation.attach((path,))
    except ClientError as error:
        conversation.notice.show(terminal_safe(f"{error.message} {error.hint}".strip()))
