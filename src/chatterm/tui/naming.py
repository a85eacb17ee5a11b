"""People as they are named in a command: by address or by name, with exact words about what is not clear."""

from collections.abc import Collection
from typing import Final

from chatproto.models import User
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.ports import CacheReader

_WORDS_MAX: Final = 8
"""Words that a display name may have."""


def person_named(cache: CacheReader, text: str, among: Collection[int] | None = None) -> User:
    """The one person of this address or exact name, in any case; an @ before it is left out.

    `among`: only these can be meant. Raises `ClientError` with `personUnknown` or `personAmbiguous`.
    """
    name = text.strip().removeprefix("@").strip().strip('"')
    found = _called(cache, name, among)
    if not found:
        where = "" if among is None else " in this chat"
        raise ClientError(
            "personUnknown",
            f"Nobody{where} is called {terminal_safe(name)!r}.",
            "Write the whole name or the email; Tab completes it.",
        )
    if len(found) > 1:
        emails = ", ".join(user.email for user in found[:5])
        raise ClientError("personAmbiguous", f"{len(found)} people are called {name!r}: {emails}.", "Use the email.")
    return found[0]


def people_named(cache: CacheReader, text: str, among: Collection[int] | None = None) -> list[User]:
    """Several people, separated by commas; or by blanks, if all are addresses or names of one word. Raises as above."""
    parts = [part for part in text.split(",") if part.strip()]
    words = text.split()
    if len(parts) == 1 and len(words) > 1 and not _called(cache, text.strip().removeprefix("@"), among):
        parts = words
    return list({user.id: user for user in (person_named(cache, part, among) for part in parts)}.values())


def person_first(cache: CacheReader, text: str) -> tuple[User, str]:
    """The person that a text begins with, named by address or by as many words as possible, and the rest of the text.

    Raises as `person_named`.
    """
    if text.startswith('"') and '"' in text[1:]:
        name, _, rest = text[1:].partition('"')
        return person_named(cache, name), rest.strip()
    words = text.split()
    for count in range(min(len(words), _WORDS_MAX), 1, -1):
        name = " ".join(words[:count]).removeprefix("@")
        if _called(cache, name, None):
            return person_named(cache, name), _after(text, count)
    return person_named(cache, words[0] if words else ""), _after(text, 1)


def _after(text: str, words: int) -> str:
    """What follows so many words, as it was written."""
    parts = text.split(maxsplit=words)
    return parts[words] if len(parts) > words else ""


def _called(cache: CacheReader, name: str, among: Collection[int] | None) -> list[User]:
    by_email = cache.user_by_email(name) if "@" in name else None
    found = [by_email] if by_email is not None else cache.users_by_name(name) if name else []
    return [user for user in found if not user.deleted and not user.disabled and (among is None or user.id in among)]
