"""Bodies about search."""

from typing import Annotated

import msgspec
from msgspec import Meta

from chatproto.models import ChatId, Message, Wire

Offset = Annotated[int, Meta(ge=0, description="Counted in code points.")]
Span = tuple[Offset, Offset]
"""Start and end, the latter exclusive."""


class SearchHit(Wire, frozen=True, kw_only=True):
    """A message that was found. `snippet` is the part of its text around the first match, cut by `…`.

    `matches` says which parts of the snippet match, in order.
    """

    chat_id: ChatId
    message: Message
    snippet: str
    matches: list[Span] = msgspec.field(default_factory=list)


class SearchPage(Wire, frozen=True, kw_only=True):
    """Hits in the order asked for.

    With `has_more`, pass `cursor` for the next page; a page may be shorter than asked for all the same.
    `incomplete`: some of the caller's messages are not indexed yet, so that hits may be missing for a while.
    """

    hits: list[SearchHit]
    has_more: bool
    cursor: str | None = None
    incomplete: bool = False
