"""The rules of messages: what may be sent, by whom it may be read, and what a refusal does to the rest of a list."""

import secrets
from collections.abc import Sequence
from functools import partial

import msgspec

from chatproto import limits
from chatproto.errors import ChatError, ErrorInfo
from chatproto.frames import Outgoing, SendResult
from chatproto.models import LogEvent, Message, removed_message
from chatproto.rest import MessageRequest, MessagesPage
from chatproto.text import normalize_email, normalize_message
from chatserver.services.membership import read_as_member
from chatserver.store.base import NewMessage, Store, Stored
from chatserver.store.extras import Additions

Prepared = NewMessage | ErrorInfo
"""An outgoing message that may be stored, or why it never can."""


class Messages:
    """Sending, reading and seen markers. Every read checks membership."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prepare(self, sender_id: int, outgoing: Sequence[Outgoing]) -> list[Prepared]:
        """Check and normalise messages, one result each; final refusals concern one message only.

        Waits only if a message is addressed by email. A temporary failure raises `ChatError`.
        """
        prepared: list[Prepared] = []
        for message in outgoing:
            try:
                prepared.append(await self._prepare(sender_id, message))
            except ChatError as error:
                if error.temporary:
                    raise
                prepared.append(error.info())
        return prepared

    async def store(self, prepared: Sequence[Prepared]) -> list[Stored | ErrorInfo]:
        """Store what may be stored, in order and in one commit; one result per message. Durable on return.

        A temporary failure raises `ChatError`, and then nothing was stored.
        """
        wanted = [message for message in prepared if isinstance(message, NewMessage)]
        if not wanted:
            return [message for message in prepared if isinstance(message, ErrorInfo)]
        places = iter(await self._store.append(wanted))
        return [next(places) if isinstance(message, NewMessage) else message for message in prepared]

    async def events(
        self, user_id: int, chat_id: int, *, before_seq: int | None, after_seq: int | None, limit: int
    ) -> tuple[list[LogEvent], bool]:
        """A page of a chat's log for a member. Raises `notMember`, or `invalidFrame` for two bounds."""
        if before_seq is not None and after_seq is not None:
            raise ChatError("invalidFrame", "Give beforeSeq or afterSeq, not both.")
        read = partial(self._store.events, chat_id, before_seq=before_seq, after_seq=after_seq, limit=limit)
        return await read_as_member(self._store, user_id, chat_id, read)

    async def page(
        self,
        user_id: int,
        chat_id: int,
        *,
        before_at: int | None,
        before_seq: int | None,
        after_seq: int | None,
        around: int | None,
        limit: int,
    ) -> MessagesPage:
        """A page of a chat's messages for a member. Raises `notMember`, or `invalidFrame` for several bounds."""
        if sum(bound is not None for bound in (before_at, before_seq, after_seq, around)) > 1:
            raise ChatError("invalidFrame", "Give at most one of before, beforeSeq, afterSeq and around.")
        if around is not None:
            read_around = partial(self._store.messages_around, chat_id, around, limit)
            found, before, after = await read_as_member(self._store, user_id, chat_id, read_around)
            floor = (await self._store.floor(chat_id)).floor
            return MessagesPage(
                messages=found,
                has_more=before or after,
                has_more_before=before,
                has_more_after=after,
                floor=floor,
            )
        read = partial(
            self._store.messages, chat_id, before_at=before_at, before_seq=before_seq, after_seq=after_seq, limit=limit
        )
        found, more = await read_as_member(self._store, user_id, chat_id, read)
        return MessagesPage(messages=found, has_more=more, floor=(await self._store.floor(chat_id)).floor)

    async def get(self, user_id: int, chat_id: int, seq: int) -> Message:
        """One message for a member. Raises `notMember` or `messageNotFound`."""
        message = await read_as_member(self._store, user_id, chat_id, partial(self._store.message, chat_id, seq))
        if message is None:
            raise ChatError("messageNotFound")
        return message

    async def pinned(self, user_id: int, chat_id: int) -> list[Message]:
        """The pinned messages of a chat for a member, the one pinned last first. Raises `notMember`."""
        return await read_as_member(self._store, user_id, chat_id, partial(self._store.pinned_messages, chat_id))

    async def post(self, user_id: int, chat_id: int, request: MessageRequest) -> tuple[Message, bool]:
        """Store one message, and return it as it is now; whether it had been stored before. Raises its refusal."""
        outgoing = Outgoing(
            client_id=request.client_id or secrets.token_bytes(limits.CLIENT_ID_BYTES),
            text=request.text,
            chat_id=chat_id,
            reply_to=request.reply_to,
            mentions=request.mentions,
            mention_all=request.mention_all,
            file_ids=request.file_ids,
            forward=request.forward,
        )
        (place,) = await self._store.append([await self._prepare(user_id, outgoing)])
        if isinstance(place, ErrorInfo):
            raise ChatError.of(place)
        message = await read_as_member(self._store, user_id, chat_id, partial(self._store.message, chat_id, place.seq))
        if message is None:  # stored before, and removed since
            message = removed_message(chat_id, place.seq, sender_id=user_id, at=place.at, rev=0)
            message = msgspec.structs.replace(message, client_id=outgoing.client_id)
        return message, place.duplicate

    async def mark_seen(self, user_id: int, chat_id: int, seq: int) -> None:
        """Move a member's seen marker forward. Raises `notMember`. Idempotent."""
        await self._store.mark_seen(user_id, chat_id, seq)

    async def _prepare(self, sender_id: int, message: Outgoing) -> NewMessage:
        if sum(target is not None for target in (message.chat_id, message.user_id, message.email)) != 1:
            raise ChatError("invalidFrame", "Give exactly one of chatId, userId and email.")
        more = _additions(message)
        if more is None or not (more.file_ids or more.forward):
            text = normalize_message(message.text)
        else:
            text = _text_beside(message.text, more)
        peer_id = message.user_id
        if message.email is not None:
            account = await self._store.account_by_email(normalize_email(message.email))
            if account is None:
                raise ChatError("userNotFound")
            peer_id = account.user.id
        return NewMessage(
            sender_id=sender_id,
            client_id=message.client_id,
            text=text,
            chat_id=message.chat_id,
            peer_id=peer_id,
            more=more,
        )


