"""The REST half of the server as typed calls; every failure becomes one ClientError."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import certifi
import httpx
import msgspec

from chatproto import codec, limits
from chatproto.models import Chat, User
from chatproto.rest import (
    ChatsPage,
    ErrorBody,
    GroupChatRequest,
    Health,
    LoginRequest,
    MessagesPage,
    RefreshRequest,
    Tokens,
    UsersPage,
)
from chatterm.client import failures
from chatterm.client.addresses import is_loopback
from chatterm.client.errors import ClientError

T = TypeVar("T")

CONNECT_TIMEOUT_S = 10.0
REQUEST_TIMEOUT_S = 20.0
_GATEWAY_STATUSES = frozenset({502, 503, 504})


def tls_context() -> ssl.SSLContext:
    """Trust the system's authorities and certifi's; some systems bring none that OpenSSL finds. Takes ~20 ms."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Api:
    """One server's REST API. Calls are bounded in time and size and never follow a redirect with credentials.

    Every method raises `ClientError`: what the server refused, or why it could not be asked.
    """

    def __init__(
        self, origin: str, *, tls: ssl.SSLContext | None = None, request_timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        """`tls` is needed for https origins only."""
        self._origin = origin
        self._request_timeout_s = request_timeout_s
        try:
            self._client = httpx.AsyncClient(
                base_url=origin,
                # A context is built at a cost even where plain HTTP never uses it; without one, none is loaded.
                verify=tls if tls is not None else not origin.startswith("http:"),
                timeout=httpx.Timeout(request_timeout_s, connect=min(CONNECT_TIMEOUT_S, request_timeout_s)),
                follow_redirects=False,
                limits=httpx.Limits(max_connections=4, max_keepalive_connections=2),
                trust_env=not is_loopback(urlsplit(origin).hostname or ""),
            )
        except (ImportError, ValueError) as error:  # how httpx says that it cannot use the proxy of the environment
            raise failures.proxy_failed(str(error)) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    async def health(self) -> Health:
        """What the server is; needs no token. Any other answer means that it is no chat server."""
        try:
            return await self.call("GET", "/healthz", Health)
        except ClientError as error:
            if error.code != "answerUnreadable":
                raise
            raise failures.not_a_chat_server(self._origin, "it answers with something else") from None

    async def login(self, email: str, password: str, device: str) -> Tokens:
        """Begin a session on this device. Raises `credentialsWrong`, `overloaded`, `rateLimited`."""
        body = LoginRequest(email=email, password=password, device=device)
        return await self.call("POST", "/auth/login", Tokens, body=body)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Replace a session's tokens; repeated within 60 s, it returns the same ones again."""
        return await self.call("POST", "/auth/refresh", Tokens, body=RefreshRequest(refresh_token=refresh_token))

    async def logout(self, access_token: str) -> None:
        """End the session of this token."""
        await self.request("POST", "/auth/logout", token=access_token)

    async def me(self, access_token: str) -> User:
        return await self.call("GET", "/me", User, token=access_token)

    async def users(self, access_token: str, since: int, limit: int = limits.USERS_PAGE_MAX) -> UsersPage:
        """Users with a rev above `since`, ascending by rev."""
        return await self.call("GET", "/users", UsersPage, token=access_token, query={"since": since, "limit": limit})

    async def chats(self, access_token: str, after: int, limit: int = limits.CHATS_PAGE_MAX) -> ChatsPage:
        """The user's chats with an id above `after`, ascending by id."""
        return await self.call("GET", "/chats", ChatsPage, token=access_token, query={"after": after, "limit": limit})

    async def chat(self, access_token: str, chat_id: int) -> Chat:
        """One chat. Raises `notMember`."""
        return await self.call("GET", f"/chats/{chat_id}", Chat, token=access_token)

    async def open_group(self, access_token: str, title: str, member_ids: list[int]) -> Chat:
        """Make a group of the caller and these users. Raises `titleInvalid`, `membersInvalid`. Not idempotent."""
        body = GroupChatRequest(title=title, member_ids=member_ids)
        return await self.call("POST", "/chats", Chat, token=access_token, body=body)

    async def messages(
        self, access_token: str, chat_id: int, *, before: int | None = None, limit: int = limits.PAGE_DEFAULT
    ) -> MessagesPage:
        """Messages of a chat older than `before` (microseconds since 1970 UTC), or the newest."""
        query = {"limit": limit} if before is None else {"limit": limit, "before": before}
        return await self.call("GET", f"/chats/{chat_id}/messages", MessagesPage, token=access_token, query=query)

    async def call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        token: str = "",
        query: Mapping[str, int | str] | None = None,
        body: msgspec.Struct | None = None,
    ) -> T:
        """One request whose answer is read as `kind`; `path` begins with a slash and is escaped already."""
        data = await self.request(method, path, token=token, query=query, body=body)
        try:
            return codec.decode_body(data, kind, max_bytes=limits.SERVER_FRAME_MAX_BYTES)
        except codec.ProtocolError as error:
            if error.code == "invalidJson":
                raise failures.not_a_chat_server(self._origin, "it does not answer with JSON") from None
            raise failures.answer_unreadable(self._origin, error.message.rstrip(".")) from None

    async def request(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        query: Mapping[str, int | str] | None = None,
        body: msgspec.Struct | None = None,
    ) -> bytes:
        """One request; its answer as it came."""
        headers = {} if body is None else {"content-type": "application/json"}
        content = codec.encode(body) if body is not None else None
        try:
            async with (
                asyncio.timeout(self._request_timeout_s),
                self.stream(method, path, token=token, query=query, headers=headers, content=content) as response,
            ):
                return await self._read(response)
        except TimeoutError:
            raise failures.timed_out(self._origin) from None

    @contextlib.asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        query: Mapping[str, int | str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """One request whose body or answer may be long: bounded in the time without progress only.

        A refusal is raised; the answer is open while inside.
        """
        given = {**(headers or {}), **({"authorization": f"Bearer {token}"} if token else {})}
        try:
            request = self._client.build_request(method, path, params=query, headers=given, content=content)
            response = await self._client.send(request, stream=True)
            try:
                if not response.is_success:
                    raise self._refusal(response, await self._read(response))
                yield response
            finally:
                await response.aclose()
        except httpx.TimeoutException:
            raise failures.timed_out(self._origin) from None
        except httpx.ProxyError as error:
            raise failures.proxy_failed(str(error)) from None
        except httpx.RemoteProtocolError as error:
            raise _broken_answer(self._origin, error) from None
        except httpx.DecodingError:
            raise failures.not_a_chat_server(self._origin, "its answer cannot be unpacked") from None
        except (httpx.TransportError, OSError) as error:
            raise failures.unreachable(self._origin, error) from None

    async def _read(self, response: httpx.Response) -> bytes:
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > limits.SERVER_FRAME_MAX_BYTES:
                raise failures.not_a_chat_server(self._origin, "its answer does not end")
        return bytes(data)

    def _refusal(self, response: httpx.Response, data: bytes) -> ClientError:
        try:
            return ClientError.of(codec.decode_body(data, ErrorBody, max_bytes=limits.SERVER_FRAME_MAX_BYTES).error)
        except codec.ProtocolError:
            pass  # not in this protocol's form: whoever answered was not the chat server
        if response.is_redirect:
            target = response.headers.get("location", "elsewhere")
            return failures.not_a_chat_server(self._origin, f"it redirects to {target}; use that if you trust it")
        if response.status_code in _GATEWAY_STATUSES:
            return failures.server_down(self._origin, response.status_code)
        return failures.not_a_chat_server(self._origin, f"it answers HTTP {response.status_code}")


def _broken_answer(origin: str, error: httpx.RemoteProtocolError) -> ClientError:
    if "disconnected" in str(error) or "closed" in str(error):
        return failures.closed_early(origin)
    return failures.not_a_chat_server(origin, "it does not speak HTTP")
