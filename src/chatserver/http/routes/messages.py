"""Operations on messages."""

from typing import Annotated

from litestar import Response
from msgspec import Meta

from chatproto import codec, limits
from chatproto.models import Message, Seq
from chatproto.rest import MessageRequest, MessagesPage
from chatserver.http.operations import Call, Nothing, Operation, Query
from chatserver.http.requests import parse_time
from chatserver.services.messages import Messages

TimeText = Annotated[
    str,
    Meta(
        max_length=64,
        description="RFC 3339 with its offset, such as 2026-01-31T12:00:00Z, or microseconds since 1970 UTC.",
    ),
]


class MessagesQuery(Query, frozen=True, kw_only=True):
    """Which messages of a chat: at most one bound, or the place that they lie around."""

    before: TimeText | None = None
    before_seq: Seq | None = None
    after_seq: Seq | None = None
    around: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.PAGE_MAX)] = limits.PAGE_DEFAULT


def operations(messages: Messages) -> list[Operation]:
    """Reading and sending messages."""
    return [*_reading(messages), *_sending(messages)]


def _reading(messages: Messages) -> list[Operation]:
    async def list_messages(call: Call[MessagesQuery, None]) -> MessagesPage:
        query = call.query
        return await messages.page(
            call.user_id,
            call.path["chatId"],
            before_at=parse_time(query.before, "before"),
            before_seq=query.before_seq,
            after_seq=query.after_seq,
            around=query.around,
            limit=query.limit,
        )

    async def get_message(call: Call[Nothing, None]) -> Message:
        return await messages.get(call.user_id, call.path["chatId"], call.path["seq"])

    return [
        Operation(
            method="GET",
            path="/chats/{chatId}/messages",
            tag="messages",
            summary="Messages before a time, before or after a seq, or around one; without a bound the newest",
            handler=list_messages,
            query=MessagesQuery,
            answer=MessagesPage,
        ),
        Operation(
            method="GET",
            path="/chats/{chatId}/messages/{seq}",
            tag="messages",
            summary="One message",
            handler=get_message,
            answer=Message,
        ),
    ]


def _sending(messages: Messages) -> list[Operation]:
    async def send_message(call: Call[Nothing, MessageRequest]) -> Response[bytes]:
        message, duplicate = await messages.post(call.user_id, call.path["chatId"], call.body)
        status = 200 if duplicate else 201
        return Response(codec.encode(message), status_code=status, media_type="application/json")

    return [
        Operation(
            method="POST",
            path="/chats/{chatId}/messages",
            tag="messages",
            summary="Send a message; with a clientId at most once",
            handler=send_message,
            body=MessageRequest,
            answer=Message,
            status=201,
            other_statuses={200: "The message was stored before, under the same client id."},
            errors=(
                "messageNotFound",
                "mentionsInvalid",
                "fileNotFound",
                "textEmpty",
                "textTooLong",
                "textNotAllowed",
                "clientIdConflict",
            ),
            rate="write",
        ),
    ]
