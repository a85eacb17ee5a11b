"""Forgotten passwords: one-time codes, given by the server's owner or mailed, that replace a password."""

from typing import Final, Protocol

from chatproto.errors import ChatError
from chatproto.text import normalize_email
from chatserver.clock import Clock, now_us
from chatserver.services.codes import code_hash, new_code
from chatserver.services.passwords import PasswordPool, check_length
from chatserver.store.base import Store
from chatserver.store.interfaces.invites import ResetCode

_TRIES: Final = 5
"""Wrong codes after which the right one is void."""
_PAUSE_S: Final = 60
"""Seconds in which an address is mailed one code at most."""
_NOBODY: Final = "nobody@invalid"
"""Stands for an address that cannot be one, so that it costs what any other does."""


class Courier(Protocol):
    """Takes requests for mails with reset codes, and works on them later."""

    def request(self, email: str) -> None:
        """Mail a code to this address if it is somebody's. Returns at once. Raises `overloaded`."""
        ...

    @property
    def waiting(self) -> int:
        """Requests that nobody works on yet."""
        ...


class Recovery:
    """Makes reset codes and takes them back. Only the hash of a code is stored."""

    def __init__(
        self,
        store: Store,
        passwords: PasswordPool,
        *,
        code_ttl_s: int,
        courier: Courier | None = None,
        clock: Clock = now_us,
    ) -> None:
        """Without a `courier`, codes come from the server's owner only."""
        self._store = store
        self._passwords = passwords
        self._code_ttl_s = code_ttl_s
        self._courier = courier
        self._clock = clock

    @property
    def mails_waiting(self) -> int:
        """Requests for mails that nobody works on yet."""
        return self._courier.waiting if self._courier is not None else 0

    async def issue(self, user_id: int, *, pause: bool = False) -> str | None:
        """A new code for a user, which replaces an earlier one; with `pause`, None if that is too fresh.

        Raises `userNotFound`.
        """
        code, now = new_code(), self._clock()
        record = ResetCode(user_id, code_hash(code), now, now + self._code_ttl_s * 1_000_000, _TRIES)
        since = now - _PAUSE_S * 1_000_000 if pause else None
        return code if await self._store.put_reset_code(record, unless_since=since) else None

    def request_mail(self, email: str) -> None:
        """Have a code mailed. Whether somebody has this address is looked up later: the answer cannot tell.

        Raises `mailUnavailable` or `overloaded`.
        """
        if self._courier is None:
            raise ChatError("mailUnavailable")
        self._courier.request(_normalized(email))

    async def reset(self, email: str, code: str, new_password: str) -> None:
        """Replace a password with a code; every session of the user ends in the same commit.

        The work is the same whether the address, the code or nothing is wrong. Raises `resetCodeWrong` or
        `passwordInvalid`.
        """
        check_length(new_password)
        password_hash = await self._passwords.hash(new_password)
        if not await self._store.reset_password(_normalized(email), code_hash(code), password_hash, self._clock()):
            raise ChatError("resetCodeWrong")


def _normalized(email: str) -> str:
    try:
        return normalize_email(email)
    except ChatError:
        return _NOBODY