def _additions(message: Outgoing) -> Additions | None:
    """What the message has beyond its text; most have nothing."""
    if not (message.reply_to or message.mentions or message.mention_all or message.file_ids or message.forward):
        return None
    if message.forward is not None and message.file_ids:
        raise ChatError("invalidFrame", "A forwarded message has no files of its own: leave fileIds out.")
    return Additions(
        reply_to=message.reply_to,
        mentions=tuple(dict.fromkeys(message.mentions)),
        mention_all=message.mention_all,
        file_ids=tuple(dict.fromkeys(message.file_ids)),
        forward=message.forward,
    )


def _text_beside(text: str, more: Additions) -> str:
    """The text of a message that has files, and so may have none, or that is forwarded, and so has none of its own."""
    if not text.strip():
        return ""
    if more.forward is not None:
        raise ChatError("invalidFrame", "A forwarded message has no text of its own: leave it empty.")
    return normalize_message(text)


def send_results(outgoing: Sequence[Outgoing], places: Sequence[Stored | ErrorInfo]) -> list[SendResult]:
    """What became of each message of a list that was taken."""
    return [_result(message, place) for message, place in zip(outgoing, places, strict=True)]


def refused_for_now(
    outgoing: Sequence[Outgoing], prepared: Sequence[Prepared] | None, error: ChatError
) -> list[SendResult]:
    """A temporary error refuses a list's first message that could have been stored, and with it all later ones.

    So the author's order is kept: nothing overtakes what has to be sent again. `prepared` is None if the
    error came before the list was checked.
    """
    results: list[SendResult] = []
    reason = error.info()
    for index, message in enumerate(outgoing):
        final = prepared[index] if prepared is not None else None
        if isinstance(final, ErrorInfo):
            results.append(SendResult(client_id=message.client_id, error=final))
            continue
        results.append(SendResult(client_id=message.client_id, error=reason))
        reason = ChatError("refusedBefore", retry_after=error.retry_after).info()
    return results


def _result(message: Outgoing, place: Stored | ErrorInfo) -> SendResult:
    if isinstance(place, ErrorInfo):
        return SendResult(client_id=message.client_id, error=place)
    return SendResult(
        client_id=message.client_id, chat_id=place.chat_id, seq=place.seq, at=place.at, duplicate=place.duplicate
    )
