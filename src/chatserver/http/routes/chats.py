"""Operations on chats."""

from typing import Annotated

from litestar import Response
from msgspec import Meta

from chatproto import codec, limits
from chatproto.models import Chat
from chatproto.rest import ChatRequest, ChatsPage, GroupChatRequest
from chatserver.http.operations import Call, Nothing, Operation, Query
from chatserver.services.chats import Chats


class ChatsQuery(Query, frozen=True, kw_only=True):
    """Which chats."""

    after: Annotated[int, Meta(ge=0, le=limits.ID_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.CHATS_PAGE_MAX)] = limits.CHATS_PAGE_MAX


def operations(chats: Chats) -> list[Operation]:
    """Finding, opening and making chats."""

    async def list_chats(call: Call[ChatsQuery, None]) -> ChatsPage:
        return await chats.page(call.user_id, call.query.after, call.query.limit)

    async def open_chat(call: Call[Nothing, ChatRequest]) -> Response[bytes]:
        chat = await chats.open(call.user_id, call.body)
        status = 201 if isinstance(call.body, GroupChatRequest) else 200
        return Response(codec.encode(chat), status_code=status, media_type="application/json")

    async def get_chat(call: Call[Nothing, None]) -> Chat:
        return await chats.get(call.user_id, call.path["chatId"])

    return [
        Operation(
            method="GET",
            path="/chats",
            tag="chats",
            summary="The caller's chats, ascending id",
            handler=list_chats,
            query=ChatsQuery,
            answer=ChatsPage,
        ),
        Operation(
            method="POST",
            path="/chats",
            tag="chats",
            summary="Open the direct chat with a user (idempotent), or make a group",
            handler=open_chat,
            body=ChatRequest,
            answer=Chat,
            other_statuses={201: "A new group."},
            errors=("userNotFound", "titleInvalid", "membersInvalid"),
            rate="write",
        ),
        Operation(
            method="GET",
            path="/chats/{chatId}",
            tag="chats",
            summary="One chat",
            handler=get_chat,
            answer=Chat,
            errors=("notMember",),
        ),
    ]
