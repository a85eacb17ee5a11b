"""Searching messages."""

from typing import Annotated, Literal

from msgspec import Meta

from chatproto import limits
from chatproto.rest import SearchPage
from chatserver.http.operations import Call, Operation, Query
from chatserver.services.search import Search


class SearchParameters(Query, frozen=True, kw_only=True):
    """What to search for, and which page of it."""

    q: Annotated[
        str,
        Meta(
            max_length=limits.SEARCH_MAX_CHARS,
            description='Words, "exact phrases", begin*, -without, from:, in:, before:, after:, has:file, has:link.',
        ),
    ]
    sort: Literal["newest", "relevance"] = "newest"
    limit: Annotated[int, Meta(ge=1, le=limits.SEARCH_PAGE_MAX)] = limits.SEARCH_PAGE_DEFAULT
    cursor: Annotated[str, Meta(max_length=128, description="From the page before, of the same search.")] | None = None


def operations(search: Search) -> list[Operation]:
    """Full-text search."""

    async def search_messages(call: Call[SearchParameters, None]) -> SearchPage:
        query = call.query
        return await search.page(call.user_id, query.q, sort=query.sort, limit=query.limit, cursor=query.cursor)

    return [
        Operation(
            method="GET",
            path="/search",
            tag="search",
            summary="Messages of the caller's chats, the newest or the best matches first",
            handler=search_messages,
            query=SearchParameters,
            answer=SearchPage,
            errors=("searchInvalid", "searchTooBroad", "invalidFrame", "overloaded"),
            rate="search",
        )
    ]
