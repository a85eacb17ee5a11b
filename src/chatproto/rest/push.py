"""Bodies about Web Push."""

from typing import Annotated, Literal

from msgspec import Meta, field

from chatproto import limits
from chatproto.models import PushId, Time, Wire

ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Like 22:30.")]


class PushKeys(Wire, frozen=True, kw_only=True):
    """A receiver's keys as a browser gives them (RFC 8291), in Base64url: a point of P-256, and 16 secret bytes."""

    p256dh: Annotated[str, Meta(max_length=128)]
    auth: Annotated[str, Meta(max_length=64)]


class PushRequest(Wire, frozen=True, kw_only=True):
    """Register an endpoint; the same endpoint again replaces its keys and name."""

    endpoint: Annotated[str, Meta(min_length=1, max_length=limits.PUSH_ENDPOINT_MAX_CHARS)]
    keys: PushKeys
    name: Annotated[str, Meta(max_length=limits.DEVICE_MAX_CHARS)] = ""


class PushSubscription(Wire, frozen=True, kw_only=True):
    """A registered endpoint. `failing_since` is 0 unless deliveries have failed since then."""

    id: PushId
    endpoint: str
    name: str
    created_at: Time
    failing_since: Time = 0


class PushSubscriptions(Wire, frozen=True, kw_only=True):
    """The caller's endpoints, oldest first."""

    subscriptions: list[PushSubscription] = field(default_factory=list)


class PushKey(Wire, frozen=True, kw_only=True):
    """The server's public key (RFC 8292), in Base64url: a browser wants it as `applicationServerKey`."""

    application_server_key: str


class QuietHours(Wire, frozen=True, kw_only=True):
    """A part of every day; it may lie across midnight. `time_zone` is a name like Europe/Budapest."""

    start: ClockTime
    end: ClockTime
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)]


class PushRules(Wire, frozen=True, kw_only=True):
    """What a user wants to be told of while none of their devices is in use.

    Direct messages always count; of groups all messages, those that mention the user, or none. Nothing is
    told before `do_not_disturb_until` and in `quiet_hours`; of a muted chat only what mentions the user by name.
    """

    groups: Literal["all", "mentions", "none"] = "mentions"
    do_not_disturb_until: Time = 0
    quiet_hours: QuietHours | None = None


class PushMessage(Wire, frozen=True, kw_only=True):
    """What a receiver finds after decrypting: the newest message of a chat, and how many are unread.

    `text` is its beginning, and empty if the server's owner keeps texts out of pushes. With `kind` test all
    other fields are empty.
    """

    kind: Literal["message", "test"] = "message"
    chat_id: int = 0
    seq: int = 0
    title: str = ""
    sender: str = ""
    text: str = ""
    unread: int = 0
    mentioned: bool = False
