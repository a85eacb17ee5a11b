"""Operations on seen markers."""

from typing import Annotated

from msgspec import Meta

from chatproto import limits
from chatproto.rest import SeenAnswer, SeenByPage, SeenMarkersPage, SeenRequest
from chatserver.http.operations import Call, Nothing, Operation, Query
from chatserver.services.receipts import Receipts


class MembersQuery(Query, frozen=True, kw_only=True):
    """Which members."""

    after: Annotated[int, Meta(ge=0, le=limits.ID_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.USERS_PAGE_MAX)] = limits.USERS_PAGE_MAX


def operations(receipts: Receipts) -> list[Operation]:
    """Moving the own marker, and reading those of all members."""

    async def mark_seen(call: Call[Nothing, SeenRequest]) -> SeenAnswer:
        return await receipts.mark(call.user_id, call.path["chatId"], call.body.message_ids)

    async def list_seen_by(call: Call[MembersQuery, None]) -> SeenByPage:
        place = (call.path["chatId"], call.path["seq"])
        return await receipts.seen_by(call.user_id, *place, call.query.after, call.query.limit)

    async def list_seen_markers(call: Call[MembersQuery, None]) -> SeenMarkersPage:
        return await receipts.markers(call.user_id, call.path["chatId"], call.query.after, call.query.limit)

    return [
        Operation(
            method="POST",
            path="/chats/{chatId}/messages/seen",
            tag="messages",
            summary="Say which messages the caller has seen; ids that are no messages of this chat are told",
            handler=mark_seen,
            body=SeenRequest,
            answer=SeenAnswer,
            rate="write",
        ),
        Operation(
            method="GET",
            path="/chats/{chatId}/messages/{seq}/seen",
            tag="messages",
            summary="Who but its author has seen a message",
            handler=list_seen_by,
            query=MembersQuery,
            answer=SeenByPage,
        ),
        Operation(
            method="GET",
            path="/chats/{chatId}/seen",
            tag="messages",
            summary="How far each member of a chat has read",
            handler=list_seen_markers,
            query=MembersQuery,
            answer=SeenMarkersPage,
        ),
    ]
