"""Runs one fixed program for whoever is allowed to ask, and answers with what it prints.

Usage: python examples/command_bot.py ALLOWED_EMAIL PROGRAM [WORD...]   as the default account of this machine
       then write to it: !run, !help
"""

import asyncio
import sys

from chatterm.client.bot import Bot, Call

LINES_MAX = 40
TIMEOUT_S = 60.0


async def output_of(words: list[str]) -> str:
    """What a program prints, the last lines of it. No word comes from a message: nobody can run anything else."""
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"It did not end within {TIMEOUT_S:g} s."
    lines = out.decode(errors="replace").splitlines()[-LINES_MAX:]
    text = "\n".join("".join(character if character.isprintable() else "?" for character in line) for line in lines)
    return f"exit {process.returncode}\n```\n{text[-8_000:]}\n```"


async def main(allowed: str, *words: str) -> None:
    """Run until SIGTERM or Ctrl+C."""
    async with Bot.running() as bot:

        @bot.command("run", f"runs {words[0]}")
        async def run(call: Call) -> str:
            sender = call.incoming.sender
            if sender is None or sender.email != allowed:
                return "You may not."
            with bot.typing(call.incoming.chat_id):
                return await output_of(list(words))

        print("ready", flush=True)
        await bot.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
