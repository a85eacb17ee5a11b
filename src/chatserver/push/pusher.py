"""Watches commits for messages whose readers are away, waits a moment, and hands what is still unseen to delivery."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from chatproto import codec
from chatproto.errors import ChatError
from chatproto.models import Message
from chatproto.rest import PushMessage
from chatserver.clock import Clock
from chatserver.push.delivery import Delivery, Job
from chatserver.push.rules import read_rules, wants_push
from chatserver.push.sealing import to_base64url
from chatserver.store.base import Commit, Store
from chatserver.store.interfaces.push import PushTarget

_CHATS_WAITING_MAX: Final = 10_000
_TOLD_MAX: Final = 50_000
_PREVIEW_CHARS: Final = 200

logger = logging.getLogger(__name__)


class Pusher:
    """Decides who is told of what. What it holds is in memory: after a restart, only new messages are pushed."""

    def __init__(
        self,
        store: Store,
        delivery: Delivery,
        *,
        clock: Clock,
        is_there: Callable[[int], bool],
        delay_s: float,
        interval_s: float,
        previews: bool,
    ) -> None:
        """`is_there` says whether somebody is at one of a user's devices, so that no push is needed."""
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._is_there = is_there
        self._delay_s = delay_s
        self._interval_us = int(interval_s * 1_000_000)
        self._previews = previews
        self._windows: dict[int, tuple[int, int]] = {}
        self._wanted = asyncio.Event()
        self._held: dict[int, tuple[int, int]] = {}
        self._told: OrderedDict[tuple[int, int], tuple[int, int]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="pusher")

    async def close(self) -> None:
        """Stop. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    def on_commit(self, commit: Commit) -> None:
        """Take note of new messages; to be called for every commit."""
        for chat in commit.chats:
            # Changes of messages, members and titles are not pushed.
            seqs = [event.seq for event in chat.events if isinstance(event, Message)]
            if seqs and (chat.chat_id in self._windows or len(self._windows) < _CHATS_WAITING_MAX):
                first, _ = self._windows.get(chat.chat_id, (seqs[0], 0))
                self._windows[chat.chat_id] = (first, seqs[-1])
                self._wanted.set()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(self._delay_s)
            self._wanted.clear()
            windows, self._windows = self._windows, {}
            try:
                if await self._store.anybody_has_pushes():
                    for chat_id, (first, last) in windows.items():
                        await self._tell(chat_id, first, last)
            except ChatError as error:
                logger.warning("pushes are skipped: %s", error.code)
            except Exception:  # a defect met in one chat must not end all pushes
                logger.exception("deciding about pushes failed")

    async def _tell(self, chat_id: int, first: int, last: int) -> None:
        now = self._clock()
        for target in await self._store.push_targets(chat_id, first, last):
            if self._is_there(target.user_id) or not wants_push(target, read_rules(target.rules), now):
                continue
            told_at, told_seq = self._told.get((target.user_id, chat_id), (0, 0))
            if last <= told_seq:
                continue
            if now < told_at + self._interval_us:
                self._hold(chat_id, first, last, told_at + self._interval_us - now)
                continue
            self._remember((target.user_id, chat_id), now, last)
            await self._queue(target, chat_id, last)

    def _hold(self, chat_id: int, first: int, last: int, us: int) -> None:
        """Look at these messages again when the least time between two pushes is over."""
        earlier = self._held.get(chat_id)
        if earlier is not None:
            self._held[chat_id] = (min(earlier[0], first), max(earlier[1], last))
            return
        self._held[chat_id] = (first, last)
        asyncio.get_running_loop().call_later(us / 1_000_000, self._release, chat_id)

    def _release(self, chat_id: int) -> None:
        first, last = self._held.pop(chat_id)
        low, high = self._windows.get(chat_id, (first, last))
        self._windows[chat_id] = (min(low, first), max(high, last))
        self._wanted.set()

    def _remember(self, key: tuple[int, int], now: int, seq: int) -> None:
        self._told[key] = (now, seq)
        self._told.move_to_end(key)
        if len(self._told) > _TOLD_MAX:
            self._told.popitem(last=False)

    async def _queue(self, target: PushTarget, chat_id: int, last: int) -> None:
        user_id = target.user_id
        content = await self._content(target, chat_id, last)
        if content is None:
            return

        async def still_wanted() -> bool:
            return not self._is_there(user_id) and not await self._store.has_seen(user_id, chat_id, last)

        for record in await self._store.pushes(user_id):
            self._delivery.take(Job(record, content, _topic(chat_id), target.direct or target.mentioned, still_wanted))

    async def _content(self, target: PushTarget, chat_id: int, last: int) -> bytes | None:
        chat = await self._store.chat(target.user_id, chat_id)
        messages, _ = await self._store.messages(chat_id, before_seq=last + 1, limit=1)
        if chat is None or not messages or messages[-1].deleted:
            return None
        message = messages[-1]
        account = await self._store.account(message.sender_id)
        sender = account.user.display_name if account is not None else ""
        return codec.encode(
            PushMessage(
                chat_id=chat_id,
                seq=message.seq,
                title=chat.title or sender,
                sender=sender,
                text=self._preview(message),
                unread=chat.unread,
                mentioned=target.mentioned or target.mentioned_all,
            )
        )

    def _preview(self, message: Message) -> str:
        return message.text[:_PREVIEW_CHARS] if self._previews else ""


def _topic(chat_id: int) -> str:
    """At most 32 characters of Base64url (RFC 8030 section 5.4)."""
    return to_base64url(chat_id.to_bytes(8, "big"))
