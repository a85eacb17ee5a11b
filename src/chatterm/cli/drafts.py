"""What `chatterm send` is about to queue: for each target the text with what it answers and whom it mentions."""

import argparse
from dataclasses import dataclass

from chatterm.cli.naming import seq_of
from chatterm.client.cache_read import CacheQueries
from chatterm.client.errors import ClientError
from chatterm.client.mentioning import is_unsure, mentioned
from chatterm.client.model import NOTHING_ENCLOSED, Enclosed, Target
from chatterm.client.targets import parse_target


@dataclass(frozen=True, slots=True)
class Draft:
    """One message to queue; without `client_id` it is given a random one."""

    target: Target
    text: str
    enclosed: Enclosed
    client_id: bytes | None
    unsure: bool = False
    """The text may mention somebody of whom only the server knows that they are in the chat."""


def find_drafts(cache: CacheQueries, arguments: argparse.Namespace, text: str) -> list[Draft]:
    """One for each target, in their order, each target once. Raises `ClientError` before anything is queued."""
    targets = dict.fromkeys(parse_target(cache, name) for name in (arguments.target, *arguments.also))
    if arguments.reply is not None and len(targets) > 1:
        raise ClientError("usage", "A message is answered in its own chat only.", "Leave out --also or --reply.")
    named = tuple(dict.fromkeys(_person(cache, name) for name in arguments.mention))
    return [_draft(cache, arguments, target, text, named) for target in targets]


def _draft(
    cache: CacheQueries, arguments: argparse.Namespace, target: Target, text: str, named: tuple[int, ...]
) -> Draft:
    reply_to = 0
    if arguments.reply is not None:
        reply_to = seq_of(arguments.reply, target.chat_id)
        if target.chat_id is None:
            raise ClientError(
                "targetUnknown",
                "There is no conversation with this person to answer in, as far as this machine knows.",
                "Look at 'chatterm chats'.",
            )
    mentions, unsure = named, False
    if "@" in text and target.chat_id is not None:
        unsure = is_unsure(cache, target.chat_id, text)
        mentions = tuple(dict.fromkeys((*named, *mentioned(cache, target.chat_id, text))))
    enclosed = Enclosed(reply_to=reply_to, mentions=mentions, mention_all=arguments.mention_all)
    client_id = None if arguments.once is None else _client_id(arguments.once, _place(cache, target))
    return Draft(target, text, NOTHING_ENCLOSED if enclosed == NOTHING_ENCLOSED else enclosed, client_id, unsure)


def _person(cache: CacheQueries, name: str) -> int:
    """The user meant by an email or by a name that only one has."""
    plain = name.removeprefix("@")
    user = cache.user_by_email(plain) if "@" in plain else None
    people = [user] if user is not None else cache.users_by_name(plain)
    if len(people) == 1:
        return people[0].id
    if not people:
        raise ClientError(
            "targetUnknown", f"Nobody is called {plain!r}, as far as this machine knows.", "Look at 'chatterm users'."
        )
    raise ClientError("targetAmbiguous", f"More than one person is called {plain!r}.", "Use the email.")


def _place(cache: CacheQueries, target: Target) -> str:
    """A target by a name that stays: a person's email, whether there is a chat with them yet or not."""
    chat = None if target.chat_id is None else cache.chat(target.chat_id)
    user_id = target.user_id if chat is None else chat.peer_id
    user = None if user_id is None else cache.user(user_id)
    return target.email or (user.email if user is not None else f"{target.chat_id or target.user_id}")


def _client_id(key: str, place: str) -> bytes:
    """The same for the same key and place; another's only by chance in 2^128."""
    import hashlib  # noqa: PLC0415 - only --once needs it

    return hashlib.sha256(f"chatterm once\0{place}\0{key}".encode()).digest()[:16]
