"""The doors of the client engine: what the TUI, the shell commands and bots may ask of it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from chatproto.models import Chat, FileInfo, LogEvent, Message, User
from chatterm.client.model import (
    NOTHING_ENCLOSED,
    Account,
    ConnectionStatus,
    Enclosed,
    Entry,
    EntryRef,
    Listener,
    Moving,
    OutboxRow,
    PendingChange,
    Target,
    Transfer,
    UserPresence,
)

if TYPE_CHECKING:
    from chatterm.client.cache_read import UnreadChat
    from chatterm.client.finder import Finder
    from chatterm.client.server import Server


class CacheReader(Protocol):
    """Bounded synchronous reads of the on-disk cache; each costs well under a millisecond when warm.

    A reader belongs to the thread that opened it. It sees every commit made before the call (SQLite WAL).
    """

    def entries(self, after: Entry | None = None, limit: int = 200) -> list[Entry]:
        """Rows of the client list in its order, those after `after`; keyset, so a chunk costs its own length."""
        ...

    def entry(self, ref: EntryRef) -> Entry | None: ...

    def entry_count(self) -> int: ...

    def section_counts(self) -> tuple[int, ...]:
        """Rows of the client list by section; costs the same however many."""
        ...

    def chat(self, chat_id: int) -> Chat | None: ...

    def direct_chat(self, user_id: int) -> int | None:
        """Id of the direct chat with a user, if the cache knows one."""
        ...

    def user(self, user_id: int) -> User | None: ...

    def user_by_email(self, email: str) -> User | None: ...

    def users(self, user_ids: Iterable[int]) -> dict[int, User]:
        """Those of these users that are cached, by id; one query."""
        ...

    def users_by_name(self, name: str, limit: int = 20) -> list[User]:
        """Users with exactly this display name, ignoring case."""
        ...

    def group_by_title(self, title: str) -> list[int]:
        """Ids of the groups with exactly this title, ignoring case."""
        ...

    def head(self, chat_id: int) -> int:
        """The highest seq this client knows of in the chat, cached or not; 0 if none."""
        ...

    def floor(self, chat_id: int) -> int:
        """The seq up to which the server has removed the chat's events; 0 if it has not."""
        ...

    def events(self, chat_id: int, first_seq: int, last_seq: int) -> list[LogEvent]:
        """Cached events of an inclusive range, ascending; seqs that are not cached are absent."""
        ...

    def messages(self, chat_id: int, seqs: Iterable[int]) -> dict[int, Message]:
        """Those of these events that are cached messages, by seq."""
        ...

    def event_at_or_after(self, chat_id: int, seq: int) -> tuple[int, int] | None:
        """The seq and time of the nearest cached event from `seq` on; None if none is cached there."""
        ...

    def count_shown(self, chat_id: int, first_seq: int, last_seq: int) -> int:
        """How many events of an inclusive range have a place of their own: all but changes of messages, as cached."""
        ...

    def unread_chats(self, limit: int) -> "list[UnreadChat]":
        """Chats of which the owner is a member with something unread, the most recently active first."""
        ...

    def has_left(self, chat_id: int) -> bool:
        """Whether the user was a member once and is none now."""
        ...

    def holes(self, chat_id: int, first_seq: int, last_seq: int) -> list[tuple[int, int]]:
        """Inclusive ranges within [first_seq, last_seq] that are not cached, ascending."""
        ...

    def seen(self, chat_id: int) -> int:
        """The user's own seen marker."""
        ...

    def close(self) -> None: ...


class OutboxReader(Protocol):
    """Synchronous reads of the outbox, in sending order."""

    def rows(self, targets: Sequence[Target] | None = None, limit: int = 500) -> list[OutboxRow]:
        """Unsent rows, all or those to any of `targets`."""
        ...

    def failed_targets(self, limit: int = 500) -> list[Target]:
        """To whom messages wait for a retry, each once."""
        ...

    def counts(self) -> tuple[int, int]:
        """(queued, failed): rows that will be sent without help, and those refused or held behind a refusal."""
        ...

    def paused(self) -> int:
        """How many of the queued rows wait because the upload of their files is paused."""
        ...


class ChangesDoor(Protocol):
    """Changing messages: each change is durable on disk when its method returns, and sent in order when online.

    The methods raise `ChatError` for what can never be sent, `ClientError` for a disk that does not take it. A
    later change of the same message and kind replaces an earlier one that is still queued.
    """

    async def edit(
        self, chat_id: int, seq: int, text: str, *, mentions: Sequence[int] = (), mention_all: bool = False
    ) -> None:
        """Give one of one's own messages another text."""
        ...

    async def delete(self, chat_id: int, seq: int) -> None:
        """Take a message back."""
        ...

    async def react(self, chat_id: int, seq: int, emoji: str, *, on: bool) -> None:
        """Put an emoji under a message, or take one's own away."""
        ...

    async def pin(self, chat_id: int, seq: int, *, on: bool) -> None:
        """Pin a message for everybody in its chat, or unpin it."""
        ...

    async def retry(self, row_id: int) -> None:
        """Send a refused change again."""
        ...

    async def discard(self, row_id: int) -> bool:
        """Drop a change; False if it was sent already."""
        ...

    def pending(self, chat_id: int) -> dict[int, tuple[PendingChange, ...]]:
        """The unconfirmed changes of a chat's messages, by seq; from memory, and not to be written to."""
        ...

    def rows(self) -> tuple[PendingChange, ...]:
        """All unconfirmed changes in the order of sending."""
        ...


