"""The REST API: each handler parses, calls a service and answers with a struct."""

from importlib.metadata import version

from litestar import Litestar, Response, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from chatproto import PROTOCOL_VERSION, limits
from chatproto.errors import ChatError
from chatproto.models import Chat, User
from chatproto.rest import (
    ChatRequest,
    ChatsPage,
    GroupChatRequest,
    Health,
    LoginRequest,
    MessagesPage,
    RefreshRequest,
    Tokens,
    UsersPage,
)
from chatserver.http.errors import HEADERS, on_chat_error, on_http_exception, on_unexpected
from chatserver.http.requests import HttpRequest, bearer_token, query_int, query_time, read_body
from chatserver.services.auth import Authenticator
from chatserver.services.chats import Chats, Users
from chatserver.services.messages import Messages


def rest_application(*, auth: Authenticator, users: Users, chats: Chats, messages: Messages, epoch: str) -> Litestar:
    """The ASGI application of everything but the WebSocket."""
    return Litestar(
        route_handlers=[
            _health(epoch),
            *_auth_handlers(auth),
            *_user_handlers(auth, users),
            *_chat_handlers(auth, chats),
            _messages_handler(auth, messages),
        ],
        exception_handlers={
            ChatError: on_chat_error,
            HTTPException: on_http_exception,
            Exception: on_unexpected,
        },
        response_headers=HEADERS,
        request_max_body_size=None,  # the body reader has the cap, and refuses with the protocol's error
        openapi_config=None,
        logging_config=None,
    )


def _health(epoch: str) -> HTTPRouteHandler:
    health = Health(status="ok", version=version("chatterm"), protocol=PROTOCOL_VERSION, epoch=epoch)

    @get("/healthz")
    async def healthz() -> Health:
        return health

    return healthz


def _auth_handlers(auth: Authenticator) -> list[HTTPRouteHandler]:
    @post("/auth/login", status_code=200)
    async def login(request: HttpRequest) -> Tokens:
        body = await read_body(request, LoginRequest)
        return await auth.login(body.email, body.password, body.device)

    @post("/auth/refresh", status_code=200)
    async def refresh(request: HttpRequest) -> Tokens:
        body = await read_body(request, RefreshRequest)
        return await auth.refresh(body.refresh_token)

    @post("/auth/logout", status_code=204)
    async def logout(request: HttpRequest) -> None:
        await auth.logout(auth.verify(bearer_token(request)).session_id)

    return [login, refresh, logout]


def _user_handlers(auth: Authenticator, users: Users) -> list[HTTPRouteHandler]:
    @get("/me")
    async def me(request: HttpRequest) -> User:
        return await users.get(auth.verify(bearer_token(request)).user_id)

    @get("/users")
    async def list_users(request: HttpRequest) -> UsersPage:
        auth.verify(bearer_token(request))
        since = query_int(request, "since", low=0, high=limits.TIME_MAX)
        limit = query_int(request, "limit", low=1, high=limits.USERS_PAGE_MAX)
        return await users.since(since or 0, limit or limits.USERS_PAGE_MAX)

    @get("/users/{user_id:int}")
    async def get_user(request: HttpRequest, user_id: int) -> User:
        auth.verify(bearer_token(request))
        if not 0 < user_id <= limits.ID_MAX:
            raise ChatError("userNotFound")
        return await users.get(user_id)

    return [me, list_users, get_user]


def _chat_handlers(auth: Authenticator, chats: Chats) -> list[HTTPRouteHandler]:
    @get("/chats")
    async def list_chats(request: HttpRequest) -> ChatsPage:
        identity = auth.verify(bearer_token(request))
        after = query_int(request, "after", low=0, high=limits.ID_MAX)
        limit = query_int(request, "limit", low=1, high=limits.CHATS_PAGE_MAX)
        return await chats.page(identity.user_id, after or 0, limit or limits.CHATS_PAGE_MAX)

    @post("/chats")
    async def open_chat(request: HttpRequest) -> Response[Chat]:
        identity = auth.verify(bearer_token(request))
        body: ChatRequest = await read_body(request, ChatRequest)  # type: ignore[arg-type] # a union is no class
        chat = await chats.open(identity.user_id, body)
        return Response(chat, status_code=201 if isinstance(body, GroupChatRequest) else 200)

    @get("/chats/{chat_id:int}")
    async def get_chat(request: HttpRequest, chat_id: int) -> Chat:
        identity = auth.verify(bearer_token(request))
        return await chats.get(identity.user_id, _chat_id(chat_id))

    return [list_chats, open_chat, get_chat]


def _messages_handler(auth: Authenticator, messages: Messages) -> HTTPRouteHandler:
    @get("/chats/{chat_id:int}/messages")
    async def list_messages(request: HttpRequest, chat_id: int) -> MessagesPage:
        identity = auth.verify(bearer_token(request))
        limit = query_int(request, "limit", low=1, high=limits.PAGE_MAX)
        page, has_more = await messages.page(
            identity.user_id,
            _chat_id(chat_id),
            before_at=query_time(request, "before"),
            before_seq=query_int(request, "beforeSeq", low=0, high=limits.TIME_MAX),
            after_seq=query_int(request, "afterSeq", low=0, high=limits.TIME_MAX),
            limit=limit or limits.PAGE_DEFAULT,
        )
        return MessagesPage(messages=page, has_more=has_more)

    return list_messages


def _chat_id(value: int) -> int:
    if not 0 < value <= limits.ID_MAX:
        raise ChatError("notMember")
    return value
