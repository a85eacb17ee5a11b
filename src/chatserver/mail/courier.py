"""Mails reset codes in the background: a bounded queue, retries with growing pauses, and never a word to the asker."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from typing import Final

from chatproto.errors import ChatError
from chatserver import measures
from chatserver.mail import smtp
from chatserver.mail.smtp import MailError, SmtpServer
from chatserver.ops.retries import Retries
from chatserver.services.recovery import Recovery
from chatserver.store.base import Store

WAITING_MAX: Final = 1_000
"""Requests that wait; more are refused as `overloaded`."""
_WORKERS: Final = 4
"""Mails under way at a time, so that one which has to be tried again does not hold up the others."""
_ATTEMPTS: Final = 6
BACKOFF_S: Final = 2.0
"""Seconds before the first retry; four times as many before each next one, and up to twice that by chance."""

_log = logging.getLogger("chatserver.mail")

_outcomes = measures.counter(
    "chatserver_mails",
    "Mails with reset codes: sent, retried, given up, or not taken as too many waited.",
    "outcome",
    values=("sent", "retried", "failed", "refused"),
)
_retries = Retries("mail")


class ResetMails:
    """See `chatserver.services.recovery.Courier`. What waits is in memory: a restart forgets it, asking again helps."""

    def __init__(
        self,
        store: Store,
        server: SmtpServer,
        *,
        code_ttl_s: int,
        backoff_s: float = BACKOFF_S,
        send: Callable[[SmtpServer, EmailMessage], Awaitable[None]] = smtp.send,
    ) -> None:
        self._store = store
        self._server = server
        self._code_ttl_s = code_ttl_s
        self._backoff_s = backoff_s
        self._send = send
        self._queue: asyncio.Queue[str] = asyncio.Queue(WAITING_MAX)
        self._workers: list[asyncio.Task[None]] = []

    def start(self, recovery: Recovery) -> None:
        """Begin to work on requests with codes of this recovery."""
        loop = asyncio.get_running_loop()
        self._workers = [loop.create_task(self._work(recovery), name="reset-mail") for _ in range(_WORKERS)]

    async def close(self) -> None:
        """Stop; what waits is dropped. Idempotent."""
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)

    @property
    def waiting(self) -> int:
        """Requests that nobody works on yet."""
        return self._queue.qsize()

    def request(self, email: str) -> None:
        try:
            self._queue.put_nowait(email)
        except asyncio.QueueFull:
            _outcomes.add(1, "refused")
            raise ChatError("overloaded", retry_after=10.0) from None

    async def _work(self, recovery: Recovery) -> None:
        while True:
            email = await self._queue.get()
            try:
                await self._mail(recovery, email)
            except ChatError as error:
                _log.warning("a reset code was not mailed: %s", error.message)
            except Exception:  # one mail must not end the work on all later ones
                _log.exception("a reset code was not mailed")

    async def _mail(self, recovery: Recovery, email: str) -> None:
        account = await self._store.account_by_email(email)
        if account is None or account.user.disabled:
            return
        code = await recovery.issue(account.user.id, pause=True)
        if code is not None:
            await self._deliver(account.user.id, self._letter(account.user.email, code))

    async def _deliver(self, user_id: int, message: EmailMessage) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._send(self._server, message)
            except MailError as error:
                if not error.temporary or attempt == _ATTEMPTS:
                    _outcomes.add(1, "failed")
                    _log.error("a reset code for user %d was not mailed, given up: %s", user_id, error)
                    return
                pause = self._backoff_s * 4 ** (attempt - 1) * random.uniform(1, 2)  # noqa: S311 - spreads retries
                _log.warning("a reset code for user %d was not mailed, next try in %.0f s: %s", user_id, pause, error)
                _outcomes.add(1, "retried")
                with _retries.pause(pause):
                    await asyncio.sleep(pause)
            else:
                _outcomes.add(1, "sent")
                _log.info("a reset code was mailed to user %d", user_id)
                return

    def _letter(self, email: str, code: str) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._server.sender
        message["To"] = email
        message["Subject"] = "Reset your chat password"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office note comes back
        message.set_content(
            "Somebody asked to reset the password of your chat account.\n\n"
            f"Your code is: {code}\n\n"
            f"It works once, within {self._code_ttl_s // 3600} hours. "
            "If it was not you, ignore this mail: nothing has changed.\n"
        )
        return message
