"""What is shown and never stored as an event: presence, typing, and how far others have read."""

from collections.abc import Iterable

from chatproto.models import LogEvent
from chatserver.realtime.last_seen import LastSeen
from chatserver.realtime.presence import Presence
from chatserver.realtime.readers import Readers
from chatserver.realtime.session import Session
from chatserver.realtime.typing import Typing
from chatserver.realtime.watchers import ChatWatchers
from chatserver.store.interfaces.last_seen import LastSeenStore


class Signals:
    """Frames without a number that may be dropped. All methods belong to the event loop's thread.

    A session hears only of what it watches, and of chats only while its user is a member. What it could
    not take is made good: once there is room, `tell_again` sends the whole state.
    """

    def __init__(
        self,
        store: LastSeenStore,
        *,
        presence_interval: float,
        presence_grace: float,
        last_seen_interval: float,
        chat_interval: float,
        typing_lifetime: float,
    ) -> None:
        """Seconds; an interval is the time over which changes are gathered."""
        self._chats = ChatWatchers()
        self._last_seen = LastSeen(store, interval=last_seen_interval)
        self.presence = Presence(self._last_seen, interval=presence_interval, grace=presence_grace)
        self.typing = Typing(self._chats, interval=chat_interval, lifetime=typing_lifetime)
        self.readers = Readers(self._chats, interval=chat_interval)

    def arrived(self, session: Session) -> None:
        """A session was greeted."""
        self.presence.arrived(session)

    def left(self, session: Session) -> None:
        """A greeted session ended; its chats must still be known."""
        self.typing.left(session)
        self._watch_chats(session, frozenset())
        self.presence.left(session)

    def watch(self, session: Session, user_ids: Iterable[int], chat_ids: Iterable[int]) -> None:
        """Replace what a session watches, and tell it the state of all users and who types in chats new to it."""
        self.presence.watch(session, user_ids)
        before = session.watched_chats
        self._watch_chats(session, frozenset(chat_ids))
        self.presence.tell_all(session)
        fresh = (session.watched_chats - before) & session.chats
        self._offer(session, [self.typing.frame(chat_id) for chat_id in fresh if chat_id in self.typing])

    def tell_again(self, session: Session) -> None:
        """Tell a session the whole state of what it watches, because it may have missed something."""
        self.presence.tell_all(session)
        chats = session.watched_chats & session.chats
        frames = [self.typing.frame(chat_id) for chat_id in chats]
        self._offer(session, frames + [self.readers.frame(chat_id) for chat_id in chats if chat_id in self.readers])

    def on_events(self, chat_id: int, events: Iterable[LogEvent]) -> None:
        """A chat's log has grown."""
        self.typing.on_events(chat_id, events)

    def on_left(self, chat_id: int, user_id: int) -> None:
        """A user is a member of a chat no more."""
        self.typing.stop(chat_id, user_id)
        self.readers.left_chat(chat_id, user_id)

    async def close(self) -> None:
        """Stop all timers, and store when users were last seen. Idempotent."""
        self.typing.close()
        self.readers.close()
        await self.presence.close()
        await self._last_seen.close()

    def _watch_chats(self, session: Session, chat_ids: frozenset[int]) -> None:
        for chat_id in self._chats.change(session, session.watched_chats, chat_ids):
            self.readers.forget(chat_id)
        session.watched_chats = chat_ids

    def _offer(self, session: Session, frames: list[bytes]) -> None:
        if frames:
            session.outbox.offer_ephemeral(b"".join(frames))
