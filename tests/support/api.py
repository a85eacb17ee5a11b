"""Property-based tests of the REST API from its own OpenAPI document: schemathesis in all its phases."""

import asyncio
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from PIL import Image

from tests.support.server import Person, RunningServer

ROOT = Path(__file__).parents[2]
_BYTES = {"Content-Type": "application/octet-stream"}
ENDS_THE_SESSION = ("logout", "end_session")
"""Operations that would end the session of the test itself; they have tests of their own."""


@dataclass(frozen=True)
class Furnished:
    """Whose requests they are, and values of path parameters for which there is something."""

    person: Person
    known: dict[str, list[int] | list[str]]


async def try_api(
    server: RunningServer, furnished: Furnished, folder: Path, *, examples: int, seed: int | None
) -> tuple[bool, str]:
    """Whether the server kept its word, and what was found; `examples` per operation and phase.

    Without a seed, every run tries the same requests. Four of five path parameters are of things that exist.
    """
    config = folder / "schemathesis.toml"
    config.write_text((ROOT / "schemathesis.toml").read_text() + tomlkit.dumps(_dictionaries(furnished.known)))
    repeat = ["--generation-deterministic"] if seed is None else ["--seed", str(seed)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{server.url}/openapi.json"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(examples)),
        *("--no-color", "--continue-on-failure", *repeat),
        *("-H", f"Authorization: Bearer {furnished.person.tokens.access_token}"),
        *(f"--exclude-operation-id={name}" for name in ENDS_THE_SESSION),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode == 0, out.decode()


def _dictionaries(known: dict[str, list[int] | list[str]]) -> dict[str, Any]:
    return {
        "dictionaries": {name: {"values": values} for name, values in known.items()},
        "parameters": {name: {"dictionary": name, "probability": 0.8} for name in known},
    }


async def furnish(server: RunningServer) -> Furnished:
    """A person with a group, a direct chat, notes, messages and files, so that requests find something."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    group = await anna.group("garden", ben)
    async with anna.socket() as socket, ben.socket() as other:
        for chat in (group, await anna.direct(ben), await anna.direct(anna)):
            for number in range(30):
                await socket.say(chat, f"hello {number}")
        await other.say(group, "hello from Ben")
    files = [
        (await anna.http.post("/files", params={"name": name}, content=content, headers=_BYTES)).json()["id"]
        for name, content in (("notes.txt", b"some text"), ("dot.png", _dot()))
    ]
    return Furnished(
        anna,
        {
            "chatId": [group.id],
            "seq": list(range(1, 32)),
            "userId": [anna.id, ben.id],
            "fileId": files,
            "emoji": ["👍", "🎉", "❤️"],
        },
    )


def _dot() -> bytes:
    """A small picture."""
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    return picture.getvalue()
