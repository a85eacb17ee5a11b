"""How far others have read: seen markers that moved, told to the sessions that watch the chat."""

from chatproto.frames import Readers as ReadersFrame
from chatserver.realtime.coalesce import Coalesced
from chatserver.realtime.packing import pack
from chatserver.realtime.watchers import ChatNews, ChatWatchers


class Readers:
    """News of seen markers, at most one frame per watcher and interval, the same for all of a chat.

    What has moved since a chat is watched is kept until nobody watches it, one number for each member who
    reads, so that a session that missed a frame can be told again without asking the store.
    """

    def __init__(self, watchers: ChatWatchers, *, interval: float) -> None:
        self._watchers = watchers
        self._moved: dict[int, dict[int, int]] = {}
        self._changed: dict[int, set[int]] = {}
        self._tell = Coalesced(interval, self._tell_changes)

    def moved(self, chat_id: int, user_id: int, seq: int) -> None:
        """A member has read up to `seq`."""
        if chat_id in self._watchers:
            self._moved.setdefault(chat_id, {})[user_id] = seq
            self._changed.setdefault(chat_id, set()).add(user_id)
            self._tell.poke()

    def left_chat(self, chat_id: int, user_id: int) -> None:
        """The user is a member no more. Idempotent."""
        self._moved.get(chat_id, {}).pop(user_id, None)
        self._changed.get(chat_id, set()).discard(user_id)

    def forget(self, chat_id: int) -> None:
        """Nobody watches this chat any more. Idempotent."""
        self._moved.pop(chat_id, None)
        self._changed.pop(chat_id, None)

    def frame(self, chat_id: int) -> bytes:
        """Every marker that moved since the chat is watched, ready to send."""
        return pack(ReadersFrame(chat_id=chat_id, seen=list(self._moved[chat_id].items())))

    def __contains__(self, chat_id: int) -> bool:
        return chat_id in self._moved

    def close(self) -> None:
        """Stop the timer."""
        self._tell.close()

    def _tell_changes(self) -> None:
        changed, self._changed = self._changed, {}
        news = ChatNews(self._watchers)
        for chat_id, user_ids in changed.items():
            if user_ids:
                moved = self._moved[chat_id]
                seen = [(user_id, moved[user_id]) for user_id in user_ids]
                news.add(chat_id, pack(ReadersFrame(chat_id=chat_id, seen=seen)))
        news.send()
