"""Says on standard error when a long-running command's connection is lost and when it is back."""

from chatterm.cli import outcome
from chatterm.client.model import ConnectionChanged, Link, Notice
from chatterm.client.session import Session


class Narrator:
    """Says each change once, however often it is tried to connect."""

    def __init__(self, session: Session) -> None:
        """`close` it at the end."""
        self._away = False
        self._unsubscribe = session.subscribe(self._noticed)

    def close(self) -> None:
        """Say nothing any more. Idempotent."""
        self._unsubscribe()

    def _noticed(self, notice: Notice) -> None:
        if not isinstance(notice, ConnectionChanged):
            return
        status = notice.status
        if status.link is Link.ONLINE:
            if self._away:
                outcome.say("Online again.")
            self._away = False
        elif status.problem is not None and not self._away and status.link in (Link.OFFLINE, Link.SIGNED_OUT):
            self._away = True
            outcome.say(f"Offline; waiting for the connection. {status.problem.message} {status.problem.hint}".strip())
