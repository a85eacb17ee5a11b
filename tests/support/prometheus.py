"""A real Prometheus with the configuration that is shipped, for tests: it scrapes twice a second on a free port."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

ROOT: Final = Path(__file__).parents[2]
SHIPPED: Final = ROOT / "deploy" / "prometheus"
_WAIT_S: Final = 20.0
_LOOK_S: Final = 0.05
"""Prometheus tells nobody when it has scraped, so it is asked this often."""


def needs_prometheus() -> pytest.MarkDecorator:
    """Without Prometheus these tests are left out, but never in continuous integration, which installs it."""
    missing = shutil.which("prometheus") is None and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason="prometheus is not installed")


class Prometheus:
    """Answers queries as Grafana asks them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        answer = await self._http.get(f"/api/v1/{path}", params=query)
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]

    async def values(self, query: str) -> list[float]:
        """What a query gives now."""
        return [float(sample["value"][1]) for sample in (await self.get("query", query=query))["result"]]

    async def scraped(self, more: int) -> None:
        """Wait until it has scraped the server so many times from now on."""
        count = 'count_over_time(up{job="chatserver"}[10m])'
        begin = sum(await self.values(count))
        async with asyncio.timeout(_WAIT_S):
            while sum(await self.values(count)) < begin + more:
                await asyncio.sleep(_LOOK_S)


@contextlib.asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[Prometheus]:
    """One that watches the server whose metrics are at the address `target`, within the block."""
    config = folder / "prometheus"
    await asyncio.to_thread(shutil.copytree, SHIPPED, config)
    _replace(config / "prometheus.yml", r"\b15s\b", "500ms")
    _replace(config / "targets" / "own-address.yml", r"127\.0\.0\.1:9465(?=\])", target)
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = f"127.0.0.1:{free.getsockname()[1]}"
    process = await asyncio.create_subprocess_exec(
        *("prometheus", f"--config.file={config / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"),
        *(f"--web.listen-address={own}", "--log.level=error"),
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{own}", timeout=_WAIT_S) as http:
            await _ready(http)
            yield Prometheus(http)
    finally:
        process.terminate()
        await process.wait()


async def _ready(http: httpx.AsyncClient) -> None:
    async with asyncio.timeout(_WAIT_S):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await http.get("/-/ready")).status_code == 200:
                    return
            await asyncio.sleep(_LOOK_S)


def _replace(path: Path, pattern: str, text: str) -> None:
    before = path.read_text()
    after = re.sub(pattern, text, before)
    assert after != before, (path, pattern)
    path.write_text(after)
