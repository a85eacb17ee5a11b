"""Property-based tests of the REST API from its own OpenAPI document: schemathesis in all its phases."""

import asyncio
import sys
from pathlib import Path

from tests.support.server import Person, RunningServer

ROOT = Path(__file__).parents[2]
ENDS_THE_SESSION = ("logout", "end_session")
"""Operations that would end the session of the test itself; they have tests of their own."""


async def try_api(server: RunningServer, person: Person, *, examples: int, seed: int | None) -> tuple[bool, str]:
    """Whether the server kept its word, and what was found; `examples` per operation and phase.

    Without a seed, every run tries the same requests.
    """
    repeat = ["--generation-deterministic"] if seed is None else ["--seed", str(seed)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples)),
        *("--no-color", "--workers", "2", "--continue-on-failure", *repeat),
        *("-H", f"Authorization: Bearer {person.tokens.access_token}"),
        *(f"--exclude-operation-id={name}" for name in ENDS_THE_SESSION),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode == 0, out.decode()


async def furnish(server: RunningServer) -> Person:
    """A person with a group, a direct chat, notes and some messages, so that requests find something."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    group = await anna.group("garden", ben)
    async with anna.socket() as socket, ben.socket() as other:
        for chat in (group, await anna.direct(ben), await anna.direct(anna)):
            for number in range(3):
                await socket.say(chat, f"hello {number}")
        await other.say(group, "hello from Ben")
    return anna
