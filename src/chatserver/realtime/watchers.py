"""Who watches what: the sessions that have a user or a chat on their screen."""

from collections.abc import Collection, Iterator

from chatserver.realtime.session import Session

_NOBODY: frozenset[Session] = frozenset()


class Watchers:
    """An index from an id to the sessions that watch it."""

    def __init__(self) -> None:
        self._sessions: dict[int, set[Session]] = {}

    def __contains__(self, key: int) -> bool:
        return key in self._sessions

    def of(self, key: int) -> Collection[Session]:
        """The sessions that watch `key`; not to be kept across a change."""
        return self._sessions.get(key, _NOBODY)

    def change(self, session: Session, before: frozenset[int], after: frozenset[int]) -> list[int]:
        """Replace what a session watches; costs what changes. Returns the ids that nobody watches any more."""
        ended = []
        for key in before - after:
            sessions = self._sessions[key]
            sessions.discard(session)
            if not sessions:
                del self._sessions[key]
                ended.append(key)
        for key in after - before:
            self._sessions.setdefault(key, set()).add(session)
        return ended


class ChatWatchers(Watchers):
    """Watchers of chats. A session counts only while its user is a member, whatever it asked for and when."""

    def members(self, chat_id: int) -> Iterator[Session]:
        """The sessions that watch a chat of theirs."""
        return (session for session in self.of(chat_id) if chat_id in session.chats)


class ChatNews:
    """Frames about chats, gathered so that each watcher gets all of them in one write."""

    def __init__(self, watchers: ChatWatchers) -> None:
        self._watchers = watchers
        self._frames: dict[Session, list[bytes]] = {}

    def add(self, chat_id: int, frame: bytes) -> None:
        """Something for everybody who watches a chat."""
        for session in self._watchers.members(chat_id):
            self._frames.setdefault(session, []).append(frame)

    def send(self) -> None:
        """Offer everybody their frames; a session that cannot take them now is told all again later."""
        for session, frames in self._frames.items():
            session.outbox.offer_ephemeral(b"".join(frames))
