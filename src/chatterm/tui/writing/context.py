"""What is said of the message that a text answers or replaces."""

from typing import TYPE_CHECKING

from chatproto.models import Message
from chatproto.text import terminal_safe
from chatterm.client.ports import CacheReader

if TYPE_CHECKING:
    from chatterm.tui.writer import Context


def describe(context: "Context", message: Message | None, cache: CacheReader, own_id: int) -> tuple[str, str]:
    """The heading and the quote of a context, safe for a terminal."""
    quote = "" if message is None else " ".join(message.text.split()) or _files(message)
    if context.kind == "reply" and quote.startswith("/me "):
        quote = f"* {quote[4:]}"  # as it is shown; an edit shows what is edited
    if message is not None and message.deleted:
        quote = "this message was deleted"
    if context.kind == "edit":
        return "Editing  ", terminal_safe(quote)
    author = cache.user(message.sender_id) if message is not None else None
    if author is None:
        return "Replying  ", terminal_safe(quote)
    name = "yourself" if author.id == own_id else terminal_safe(author.display_name)
    return f"Replying to {name}: ", terminal_safe(quote)


def _files(message: Message) -> str:
    return ", ".join(file.name for file in message.files)
