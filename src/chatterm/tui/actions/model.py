"""What an action is: one thing that a key, a slash command, the palette or the mouse can do."""

from typing import Final, Literal, NamedTuple

Scope = Literal["global", "timeline", "message", "composer", "list"]
SCOPES: Final[dict[Scope, str]] = {
    "global": "Everywhere",
    "timeline": "Messages, while writing",
    "message": "A selected message",
    "composer": "Writing",
    "list": "Client list",
}
"""Headings of the help screen, in its order."""


OVERLAPPING: Final[tuple[tuple[Scope, ...], ...]] = (
    ("global", "timeline", "composer"),
    ("global", "list"),
    ("global", "message"),
)
"""Scopes of which a key can reach one action only: what has the focus is asked before what lies around it."""


class Action(NamedTuple):
    """One thing the user can do, and every way to ask for it.

    `keys` are the default ones. `hint` is the short name in the footer, empty for those not shown there. `feature`
    names the module of `chatterm.tui.features` that does it; without one, the screen or the widget of its scope
    does. `commands` are the names of its slash command, the first one being the one that is shown; `argument`
    says in capitals what may follow it, for example `EMAIL...`, empty for nothing.
    """

    name: str
    scope: Scope
    keys: tuple[str, ...]
    title: str
    hint: str = ""
    feature: str = ""
    commands: tuple[str, ...] = ()
    argument: str = ""
