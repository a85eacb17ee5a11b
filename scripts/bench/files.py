"""Benchmark of files: one large upload and its download, with the server's memory. Loopback only; stops by itself."""

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import uvloop

from chatserver.bench.servers import ServerOnCore, chat_server, pin_generator
from chatserver.bench.world import new_world
from scripts.bench.report import Report

MIB = 1_048_576
PIECE = os.urandom(MIB)


class Peak:
    """The most memory that the server took while it was watched, every 20 ms."""

    def __init__(self, server: ServerOnCore) -> None:
        self._server = server
        self.kib = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                self.kib = max(self.kib, self._server.rss_kib())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def upload(port: int, headers: dict[str, str], size: int) -> dict[str, object]:
    """Announce a file and send it in one piece; the complete upload."""
    http = HTTPConnection("127.0.0.1", port, timeout=600)
    body = json.dumps({"name": "large.bin", "size": size})
    http.request("POST", "/uploads", body, {**headers, "content-type": "application/json"})
    begun = answered(http.getresponse())
    parts = (PIECE for _ in range(size // MIB))
    piece = {"content-type": "application/offset+octet-stream", "upload-offset": "0", "content-length": str(size)}
    http.request("PATCH", f"/uploads/{begun['id']}", parts, {**headers, **piece})
    return answered(http.getresponse())


def download(port: int, headers: dict[str, str], file_id: int) -> int:
    """Read a file to its end; its size."""
    http = HTTPConnection("127.0.0.1", port, timeout=600)
    http.request("GET", f"/files/{file_id}", headers=headers)
    answer = http.getresponse()
    buffer = bytearray(MIB)
    total = 0
    while read := answer.readinto(buffer):
        total += read
    return total


def answered(response: HTTPResponse) -> dict[str, object]:
    body: dict[str, object] = json.loads(response.read())
    if response.status >= 300:
        raise RuntimeError(f"refused: {body}")
    return body


async def token(data: Path) -> str:
    """An access token of a new user, made before the server starts."""
    async with new_world(data) as world:
        await world.add_users(1)
        return world.accounts[0].token


def measured(report: Report, name: str, server: ServerOnCore, mib: int, work: Callable[[], object]) -> None:
    before, peak = server.rss_kib(), Peak(server)
    cpu, begin = server.cpu_s(), time.perf_counter()
    with peak.watched():
        work()
    wall = time.perf_counter() - begin
    report.add(f"{name}: throughput", mib / wall, "MiB/s", f"server {(server.cpu_s() - cpu) / wall:.0%} of a core")
    report.add(f"{name}: growth of memory at its peak", max(0, peak.kib - before) / 1_024, "MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=2_048, help="size of the file (2048)")
    mib = parser.parse_args().mib
    os.environ["CHATSERVER_FILE_MAX_BYTES"] = str(4_096 * MIB)
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        headers = {"authorization": f"Bearer {uvloop.run(token(data))}"}
        pin_generator()
        with chat_server(data) as server:
            upload(server.port, headers, MIB)  # what the first one loads stays loaded
            done: dict[str, object] = {}
            measured(report, "upload", server, mib, lambda: done.update(upload(server.port, headers, mib * MIB)))
            file = done["file"]
            assert isinstance(file, dict)
            assert file["size"] == mib * MIB
            measured(report, "download", server, mib, lambda: download(server.port, headers, int(file["id"])))


if __name__ == "__main__":
    main()
