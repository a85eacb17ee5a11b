"""Who is writing where: said by members, forgotten by itself, told to the sessions that watch the chat."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from chatproto import limits
from chatproto.frames import Typing as TypingFrame
from chatproto.models import LogEvent, Message
from chatserver.realtime.coalesce import Coalesced
from chatserver.realtime.expiry import Expiring
from chatserver.realtime.packing import pack
from chatserver.realtime.session import Session
from chatserver.realtime.watchers import ChatNews, ChatWatchers

_CHATS_MAX: Final = 8
"""Chats in which one connection may type at the same time; more are not told."""


class Typing:
    """The members who type in each chat, at most one frame per watcher and interval, the same for all of a chat.

    Membership is what `Session.chats` says, so a foreign chat is the same as none.
    """

    def __init__(self, watchers: ChatWatchers, *, interval: float, lifetime: float) -> None:
        """`lifetime`: seconds after which who has not said it again types no more."""
        self._watchers = watchers
        self._typers: dict[int, dict[int, None]] = {}
        self._alive: Expiring[tuple[int, int]] = Expiring(lifetime, self._end)
        self._changed: set[int] = set()
        self._tell = Coalesced(interval, self._tell_changes)

    def start(self, session: Session, chat_id: int) -> None:
        """The session's user is writing. Does nothing in a chat that they are no member of."""
        if chat_id not in session.chats or not self._admit(session, chat_id):
            return
        user_id = session.user_id
        self._alive.hold((chat_id, user_id))
        typers = self._typers.setdefault(chat_id, {})
        if user_id not in typers:
            typers[user_id] = None
            self._note(chat_id)

    def stop(self, chat_id: int, user_id: int) -> None:
        """The user writes no more in this chat. Idempotent."""
        if chat_id in self._typers:
            self._alive.drop((chat_id, user_id))
            self._end((chat_id, user_id))

    def left(self, session: Session) -> None:
        """The session ended."""
        for chat_id in session.typing:
            self.stop(chat_id, session.user_id)
        session.typing = frozenset()

    def on_events(self, chat_id: int, events: Iterable[LogEvent]) -> None:
        """Who has sent a message no longer writes it."""
        if chat_id in self._typers:
            for event in events:
                if isinstance(event, Message):
                    self.stop(chat_id, event.sender_id)

    def frame(self, chat_id: int) -> bytes:
        """Who types in a chat now, ready to send."""
        named = islice(self._typers.get(chat_id, ()), limits.TYPERS_NAMED_MAX)
        return pack(TypingFrame(chat_id=chat_id, user_ids=list(named)))

    def __contains__(self, chat_id: int) -> bool:
        return chat_id in self._typers

    def close(self) -> None:
        """Stop all timers."""
        self._tell.close()
        self._alive.close()

    def _admit(self, session: Session, chat_id: int) -> bool:
        if chat_id in session.typing:
            return True
        if len(session.typing) >= _CHATS_MAX:
            session.typing = frozenset(chat for chat in session.typing if (chat, session.user_id) in self._alive)
            if len(session.typing) >= _CHATS_MAX:
                return False
        session.typing |= {chat_id}
        return True

    def _end(self, key: tuple[int, int]) -> None:
        chat_id, user_id = key
        typers = self._typers.get(chat_id)
        if typers is not None and user_id in typers:
            del typers[user_id]
            if not typers:
                del self._typers[chat_id]
            self._note(chat_id)

    def _note(self, chat_id: int) -> None:
        if chat_id in self._watchers:
            self._changed.add(chat_id)
            self._tell.poke()

    def _tell_changes(self) -> None:
        changed, self._changed = self._changed, set()
        news = ChatNews(self._watchers)
        for chat_id in changed:
            news.add(chat_id, self.frame(chat_id))
        news.send()
