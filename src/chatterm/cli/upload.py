"""`chatterm upload`: files without a message."""

import argparse
import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from chatproto.models import FileInfo
from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.cli.progress import Progress
from chatterm.cli.records import file_record
from chatterm.cli.setup import chosen_account
from chatterm.client.asking import asking
from chatterm.client.errors import ClientError
from chatterm.client.model import Transfer, TransferState
from chatterm.client.spool import check_file
from chatterm.client.uploads import upload_path


def run(arguments: argparse.Namespace) -> int:
    """Upload one after the other; the first failure ends it."""
    paths = [Path(name) for name in arguments.paths]
    sizes = [check_file(path) for path in paths]
    return asyncio.run(_run(arguments, list(zip(paths, sizes, strict=True))))


async def _run(arguments: argparse.Namespace, files: list[tuple[Path, int]]) -> int:
    progress = Progress()
    async with asking(chosen_account(arguments)) as (api, tokens):
        for path, size in files:
            try:
                async with asyncio.timeout(arguments.timeout) as deadline:
                    moved = _moved(progress, path, size, deadline, arguments.timeout)
                    file = await upload_path(api, tokens, path, moved)
            except TimeoutError:
                raise ClientError(
                    "unreachable",
                    f"{path.name} did not get on within {arguments.timeout:g} s.",
                    "Check your network, or give it more time with --timeout.",
                    temporary=True,
                ) from None
            finally:
                progress.end()
            _print(file, arguments)
    return outcome.OK


def _moved(
    progress: Progress, path: Path, size: int, deadline: asyncio.Timeout, patience: float
) -> Callable[[int], None]:
    """What happens with each part: it is told, and the time for the next one begins."""
    begun = time.monotonic()

    def moved(done: int) -> None:
        deadline.reschedule(asyncio.get_running_loop().time() + patience)
        rate = done / max(0.1, time.monotonic() - begun)
        progress.show(Transfer("", "upload", path.name, size, done, TransferState.RUNNING, rate))

    return moved


def _print(file: FileInfo, arguments: argparse.Namespace) -> None:
    if arguments.json:
        outcome.put_json({**file_record(file), "width": file.width, "height": file.height})
    else:
        outcome.put(f"{file.id}\t{terminal_safe(file.name)}")
