"""Bodies about one's own account: registering, profile, password, invitations, and its end."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from chatproto import limits
from chatproto.models import FileId, Time, Wire

Email = Annotated[str, Meta(max_length=limits.EMAIL_MAX_CHARS)]
Password = Annotated[str, Meta(max_length=limits.PASSWORD_MAX_CHARS)]
Code = Annotated[str, Meta(max_length=limits.CODE_MAX_CHARS, description="Case, blanks and hyphens do not matter.")]
InviteId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="An invitation's id.")]


class RegisterRequest(Wire, frozen=True, kw_only=True):
    """Make an account and sign in. `invite` is an invitation's code, where the server asks for one."""

    email: Email
    display_name: Annotated[str, Meta(max_length=limits.NAME_MAX_CHARS)]
    password: Password
    device: Annotated[str, Meta(max_length=limits.DEVICE_MAX_CHARS)] = ""
    invite: Code = ""


class ProfileRequest(Wire, frozen=True, kw_only=True):
    """What the caller says of themselves; what is absent stays. `avatar` is an image they uploaded, null for none."""

    display_name: Annotated[str, Meta(max_length=limits.NAME_MAX_CHARS)] | UnsetType = UNSET
    status: Annotated[str, Meta(max_length=limits.STATUS_MAX_CHARS)] | UnsetType = UNSET
    avatar: FileId | UnsetType | None = UNSET


class PasswordRequest(Wire, frozen=True, kw_only=True):
    """Replace the caller's password; every other session of theirs ends."""

    current: Password
    new: Password


class DeleteAccountRequest(Wire, frozen=True, kw_only=True):
    """Delete the caller's account for good; with `messages` also all that they wrote, a little later."""

    password: Password
    messages: bool = False


class ResetMailRequest(Wire, frozen=True, kw_only=True):
    """Have a code mailed with which the password of this address can be replaced."""

    email: Email


class ResetRequest(Wire, frozen=True, kw_only=True):
    """Replace a forgotten password with a code that was mailed, or given by the server's owner."""

    email: Email
    code: Code
    new_password: Password


class InviteRequest(Wire, frozen=True, kw_only=True):
    """Make an invitation: how many may use it, and for how many days."""

    uses: Annotated[int, Meta(ge=1, le=limits.INVITE_USES_MAX)] = 1
    days: Annotated[int, Meta(ge=1, le=limits.INVITE_DAYS_MAX)] = 7


class Invite(Wire, frozen=True, kw_only=True):
    """An invitation of the caller. `code` is given once, to its maker, when it is made."""

    id: InviteId
    created_at: Time
    expires_at: Time
    uses_left: int
    code: str = ""


class InvitesList(Wire, frozen=True, kw_only=True):
    """The caller's invitations that can still be used, newest first."""

    invites: list[Invite]
