"""The members of a group as a list to search: who is there, who owns it, since when."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from chatproto.models import Chat, User
from chatproto.rest import Member
from chatterm.client.model import Link, Notice, PresenceChanged, PresenceState
from chatterm.client.ports import Engine
from chatterm.tui.client_row import SIGNS
from chatterm.tui.picker import Picker, Row, Rows, ranked
from chatterm.tui.timeline.localtime import LocalTime

SINCE_MAX = 500
"""Members whose day of joining is looked up in the cache."""
_ORDER = {PresenceState.ONLINE: 0, PresenceState.AWAY: 1, PresenceState.OFFLINE: 2, None: 3}


class MembersPicker(Picker[User]):
    """Picks one member; those who are there come first, and their signs follow what happens."""

    def __init__(self, engine: Engine, chat: Chat, members: Sequence[Member]) -> None:
        self._engine = engine
        self._owner_id = chat.owner_id
        self._users = [user for user in map(engine.cache.user, (each.user_id for each in members)) if user is not None]
        self._since = _days(engine, chat.id, members)
        self._unsubscribe: Callable[[], None] | None = None
        super().__init__(
            f"{chat.title} · {len(members):,} members",
            self._ranked,
            placeholder="type a name",
            hint="/invite adds, /kick removes" if chat.owner_id == engine.account.user_id else "/invite adds somebody",
        )

    def on_mount(self) -> None:
        super().on_mount()
        self._unsubscribe = self._engine.subscribe(self._hear)

    def on_unmount(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _hear(self, notice: Notice) -> None:
        if isinstance(notice, PresenceChanged) and self.is_attached and not self.line.text:
            self._show(self._made(), fresh=False)

    def _ranked(self, needle: str) -> Rows[User] | Awaitable[Rows[User]] | AsyncIterator[Rows[User]]:
        return ranked(self._made())(needle)

    def _made(self) -> list[Row[User]]:
        rows = [(self._presence(user.id), user) for user in self._users]
        rows.sort(key=lambda pair: (_ORDER[pair[0]], pair[1].display_name.casefold(), pair[1].id))
        return [Row(user.display_name, user, self._detail(user), SIGNS[state], user.email) for state, user in rows]

    def _presence(self, user_id: int) -> PresenceState | None:
        if user_id == self._engine.account.user_id:
            return PresenceState.ONLINE if self._engine.status.link is Link.ONLINE else None
        return self._engine.presence(user_id).state if self._engine.status.link is Link.ONLINE else None

    def _detail(self, user: User) -> str:
        parts = ("owner" if user.id == self._owner_id else "", user.status, self._since.get(user.id, ""))
        return " · ".join(part for part in parts if part)


def _days(engine: Engine, chat_id: int, members: Sequence[Member]) -> dict[int, str]:
    """Since when they are members, as far as the event that added them is cached."""
    times, found, known = LocalTime(), {}, dict[int, str]()
    for member in members[:SINCE_MAX]:
        seq = max(1, member.joined_seq)  # those who were there first came with the first event
        if seq not in known:
            events = engine.cache.events(chat_id, seq, seq)
            known[seq] = f"since {times.moment(events[0].at)}" if events else ""
        found[member.user_id] = known[seq]
    return found
