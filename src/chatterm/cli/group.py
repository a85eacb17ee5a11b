"""`chatterm group`: groups, who is in them and what they are called; each step is whole or not done."""

import argparse
import asyncio

from chatproto.errors import ChatError
from chatproto.text import normalize_title, normalize_topic
from chatterm.cli import outcome
from chatterm.cli.asking import Asked, asking_server, chat_of, person_of
from chatterm.client.errors import ClientError


def run(arguments: argparse.Namespace) -> int:
    """Do one action; what it did is said on standard error, and the id of a new group on standard output."""
    if arguments.action == "new":
        arguments.title = normalize_title(arguments.title.removeprefix("#"))
    elif arguments.action == "title":
        arguments.text = normalize_title(arguments.text.removeprefix("#"))
    elif arguments.action == "topic":
        arguments.text = normalize_topic(arguments.text)
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with asking_server(arguments) as asked:
        if arguments.action == "new":
            await _new(asked, arguments)
            return outcome.OK
        chat_id = await chat_of(asked, arguments.target)
        chat = asked.cache.chat(chat_id)
        if chat is not None and chat.kind != "group":
            raise ClientError("usage", f"{arguments.target!r} is a person, not a group.", "Name a group.")
        await _ACTIONS[arguments.action](asked, chat_id, arguments)
    return outcome.OK


async def _new(asked: Asked, arguments: argparse.Namespace) -> None:
    members = await _people(asked, arguments)
    chat = await asked.server.open_group(arguments.title, members)
    asked.keep(chat)
    outcome.put(str(chat.id))
    outcome.say(
        f"The group {chat.title} has {chat.member_count} members. Write to it with: chatterm send '#{chat.title}' TEXT"
    )


async def _people(asked: Asked, arguments: argparse.Namespace) -> list[int]:
    """The ids of everybody named; who does not exist is named in the error."""
    found: list[int] = []
    missing = []
    for name in dict.fromkeys(arguments.people):
        person = await person_of(asked, name)
        if person is None:
            missing.append(name)
        else:
            found.append(person)
    if missing:
        raise ChatError("userNotFound", f"Unknown: {', '.join(sorted(missing))}.")
    return list(dict.fromkeys(found))


async def _invite(asked: Asked, chat_id: int, arguments: argparse.Namespace) -> None:
    added = await asked.server.add_members(chat_id, await _people(asked, arguments))
    outcome.say(f"Added: {len(added.added)}. The group has {added.member_count} members.")


async def _kick(asked: Asked, chat_id: int, arguments: argparse.Namespace) -> None:
    (user_id,) = await _people(asked, arguments)
    await asked.server.remove_member(chat_id, user_id)
    outcome.say("Removed.")


async def _leave(asked: Asked, chat_id: int, _: argparse.Namespace) -> None:
    await asked.server.remove_member(chat_id, asked.account.user_id)
    outcome.say("You left the group. What is cached of it stays readable.")


async def _title(asked: Asked, chat_id: int, arguments: argparse.Namespace) -> None:
    chat = await asked.server.describe_group(chat_id, title=arguments.text)
    asked.keep(chat)
    outcome.say(f"The group is called {chat.title} now.")


async def _topic(asked: Asked, chat_id: int, arguments: argparse.Namespace) -> None:
    chat = await asked.server.describe_group(chat_id, topic=arguments.text)
    asked.keep(chat)
    outcome.say(f"The topic is: {chat.topic}" if chat.topic else "The group has no topic now.")


async def _owner(asked: Asked, chat_id: int, arguments: argparse.Namespace) -> None:
    (user_id,) = await _people(asked, arguments)
    asked.keep(await asked.server.hand_over(chat_id, user_id))
    outcome.say("The group has another owner now.")


_ACTIONS = {
    "invite": _invite,
    "kick": _kick,
    "leave": _leave,
    "title": _title,
    "topic": _topic,
    "owner": _owner,
}
