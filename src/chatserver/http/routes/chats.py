"""Operations on chats."""

from typing import Annotated

from litestar import Response
from msgspec import Meta

from chatproto import codec, limits
from chatproto.models import Chat
from chatproto.rest import (
    AddMembersRequest,
    ChatRequest,
    ChatsPage,
    GroupChatRequest,
    GroupPatch,
    MembersAdded,
    MembersPage,
    OwnerRequest,
    SettingsPatch,
)
from chatserver.http.operations import Call, Nothing, Operation, Query
from chatserver.services.chats import Chats


class ChatsQuery(Query, frozen=True, kw_only=True):
    """Which chats."""

    after: Annotated[int, Meta(ge=0, le=limits.ID_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.CHATS_PAGE_MAX)] = limits.CHATS_PAGE_MAX


class MembersQuery(Query, frozen=True, kw_only=True):
    """Which members."""

    after: Annotated[int, Meta(ge=0, le=limits.ID_MAX)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.MEMBERS_PAGE_MAX)] = limits.MEMBERS_PAGE_MAX


def operations(chats: Chats) -> list[Operation]:
    """Finding, opening and making chats, and changing groups."""
    return [*_lists(chats), *_details(chats), *_members(chats), *_ownership(chats)]


def _lists(chats: Chats) -> list[Operation]:

    async def list_chats(call: Call[ChatsQuery, None]) -> ChatsPage:
        return await chats.page(call.user_id, call.query.after, call.query.limit)

    async def open_chat(call: Call[Nothing, ChatRequest]) -> Response[bytes]:
        chat = await chats.open(call.user_id, call.body)
        status = 201 if isinstance(call.body, GroupChatRequest) else 200
        return Response(codec.encode(chat), status_code=status, media_type="application/json")

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
    ]


def _details(chats: Chats) -> list[Operation]:
    async def get_chat(call: Call[Nothing, None]) -> Chat:
        return await chats.get(call.user_id, call.path["chatId"])

    async def describe_group(call: Call[Nothing, GroupPatch]) -> Chat:
        return await chats.describe(call.user_id, call.path["chatId"], call.body)

    async def set_chat_settings(call: Call[Nothing, SettingsPatch]) -> Chat:
        return await chats.set_own(call.user_id, call.path["chatId"], call.body)

    return [
        Operation(
            method="GET",
            path="/chats/{chatId}",
            tag="chats",
            summary="One chat",
            handler=get_chat,
            answer=Chat,
            errors=("notMember",),
        ),
        Operation(
            method="PATCH",
            path="/chats/{chatId}",
            tag="chats",
            summary="Give a group of the caller's own another title or topic; idempotent",
            handler=describe_group,
            body=GroupPatch,
            answer=Chat,
            errors=("notMember", "notGroup", "notOwner", "titleInvalid", "topicInvalid"),
            rate="write",
        ),
        Operation(
            method="PATCH",
            path="/chats/{chatId}/settings",
            tag="chats",
            summary="Pin, mute or archive a chat for the caller alone, on all devices; idempotent",
            handler=set_chat_settings,
            body=SettingsPatch,
            answer=Chat,
            errors=("notMember",),
            rate="write",
        ),
    ]


def _members(chats: Chats) -> list[Operation]:
    async def list_members(call: Call[MembersQuery, None]) -> MembersPage:
        return await chats.members(call.user_id, call.path["chatId"], call.query.after, call.query.limit)

    async def add_members(call: Call[Nothing, AddMembersRequest]) -> MembersAdded:
        return await chats.add_members(call.user_id, call.path["chatId"], call.body.member_ids)

    async def remove_member(call: Call[Nothing, None]) -> None:
        await chats.remove_member(call.user_id, call.path["chatId"], call.path["userId"])

    return [
        Operation(
            method="GET",
            path="/chats/{chatId}/members",
            tag="chats",
            summary="Members of a chat, ascending user id",
            handler=list_members,
            query=MembersQuery,
            answer=MembersPage,
            errors=("notMember",),
        ),
        Operation(
            method="POST",
            path="/chats/{chatId}/members",
            tag="chats",
            summary="Add users to a group, all or none; every member may; idempotent",
            handler=add_members,
            body=AddMembersRequest,
            answer=MembersAdded,
            errors=("notMember", "notGroup", "membersInvalid", "groupFull"),
            rate="write",
        ),
        Operation(
            method="DELETE",
            path="/chats/{chatId}/members/{userId}",
            tag="chats",
            summary="Leave a group, or remove a member as its owner",
            handler=remove_member,
            status=204,
            errors=("notMember", "userNotFound", "notGroup", "notOwner"),
            rate="write",
        ),
    ]


def _ownership(chats: Chats) -> list[Operation]:
    async def hand_over(call: Call[Nothing, OwnerRequest]) -> Chat:
        return await chats.hand_over(call.user_id, call.path["chatId"], call.body.user_id)

    return [
        Operation(
            method="POST",
            path="/chats/{chatId}/owner",
            tag="chats",
            summary="Make another member the owner of a group of the caller's own",
            handler=hand_over,
            body=OwnerRequest,
            answer=Chat,
            errors=("notMember", "notGroup", "notOwner", "memberNotFound"),
            rate="write",
        ),
    ]
