"""Where a message goes: from what the cache knows of people and groups to the target that names the chat."""

from chatproto.errors import ChatError
from chatproto.text import normalize_email
from chatterm.client.cache_read import CacheQueries
from chatterm.client.errors import ClientError
from chatterm.client.model import Target


def best_known(cache: CacheQueries, target: Target) -> Target:
    """The same place, named by its chat if the cache knows one, else by its user: so all rows of a chat agree."""
    user_id = target.user_id
    if target.email is not None:
        user = cache.user_by_email(target.email)
        user_id = user.id if user is not None else None
    if user_id is None:
        return target
    chat_id = cache.direct_chat(user_id)
    return Target(chat_id=chat_id) if chat_id is not None else Target(user_id=user_id)


def parse_target(cache: CacheQueries, text: str) -> Target:
    """Read an email, the exact title of a group (a leading # is optional), or a display name that only one has.

    Needs no network: an email that the cache does not know goes to the server as it is. Raises `ClientError`
    with `targetUnknown` or `targetAmbiguous`.
    """
    text = text.strip()
    email = _email(text)
    if email is not None:
        return best_known(cache, Target(email=email))
    groups = cache.group_by_title(text.removeprefix("#").strip())
    people = [] if text.startswith("#") else cache.users_by_name(text)
    if len(groups) + len(people) > 1:
        raise _ambiguous(text, len(groups), [person.email for person in people])
    if groups:
        return Target(chat_id=groups[0])
    if people:
        return best_known(cache, Target(user_id=people[0].id))
    raise ClientError(
        "targetUnknown",
        f"Nobody and no group is called {text!r}, as far as this machine knows.",
        "Use the email, or look at 'chatterm users' and 'chatterm chats'.",
    )


def _email(text: str) -> str | None:
    if "@" not in text:
        return None
    try:
        return normalize_email(text)
    except ChatError:
        return None


def _ambiguous(text: str, groups: int, emails: list[str]) -> ClientError:
    found = emails + ([f"{groups} group{'s' if groups > 1 else ''}"] if groups else [])
    hint = "Use the email." if emails else "Rename one of the groups."
    return ClientError("targetAmbiguous", f"{text!r} may mean {', '.join(found)}.", hint)
