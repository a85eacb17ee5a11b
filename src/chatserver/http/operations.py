"""One operation of the REST API as data: from it come its route, its checks, its measures and its documentation."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from chatproto import limits
from chatproto.errors import ChatError
from chatserver.http.requests import HttpRequest
from chatserver.services.tokens import Identity

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Rate = Literal["read", "write", "sign-in", "search", "upload", "none"]
"""Which rate limit an operation counts against."""


class Query(msgspec.Struct, rename="camel", frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what may stand in a query string. A name that is not known is refused: it would be a silent mistake."""


class Nothing(Query, frozen=True, kw_only=True):
    """No query values are taken."""


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A number in a path, or text of at most `max_chars`, and the refusal for one that cannot exist."""

    code: str
    description: str
    high: int = limits.ID_MAX
    max_chars: int = 0

    @property
    def schema(self) -> Mapping[str, Any]:
        """Its JSON Schema."""
        if self.max_chars:
            return {"type": "string", "minLength": 1, "maxLength": self.max_chars}
        return {"type": "integer", "minimum": 1, "maximum": self.high}


PATH_PARAMETERS: Final = {
    "userId": PathParameter("userNotFound", "A user's id."),
    "chatId": PathParameter("notMember", "A chat's id."),
    "subscriptionId": PathParameter("pushNotFound", "The id of a push subscription."),
    "sessionId": PathParameter("sessionNotFound", "A session's id."),
    "inviteId": PathParameter("inviteNotFound", "An invitation's id."),
    "seq": PathParameter("messageNotFound", "A message's place in its chat.", limits.TIME_MAX),
    "emoji": PathParameter("reactionInvalid", "One emoji.", max_chars=limits.REACTION_MAX_CHARS),
    "fileId": PathParameter("fileNotFound", "A file's id."),
    "uploadId": PathParameter("uploadNotFound", "An upload's id."),
}
"""Every name in braces that a path may have."""

Q = TypeVar("Q", bound=Query)
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One request to an operation, checked: what the handler works with."""

    request: HttpRequest
    path: Mapping[str, int]
    query: Q
    body: B
    signed_in: Identity | None
    text: Mapping[str, str] = field(default_factory=dict)
    """The parameters of the path that are text; `path` holds the numbers."""

    @property
    def identity(self) -> Identity:
        """Who asks."""
        if self.signed_in is None:
            raise ChatError("tokenMissing")
        return self.signed_in

    @property
    def user_id(self) -> int:
        """The id of the user who asks."""
        return self.identity.user_id


@dataclass(frozen=True, slots=True)
class Raw:
    """A body or an answer that is not JSON: streamed as bytes of a media type."""

    media_type: str
    description: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header of the request that the handler reads itself; `schema` is its JSON Schema."""

    description: str
    schema: Mapping[str, Any]
    required: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """What a client may ask for.

    `body` and `answer` are a struct, a union of structs, `Raw`, or None. `errors` are the codes that the
    operation itself refuses with, besides those that any operation may (`common_errors`). The handler returns
    the answer's struct, or a Litestar response of its own.
    """

    method: Method
    path: str
    tag: str
    summary: str
    handler: Callable[[Call[Any, Any]], Awaitable[Any]]
    query: type[Query] = Nothing
    body: Any = None
    answer: Any = None
    status: int = 200
    other_statuses: Mapping[int, str] = field(default_factory=dict)
    """Statuses of other good answers, and what they mean."""
    errors: tuple[str, ...] = ()
    headers: Mapping[str, Header] = field(default_factory=dict)
    public: bool = False
    rate: Rate = "read"
    account: Callable[[Any], str] | None = None
    """The email in the body whose password or code is tried: such tries are limited for each account too."""
    body_max_bytes: int = limits.BODY_MAX_BYTES

    @property
    def name(self) -> str:
        """A name for logs, metrics and the documentation: the handler's own."""
        return self.handler.__name__

    @property
    def path_parameters(self) -> list[str]:
        """The names in braces, in order."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
