"""One live session: a connection whose user is known."""

from dataclasses import dataclass, field

from chatserver.realtime.outbox import Link, Outbox

_NOTHING: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Session:
    """What the hub and the signals know of one connection. Several may share a `session_id`."""

    user_id: int
    session_id: int
    link: Link
    outbox: Outbox
    chats: set[int] = field(default_factory=set)
    """Chats that the user is a member of at this moment."""
    watched_users: frozenset[int] = _NOTHING
    watched_chats: frozenset[int] = _NOTHING
    """As the client asked; not all need be chats of the user."""
    typing: frozenset[int] = _NOTHING
    """Chats in which this connection said that its user types, and which it need not have ended."""
    away: bool = False
    """Nobody is at this device."""
    left_early: set[int] | None = None
    """While it is not known yet which chats the user is in: those that they were removed from meanwhile."""
    hears_floors: bool = False
    """The client forgets what it is told has been removed."""
    revoked: bool = False
    """Signed out: what still arrives from it is not taken."""
