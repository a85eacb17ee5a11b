"""The user's own settings of the chat on screen: muted, archived, pinned; equal on all their devices."""

import re
import time
from typing import Final

from chatproto import limits
from chatterm.client.errors import ClientError
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row

_SPAN: Final = re.compile(r"(\d{1,4})\s*(m|min|h|d|w)")
_SECONDS: Final = {"m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FOREVER: Final = ("on", "forever", "always")


class ChatSettings(Feature):
    """Each needs the server, which tells the user's other devices."""

    async def mute_chat(self, argument: str) -> None:
        """Be told nothing of this chat: for a time such as 1h or 2d, until unmuted, or as picked from a list."""
        chat_id = await self._chat_id()
        wanted = argument.casefold()
        if not wanted:
            rows = [Row("For an hour", "1h"), Row("For 8 hours", "8h"), Row("Until it is unmuted", "forever")]
            picked = await Picker("Mute this chat", rows, placeholder="how long").pick(self.screen.app)
            if picked is None:
                return
            wanted = picked
        until = muted_until(wanted, time.time())
        await self.patiently(self.engine.server.set_chat(chat_id, muted_until=until))
        self.tell("Muted." if wanted in _FOREVER else f"Muted for {wanted}.")

    async def unmute_chat(self, _: str = "") -> None:
        await self.patiently(self.engine.server.set_chat(await self._chat_id(), muted_until=0))
        self.tell("Not muted any more.")

    async def archive_chat(self, _: str = "") -> None:
        await self.patiently(self.engine.server.set_chat(await self._chat_id(), archived=True))
        self.tell("Archived; /unarchive brings it back.")

    async def unarchive_chat(self, _: str = "") -> None:
        await self.patiently(self.engine.server.set_chat(await self._chat_id(), archived=False))
        self.tell("Not archived any more.")

    async def pin_chat(self, _: str = "") -> None:
        """Keep the chat at the top of the list."""
        await self.patiently(self.engine.server.set_chat(await self._chat_id(), pinned=True))
        self.tell("Pinned to the top of the list.")

    async def unpin_chat(self, _: str = "") -> None:
        await self.patiently(self.engine.server.set_chat(await self._chat_id(), pinned=False))
        self.tell("Not pinned any more.")

    async def _chat_id(self) -> int:
        """The chat on screen; one that has not begun is begun. Raises `ClientError` without any."""
        ref = self.conversation.ref
        if ref is None:
            raise ClientError("noChat", "No conversation is open.")
        return ref.id if ref.kind == "chat" else (await self.engine.server.open_direct(ref.id)).id


def muted_until(wanted: str, now: float) -> int:
    """Microseconds since 1970 UTC of the end of a time such as `8h`; `now` in Unix seconds. `usage` if it is none."""
    if wanted in _FOREVER:
        return limits.TIME_MAX
    found = _SPAN.fullmatch(wanted)
    if found is None or not int(found.group(1)):
        raise ClientError("usage", "Write it as /mute 30m, /mute 8h, /mute 2d or /mute forever.", "/unmute ends it.")
    return min(int((now + int(found.group(1)) * _SECONDS[found.group(2)]) * 1_000_000), limits.TIME_MAX)
