"""The REST API against its own OpenAPI document: schemathesis in all its phases, on a real server."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.support.server import Person, RunningServer

ROOT = Path(__file__).parents[2]
ENDS_THE_SESSION = ("logout", "end_session")
"""Operations that would end the session of the test itself; they have tests of their own."""
EXAMPLES = 4
"""Per operation and phase; `scripts/prove api` runs many more."""


@pytest.mark.timeout(240)
async def test_no_request_makes_the_server_fail_or_break_its_schema(
    server: RunningServer, anna: Person, ben: Person
) -> None:
    """Valid, invalid and chained requests: no 5xx, no undocumented status, no answer that breaks the schema."""
    chat = await anna.group("garden", ben)
    async with anna.socket() as socket:
        await socket.say(chat, "hello")
    options = [f"--exclude-operation-id={name}" for name in ENDS_THE_SESSION]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(EXAMPLES)),
        *("--generation-deterministic", "--no-color", "--workers", "1"),
        *("-H", f"Authorization: Bearer {anna.tokens.access_token}", *options),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
