"""How many messages of the chat on screen are pinned: asked from the server, which alone knows all of them."""

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef, Link

if TYPE_CHECKING:
    from chatterm.tui.screen import ChatScreen

PAUSE_S: Final = 0.4
"""The server is asked for a chat at which somebody stays, and after changes that come together once."""
KEPT_MAX: Final = 100
_log = logging.getLogger("chatterm.tui")


class PinCount:
    """Shows the number in the header; without a connection, the one known last."""

    def __init__(self, screen: "ChatScreen") -> None:
        self._screen = screen
        self._known: OrderedDict[int, int] = OrderedDict()

    def look(self) -> None:
        """Another chat is on screen, or messages of it changed."""
        screen, ref = self._screen, self._screen.conversation.ref
        if ref is None or ref.kind != "chat":
            screen.conversation.header.show_pinned(0)
            return
        screen.conversation.header.show_pinned(self._known.get(ref.id, 0))
        if screen.engine.status.link is Link.ONLINE and not screen.engine.cache.has_left(ref.id):
            screen.run_worker(self._ask(ref), group="pins", exclusive=True)

    async def _ask(self, ref: EntryRef) -> None:
        await asyncio.sleep(PAUSE_S)
        try:
            count = len(await self._screen.engine.server.pins(ref.id))
        except ClientError as error:  # nobody asked for this number: the one known last stays
            _log.info("pinned messages of %d cannot be counted: %s", ref.id, error)
            return
        self._known[ref.id] = count
        self._known.move_to_end(ref.id)
        if len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)
        if self._screen.conversation.ref == ref:
            self._screen.conversation.header.show_pinned(count)
