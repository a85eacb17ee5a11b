"""Keys that run out."""

import asyncio

from chatserver.realtime.expiry import Expiring


async def test_keys_end_in_the_order_in_which_they_were_held_last() -> None:
    """A key held again ends later; a dropped one never ends; one timer is enough for all."""
    ended: list[int] = []
    done = asyncio.Event()

    def on_end(key: int) -> None:
        ended.append(key)
        if key == 1:
            done.set()

    expiring = Expiring(0.02, on_end)
    for key in (1, 2, 3, 4):
        expiring.hold(key)
    expiring.drop(3)
    expiring.hold(1)
    assert (1 in expiring, 3 in expiring, len(expiring)) == (True, False, 3)
    async with asyncio.timeout(5):
        await done.wait()
    assert ended == [2, 4, 1]
    assert len(expiring) == 0


async def test_a_key_may_be_held_again_when_it_ends() -> None:
    """Its time then begins anew."""
    ended: list[str] = []
    done = asyncio.Event()

    def on_end(key: str) -> None:
        ended.append(key)
        if len(ended) < 3:
            expiring.hold(key)
        else:
            done.set()

    expiring = Expiring(0.001, on_end)
    expiring.hold("again")
    async with asyncio.timeout(5):
        await done.wait()
    assert ended == ["again"] * 3


async def test_nothing_ends_after_the_close() -> None:
    """The keys are forgotten with their timer."""
    ended: list[int] = []
    expiring, witness = Expiring(0.001, ended.append), asyncio.Event()
    expiring.hold(1)
    expiring.close()
    later: Expiring[int] = Expiring(0.001, lambda _key: witness.set())
    later.hold(1)
    async with asyncio.timeout(5):
        await witness.wait()
    assert ended == []
