"""Nothing is lost, doubled or reordered while server and clients are killed."""

from pathlib import Path

import pytest

from tests.support.kill import prove

ROUNDS = 30


@pytest.mark.timeout(240)
async def test_thirty_kills_of_server_and_clients_lose_nothing(tmp_path: Path) -> None:
    """4 senders, 30 SIGKILLs of the server and 30 of a client: each reported message is stored once, in order."""
    verdict = await prove(tmp_path, rounds=ROUNDS, seed=1, say=print)
    assert verdict.stored >= verdict.reported >= ROUNDS
