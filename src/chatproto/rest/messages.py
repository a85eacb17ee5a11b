"""Bodies about messages."""

from chatproto.models import Message, Wire


class MessagesPage(Wire, frozen=True, kw_only=True):
    """Messages of one chat in ascending order; `has_more` is exact, in the direction asked for."""

    messages: list[Message]
    has_more: bool
