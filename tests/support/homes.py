"""Signed-in people for tests of whole processes: each has a home of their own, logged in by the real command."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.support.forking import forker

PASSWORD = "a password for tests"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person with an account on the server and a client home that is signed in to it."""

    email: str
    home: Path

    def environment(self) -> dict[str, str]:
        """The environment in which `chatterm` acts as this person."""
        return {**os.environ, "CHATTERM_HOME": str(self.home)}


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


async def run_command(program: str, *args: str, home: Path | None = None, stdin: str = "") -> Done:
    """Run `chatterm` or `chatserver`, acting in `home`."""
    environment = os.environ if home is None else {**os.environ, "CHATTERM_HOME": str(home)}
    code, out, err = await asyncio.to_thread(forker().run, program, args, environment, stdin.encode(), 50)
    return Done(code, out.decode(), err.decode())


async def command(*args: str, home: Path | None = None, stdin: str = "") -> str:
    """Run a command that must succeed; returns its standard output."""
    done = await run_command(*args, home=home, stdin=stdin)
    assert done.code == 0, f"{args}: exit {done.code}\n{done.out}\n{done.err}"
    return done.out


async def sign_in(url: str, data: Path, home: Path, email: str, name: str) -> SignedIn:
    """Add a user to the server's data folder and log a fresh client home in."""
    await command(
        "chatserver", "user", "add", email, "--name", name, "--password-stdin", "--data", str(data), stdin=PASSWORD
    )
    await command("chatterm", "login", url, "--email", email, "--password-stdin", home=home, stdin=PASSWORD)
    return SignedIn(email, home)
