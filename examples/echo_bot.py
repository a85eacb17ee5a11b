"""Answers every direct message with its own words, and in groups whoever names it.

Usage: python examples/echo_bot.py URL EMAIL < password   (the password is needed the first time only)
"""

import asyncio
import sys
from contextlib import aclosing

from chatterm.client.bot import Bot, sign_in


async def main(url: str, email: str) -> None:
    """Run until SIGTERM or Ctrl+C; what came meanwhile is answered at the next start."""
    password = "" if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    account = await sign_in(url, email, password)
    async with Bot.running(account) as bot, aclosing(bot.messages()) as messages:
        print("ready", flush=True)
        async for incoming in messages:
            if incoming.is_direct or account.user_id in incoming.message.mentions:
                await bot.reply(incoming, incoming.text or "(files)", quote=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
