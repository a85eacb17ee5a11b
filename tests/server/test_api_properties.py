"""The REST API keeps what its OpenAPI document says, whatever is asked of it."""

from pathlib import Path

import pytest

from tests.support.api import furnish, try_api
from tests.support.server import RunningServer

EXAMPLES = 4
"""Per operation and phase; `scripts/prove api` tries many more, and others each time."""


@pytest.mark.timeout(240)
async def test_no_request_makes_the_server_fail_or_break_its_schema(server: RunningServer, tmp_path: Path) -> None:
    """Valid, invalid and chained requests: no 5xx, no undocumented status, no answer that breaks the schema."""
    kept, report = await try_api(server, await furnish(server), tmp_path, examples=EXAMPLES, seed=None)
    assert kept, report
