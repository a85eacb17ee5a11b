"""Operations that describe the API: OpenAPI, AsyncAPI and a page for people; made when they are first asked for."""

from collections.abc import Sequence
from functools import cache

import msgspec
from litestar import Response

from chatserver.http import asyncapi, docs_page, openapi
from chatserver.http.operations import Call, Nothing, Operation, Raw

_HOUR: dict[str, str] = {"Cache-Control": "public, max-age=3600"}


def operations(described: Sequence[Operation]) -> list[Operation]:
    """The documentation of these operations and of itself."""
    all_operations = list(described)

    @cache
    def openapi_json() -> bytes:
        return msgspec.json.encode(openapi.document(all_operations))

    @cache
    def asyncapi_json() -> bytes:
        return msgspec.json.encode(asyncapi.document())

    @cache
    def page() -> bytes:
        return docs_page.render(openapi.document(all_operations), asyncapi.document()).encode()

    async def get_openapi(_call: Call[Nothing, None]) -> Response[bytes]:
        return Response(openapi_json(), headers=_HOUR, media_type="application/json")

    async def get_asyncapi(_call: Call[Nothing, None]) -> Response[bytes]:
        return Response(asyncapi_json(), headers=_HOUR, media_type="application/json")

    async def get_docs(_call: Call[Nothing, None]) -> Response[bytes]:
        headers = {**_HOUR, "Content-Security-Policy": docs_page.CONTENT_SECURITY_POLICY}
        return Response(page(), headers=headers, media_type="text/html")

    own = [
        Operation(
            method="GET",
            path=path,
            tag="documentation",
            summary=summary,
            handler=handler,
            answer=Raw(media_type, summary),
            public=True,
        )
        for path, summary, handler, media_type in (
            ("/openapi.json", "The REST API as an OpenAPI 3.1 document", get_openapi, "application/json"),
            ("/asyncapi.json", "The WebSocket as an AsyncAPI 3.0 document", get_asyncapi, "application/json"),
            ("/docs", "The API as a page for people", get_docs, "text/html"),
        )
    ]
    all_operations.extend(own)
    return own