class Transfers(Protocol):
    """Uploads of unsent messages, downloads, and pictures. All methods belong to the event loop's thread."""

    def list(self) -> "list[Transfer]":
        """Uploads of unsent messages in the order of sending, downloads, and uploads that ended in this session."""
        ...

    def of_message(self, row: OutboxRow) -> tuple[Transfer, ...]:
        """The uploads of an unsent message; cheap enough for painting."""
        ...

    def moving(self) -> "Moving":
        """What is going on now."""
        ...

    async def pause(self, transfer_id: str) -> bool:
        """Pause a download, or the upload of a message's files: later messages pass it. False: nothing to pause."""
        ...

    async def resume(self, transfer_id: str) -> bool:
        """Go on with what is paused, and try again what failed. False: nothing to do."""
        ...

    async def cancel(self, transfer_id: str) -> bool:
        """Give a download up, or an upload: its message fails then, and its text is kept. False: nothing to cancel."""
        ...

    async def download(self, file: FileInfo, folder: Path | None = None) -> Transfer:
        """Save a file in a folder, by default the user's folder for downloads; `path` of the result says where.

        It never overwrites and never leaves the folder. Raises `ClientError`.
        """
        ...

    async def picture(self, file_id: int, *, thumbnail: bool) -> Path:
        """The file of a picture, from the disk or else from the server; one request however many ask. `ClientError`."""
        ...

    def cached_picture(self, file_id: int, *, thumbnail: bool) -> Path | None:
        """The file of a picture if it is on the disk; cheap."""
        ...


class Engine(Protocol):
    """One account's connection, cache and outbox. All methods belong to the event loop's thread."""

    @property
    def account(self) -> Account: ...

    @property
    def cache(self) -> CacheReader: ...

    @property
    def outbox(self) -> OutboxReader: ...

    @property
    def changes(self) -> ChangesDoor: ...

    @property
    def server(self) -> "Server":
        """What only the server can say or do now; its methods raise `ClientError` where it cannot be asked."""
        ...

    @property
    def finder(self) -> "Finder":
        """Search in what is cached, online or not."""
        ...

    @property
    def status(self) -> ConnectionStatus: ...

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Be told of every notice; returns the function that ends it. Listeners must not block."""
        ...

    async def start(self) -> None:
        """Begin to connect and send in the background; returns at once and never raises for the network."""
        ...

    async def stop(self) -> None:
        """Close the connection and the files; what is unsent stays in the outbox. Idempotent."""
        ...

    @property
    def transfers(self) -> Transfers:
        """Uploads, downloads and pictures."""
        ...

    async def send(
        self, target: Target, text: str, enclosed: Enclosed = NOTHING_ENCLOSED, files: Sequence[Path] = ()
    ) -> OutboxRow:
        """Queue a message with copies of `files`. Durable on disk when this returns.

        Raises `ChatError` for text that cannot be sent, `ClientError` for files that cannot.
        """
        ...

    async def retry(self, client_id: bytes) -> None:
        """Queue a failed or held message again, under a new client id if the old one was refused for it."""
        ...

    async def rewrite(self, client_id: bytes, text: str, enclosed: Enclosed) -> bool:
        """Give an unsent message another text in its place; False if it may already be sent."""
        ...

    async def discard(self, client_id: bytes) -> bool:
        """Drop a failed message, or a queued one that was never attempted; False if it may already be sent."""
        ...

    def retry_now(self) -> None:
        """Bring the next connection attempt forward."""
        ...

    def focus(self, chat_id: int | None) -> None:
        """The chat on screen: its events are fetched first."""
        ...

    def fill(self, chat_id: int, first_seq: int, last_seq: int) -> None:
        """Ask for uncached events near what the reader sees; ends in `EventsStored`, or nothing while offline."""
        ...

    async def mark_seen(self, chat_id: int, seq: int) -> None:
        """Move the seen marker, here at once and on the server as soon as it can be reached."""
        ...

    async def know_users(self, users: Sequence[User]) -> None:
        """Put users into the cache that the server told of; they are in the list when this returns."""
        ...

    def watch(self, user_ids: Sequence[int], chat_ids: Sequence[int] = ()) -> None:
        """The users whose presence is on screen, and the chats of which it matters who writes in them."""
        ...

    def presence(self, user_id: int) -> UserPresence:
        """Whether a watched user is there; offline while this is not known."""
        ...

    def typing(self, chat_id: int) -> tuple[int, ...]:
        """Who else writes in a watched chat at this moment."""
        ...

    def seen_count(self, chat_id: int, seq: int) -> int:
        """How many others are known to have seen a message of a watched chat; cheap enough for painting."""
        ...

    def write_in(self, chat_id: int, *, on: bool) -> None:
        """The user writes in this chat, or not any more; may be called at every key."""
        ...

    def be_away(self, away: bool) -> None:
        """Nobody is at this device, or somebody is again."""
        ...
