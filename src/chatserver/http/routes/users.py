"""Operations on the list of users."""

from typing import Annotated

from msgspec import Meta

from chatproto import limits
from chatproto.models import Seq, User
from chatproto.rest import UsersFound, UsersPage
from chatserver.http.operations import Call, Nothing, Operation, Query
from chatserver.services.users import Users


class UsersQuery(Query, frozen=True, kw_only=True):
    """Which users."""

    since: Seq = 0
    limit: Annotated[int, Meta(ge=1, le=limits.USERS_PAGE_MAX)] = limits.USERS_PAGE_MAX


class SearchQuery(Query, frozen=True, kw_only=True):
    """Whom to find."""

    q: Annotated[str, Meta(min_length=1, max_length=256, description="Beginnings of words of the name or address.")]
    after: Annotated[str, Meta(max_length=2_048, description="`next` of the answer before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=limits.PAGE_MAX)] = limits.PAGE_DEFAULT


def operations(users: Users) -> list[Operation]:
    """Reading the list of users."""

    async def get_me(call: Call[Nothing, None]) -> User:
        return await users.get(call.user_id)

    async def list_users(call: Call[UsersQuery, None]) -> UsersPage:
        return await users.since(call.query.since, call.query.limit)

    async def search_users(call: Call[SearchQuery, None]) -> UsersFound:
        return await users.search(call.query.q, call.query.after, call.query.limit)

    async def get_user(call: Call[Nothing, None]) -> User:
        return await users.get(call.path["userId"])

    return [
        Operation(method="GET", path="/me", tag="users", summary="The caller", handler=get_me, answer=User),
        Operation(
            method="GET",
            path="/users",
            tag="users",
            summary="Users with a higher rev, ascending: all of them from 0, later only what changed",
            handler=list_users,
            query=UsersQuery,
            answer=UsersPage,
        ),
        Operation(
            method="GET",
            path="/users/search",
            tag="users",
            summary="Users of whose name or address every word of the query begins a word",
            handler=search_users,
            query=SearchQuery,
            answer=UsersFound,
            errors=("invalidFrame",),
            rate="search",
        ),
        Operation(
            method="GET",
            path="/users/{userId}",
            tag="users",
            summary="One user",
            handler=get_user,
            answer=User,
            errors=("userNotFound",),
        ),
    ]
