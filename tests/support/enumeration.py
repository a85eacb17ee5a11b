"""How long answers take for addresses with and without an account: the medians should not tell them apart."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles

import httpx

from chatserver.services.accounts import Accounts
from chatserver.services.passwords import PasswordPool
from chatserver.services.recovery import Recovery
from tests.support.server import PASSWORD, RunningServer, running_server

KNOWN, WITH_CODE, UNKNOWN = "known@example.org", "code@example.org", "unknown@example.org"


async def compare(folder: Path, rounds: int, say: Callable[[str], None]) -> None:
    """Ask in random order, and say the median and the middle half of each, in milliseconds."""
    async with running_server(folder, limits_enabled=False) as server:
        await _add_accounts(server)
        post = server.http.post

        async def login(email: str) -> httpx.Response:
            return await post("/auth/login", json={"email": email, "password": "a wrong guess"})

        async def reset(email: str) -> httpx.Response:
            return await post("/auth/reset", json={"email": email, "code": "a wrong guess", "newPassword": PASSWORD})

        for name, ask in (("login", login), ("reset", reset)):
            times = await _times(ask, rounds)
            for email, taken in times.items():
                low, _, high = quantiles(taken, n=4)
                kind = email.partition("@")[0]
                say(f"{name:6} {kind:8} median {median(taken):6.2f} ms, middle half {low:6.2f} to {high:6.2f} ms")


async def _add_accounts(server: RunningServer) -> None:
    pool = PasswordPool()
    try:
        accounts, store = Accounts(server.application.store, pool), server.application.store
        await accounts.create(KNOWN, "Known", PASSWORD)
        user = await accounts.create(WITH_CODE, "Code", PASSWORD)
        await Recovery(store, pool, code_ttl_s=3_600).issue(user.id)
    finally:
        pool.close()


async def _times(ask: Callable[[str], Awaitable[httpx.Response]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {KNOWN: [], WITH_CODE: [], UNKNOWN: []}
    for _ in range(rounds):
        for email in random.sample(list(times), len(times)):
            began = time.perf_counter()
            answer = await ask(email)
            times[email].append((time.perf_counter() - began) * 1_000)
            assert answer.status_code in {401, 403}, answer.text
            await asyncio.sleep(0)
    return times
