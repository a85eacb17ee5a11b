"""Bodies about users."""

from chatproto.models import User, Wire


class UsersPage(Wire, frozen=True, kw_only=True):
    """Users in ascending `rev`; pass the last one's `rev` as `since` for the next page."""

    users: list[User]
    has_more: bool


class UsersFound(Wire, frozen=True, kw_only=True):
    """Users who match, in the order of the word that matched; pass `next` as `after` for more, "" means no more."""

    users: list[User]
    next: str = ""
