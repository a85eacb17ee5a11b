"""Operations on messages."""

from typing import Annotated

from msgspec import Meta

from chatproto import limits
from chatproto.models import Seq
from chatproto.rest import MessagesPage
from chatserver.http.operations import Call, Operation, Query
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
    """Which messages of a chat: at most one bound."""

    before: TimeText | None = None
    before_seq: Seq | None = None
    after_seq: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.PAGE_MAX)] = limits.PAGE_DEFAULT


def operations(messages: Messages) -> list[Operation]:
    """Reading messages."""

    async def list_messages(call: Call[MessagesQuery, None]) -> MessagesPage:
        query = call.query
        page, has_more = await messages.page(
            call.user_id,
            call.path["chatId"],
            before_at=parse_time(query.before, "before"),
            before_seq=query.before_seq,
            after_seq=query.after_seq,
            limit=query.limit,
        )
        return MessagesPage(messages=page, has_more=has_more)

    return [
        Operation(
            method="GET",
            path="/chats/{chatId}/messages",
            tag="messages",
            summary="Messages before a time, before or after a seq; without a bound the newest",
            handler=list_messages,
            query=MessagesQuery,
            answer=MessagesPage,
            errors=("notMember", "invalidFrame"),
        )
    ]
