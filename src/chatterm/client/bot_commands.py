"""Commands of a bot: `!name words` in a message, done by the coroutine that was registered for the name."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chatproto.errors import ChatError
from chatterm.client.errors import ClientError

if TYPE_CHECKING:
    from chatterm.client.bot import Bot, Incoming

PREFIX: Final = "!"
_LOG: Final = logging.getLogger("chatterm.bot")


@dataclass(frozen=True, slots=True)
class Call:
    """A command as somebody gave it. `argument` is what follows its name, without outer blanks."""

    bot: "Bot"
    incoming: "Incoming"
    name: str
    argument: str


Handler = Callable[[Call], Awaitable[str | None]]


class Commands:
    """The commands of one bot, by name; `help` is there by itself, and names what the others do."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[Handler, str]] = {}

    def add(self, name: str, handler: Handler, about: str) -> None:
        """Register a command; a name is given once. Raises `ValueError`."""
        name = name.casefold()
        if not name or any(character.isspace() for character in name) or name in (*self._handlers, "help"):
            raise ValueError(f"{name!r} cannot be a command, or is one already")
        self._handlers[name] = (handler, about)

    async def answer(self, bot: "Bot", incoming: "Incoming") -> str | None:
        """What to answer to a message; None: nothing. Never raises for what a handler raises.

        In a group, words that name no command may be meant for another bot, and are left alone.
        """
        if not incoming.text.startswith(PREFIX):
            return None
        name, _, argument = incoming.text.removeprefix(PREFIX).partition(" ")
        name = name.strip().casefold()
        if name == "help":
            return self.help()
        if name not in self._handlers:
            return f"I do not know {PREFIX}{name}. {PREFIX}help says what I know." if incoming.is_direct else None
        try:
            return await self._handlers[name][0](Call(bot, incoming, name, argument.strip()))
        except (ClientError, ChatError) as error:
            info = error.info()
            return f"{info.message} {info.hint}".strip()
        except Exception:
            _LOG.exception("command %s failed in chat %s at %s", name, incoming.chat_id, incoming.message.seq)
            return f"{PREFIX}{name} failed; my log says why."

    def help(self) -> str:
        """One line for each command."""
        if not self._handlers:
            return "I have no commands."
        return "\n".join(f"{PREFIX}{name}  {about}".rstrip() for name, (_, about) in sorted(self._handlers.items()))
