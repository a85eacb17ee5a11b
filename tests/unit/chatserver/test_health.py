"""Readiness: how often is looked, what a failing check says, and that nobody waits for ever."""

import asyncio

from chatproto.errors import ChatError
from chatserver.ops.health import HealthChecks


async def test_looks_once_a_second_however_many_ask() -> None:
    """Those who ask during a look share it, also if the one who began it gives up."""
    looks, now, go = 0, 100.0, asyncio.Event()

    async def slow() -> str:
        nonlocal looks
        looks += 1
        await go.wait()
        return ""

    health = HealthChecks({"slow": slow}, clock=lambda: now)
    asking = [asyncio.create_task(health.readiness()) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    go.set()
    answers = await asyncio.gather(*asking[1:])
    assert all(answer.ready for answer in answers)
    now += 0.9
    await health.readiness()
    assert looks == 1
    now += 0.1
    await health.readiness()
    assert looks == 2


async def test_each_failure_says_what_is_wrong_and_hides_no_other() -> None:
    """Checks are independent, and one that hangs is not waited for."""

    async def fine() -> str:
        return ""

    async def full() -> str:
        return "Too little space."

    async def broken() -> str:
        raise ChatError("diskFull")

    async def refused() -> str:
        raise PermissionError

    async def hanging() -> str:
        await asyncio.Event().wait()
        return ""

    checks = {"fine": fine, "full": full, "broken": broken, "refused": refused, "hanging": hanging}
    readiness = await HealthChecks(checks, patience_s=0.01).readiness()
    assert not readiness.ready
    assert {check.name: check.detail for check in readiness.checks} == {
        "fine": "",
        "full": "Too little space.",
        "broken": "The server's disk is full.",
        "refused": "The system refuses to tell.",
        "hanging": "No answer within 0.01 seconds.",
        "running": "",
    }
    assert [check.name for check in readiness.checks if check.ok] == ["fine", "running"]


async def test_a_server_that_stops_is_not_ready() -> None:
    """Although all its checks go well."""
    health = HealthChecks({})
    assert (await health.readiness()).ready
    health.stop()
    assert not (await health.readiness()).ready
