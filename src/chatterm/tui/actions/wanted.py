"""How a widget asks for an action that is not its own."""

from dataclasses import dataclass

from textual.message import Message


@dataclass
class ActionWanted(Message):
    """The user asked for an action of the table, by its name; the screen does it."""

    name: str
    argument: str = ""
