"""A program that answers: every message once, also those that came while it was away."""

import asyncio
from contextlib import aclosing

from chatterm.client.bot import Bot
from tests.client.conftest import Connect
from tests.support.client import Client
from tests.support.server import WAIT_S, Person


async def answer(client: Client, count: int) -> list[str]:
    """Answer `count` messages, then stop; what was answered."""
    bot = Bot(client.session)
    answered = []
    async with asyncio.timeout(WAIT_S), aclosing(bot.messages()) as messages:
        async for incoming in messages:
            assert incoming.sender is not None
            await bot.reply(incoming, f"{incoming.sender.display_name} said {incoming.message.text}")
            answered.append(incoming.message.text)
            if len(answered) == count:
                break
    return answered


async def test_a_bot_answers_what_is_unread_and_what_comes_in_order(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """The seen marker is its memory; its own messages are none of its business."""
    chat = await anna.direct(ben)
    a = await (await connect(anna)).synced()
    for n in range(3):
        await a.say(chat, f"{n}")
    await a.outbox_empty()
    bot = await (await connect(ben)).synced()
    answering = asyncio.create_task(answer(bot, 5))
    await a.until(lambda: "Anna said 2" in a.texts(chat.id))
    for n in range(3, 5):
        await a.say(chat, f"{n}")
    assert await answering == ["0", "1", "2", "3", "4"]
    await a.until(lambda: "Anna said 4" in a.texts(chat.id))
    assert sorted(a.texts(chat.id)) == sorted([*"01234", *(f"Anna said {n}" for n in range(5))])


async def test_a_bot_that_was_away_goes_on_behind_what_it_has_seen(anna: Person, ben: Person, connect: Connect) -> None:
    """Only the one it was interrupted at comes again: it was answered, but not marked as seen."""
    chat = await anna.direct(ben)
    a = await (await connect(anna)).synced()
    for n in range(4):
        await a.say(chat, f"{n}")
    bot = await (await connect(ben)).synced()
    await bot.until(lambda: len(bot.texts(chat.id)) == 4)
    assert await answer(bot, 2) == ["0", "1"]
    assert await answer(bot, 3) == ["1", "2", "3"]
