"""One live session: a connection whose user is known."""

from dataclasses import dataclass, field

from chatserver.realtime.outbox import Link, Outbox


@dataclass(slots=True, eq=False)
class Session:
    """What the hub and presence know of one connection. Several may share a `session_id`."""

    user_id: int
    session_id: int
    link: Link
    outbox: Outbox
    chats: set[int] = field(default_factory=set)
    watching: frozenset[int] = frozenset()
    left_early: set[int] | None = None
    """While it is not known yet which chats the user is in: those that they were removed from meanwhile."""
    revoked: bool = False
    """Signed out: what still arrives from it is not taken."""
