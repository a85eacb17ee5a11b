"""`chatserver bench`, once its arguments are known: scenarios several times, medians with their spread."""

import asyncio
import contextlib
import fcntl
import gc
import os
import resource
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from chatserver.backends import open_store
from chatserver.bench.load import BrokenPromiseError, open_all
from chatserver.bench.record import record, table
from chatserver.bench.scenarios import SCENARIOS, STRETCHES, Scene, Sizes, build
from chatserver.bench.servers import RunningServer, Target, chat_server, pin_generator
from chatserver.bench.wire import RefusedError
from chatserver.bench.world import World, new_world, remove_all
from chatserver.cli.exits import Exit, fail, say
from chatserver.settings import Settings
from chatserver.top.source import SourceError

_FILES: Final = 16_384
_PREFIX: Final = "chatserver-bench-"
_FILLED_PER_S: Final = 10_000
"""Messages of the history that are stored and indexed a second, on a slow machine."""
_OPENED_PER_S: Final = 200
_TOLD_MAX_S: Final = 60.0
_PATIENCE: Final = 10
"""So many times longer than it should a benchmark may take."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be measured."""

    names: Sequence[str]
    runs: int
    seconds: float
    sizes: Sizes

    @property
    def expected_s(self) -> float:
        """About how long it takes."""
        filled = self.sizes.messages / _FILLED_PER_S if {"history", "search"} & set(self.names) else 0
        opened = 2 * self.sizes.connections / _OPENED_PER_S if "connections" in self.names else 0
        stretches = sum(STRETCHES[name] * self.seconds + 2.5 for name in self.names)
        return filled + self.sizes.members / 100 + self.runs * (stretches + opened)


Values = dict[str, dict[tuple[str, str], list[float]]]


def run(plan: Plan, *, running: Settings | None, as_json: bool) -> Exit:
    """Measure a server of its own in a scratch folder, or the `running` one of these settings.

    What it made is removed at the end, also after a failure and Ctrl-C; what a SIGKILL left is removed by the next run.
    """
    _prepare_process()
    say(f"This takes about {max(1, round(plan.expected_s)):,} seconds.")
    try:
        values = asyncio.run(_bounded(plan, running))
    except BrokenPromiseError as error:
        return fail(Exit.PROMISE_BROKEN, f"The promise is broken: {error}.")
    except RefusedError as error:
        return fail(Exit.REFUSED, _refusal(str(error)))
    except TimeoutError:
        return fail(Exit.REFUSED, f"The benchmark took {_PATIENCE} times longer than it should, and was stopped.")
    except (OSError, RuntimeError, SourceError) as error:
        return fail(Exit.REFUSED, f"The benchmark could not go on: {error}")
    measured = record(
        values,
        version=version("chatterm"),
        running=running is not None,
        runs=plan.runs,
        seconds=plan.seconds,
        sizes=plan.sizes,
    )
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n" if as_json else table(measured))
    sys.stdout.flush()
    return Exit.OK


def clean(settings: Settings) -> Exit:
    """Remove what benchmarks on a running server have left behind."""
    with _alone(settings.data) as alone:
        if not alone:
            return fail(Exit.REFUSED, "A benchmark runs on this server now. Wait for its end.")
        users, messages = asyncio.run(_clean(settings))
    say(f"Removed: users {users:,}, messages {messages:,}.")
    return Exit.OK


async def _clean(settings: Settings) -> tuple[int, int]:
    store = await open_store(settings.data, serving=False, create=False)
    try:
        return await remove_all(store)
    finally:
        await store.close()


async def _bounded(plan: Plan, running: Settings | None) -> Values:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        async with asyncio.timeout(60 + _PATIENCE * plan.expected_s):
            return await (_own(plan) if running is None else _running(plan, running))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _own(plan: Plan) -> Values:
    say("Preparing a server of its own in a scratch folder.")
    with _scratch_folder() as folder:
        async with new_world(folder / "data") as world:
            scene = await build(folder, world, plan.seconds, plan.sizes, plan.names)

        @contextlib.contextmanager
        def served() -> Iterator[Target]:
            with chat_server(folder / "data") as server:
                yield server

        return await _measure(plan, scene, served)


async def _running(plan: Plan, settings: Settings) -> Values:
    server = RunningServer(settings)
    say(f"Preparing users of a benchmark on the server at port {server.port}; they are removed at the end.")
    with _alone(settings.data) as alone:
        if not alone:
            raise ConnectionError("another benchmark runs on this server")
        async with _guests(settings) as world:
            scene = await build(Path(settings.data), world, plan.seconds, plan.sizes, plan.names)
            await _told(server, scene)
            return await _measure(plan, scene, lambda: contextlib.nullcontext(server))


async def _told(server: Target, scene: Scene) -> None:
    """Wait until the server has told its clients all that was stored past it: that of another process comes late."""
    last = await scene.world.group("Benchmark, last", scene.world.accounts[:2])
    came = asyncio.Event()
    [client] = await open_all(server, scene.world.accounts[:1], last)
    client.on_event = came.set
    try:
        await scene.world.fill(last, scene.world.accounts[0], 1)
        await asyncio.wait_for(came.wait(), _TOLD_MAX_S)
    except TimeoutError:
        raise ConnectionError(f"the server does not tell of new messages within {_TOLD_MAX_S:.0f} s") from None
    finally:
        client.close()


@contextlib.asynccontextmanager
async def _guests(settings: Settings) -> AsyncIterator[World]:
    """A world in somebody's database, which is without it again afterwards."""
    store = await open_store(settings.data, serving=False, create=False)
    try:
        await remove_all(store)
        try:
            yield World(store)
        finally:
            say("Removing the benchmark's users and messages.")
            await remove_all(store)
    finally:
        await store.close()


async def _measure(plan: Plan, scene: Scene, served: Callable[[], contextlib.AbstractContextManager[Target]]) -> Values:
    values: Values = {name: {} for name in plan.names}
    for number in range(plan.runs):
        for name in plan.names:
            say(f"run {number + 1} of {plan.runs}: {name}")
            with served() as server:
                for what, value in (await SCENARIOS[name](scene, server)).items():
                    values[name].setdefault(what, []).append(value)
    return values


def _refusal(code: str) -> str:
    if code in {"rateLimited", "tooManyConnections"}:
        return (
            f"The server limits rates, and refused the benchmark ({code}). Run it without --running on a server of its "
            "own, or give this one wider limits (limit_messages, limit_connect, limit_read, limit_search, "
            "limit_sign_in, limit_address) or limits_enabled = false for as long as it takes."
        )
    return f"The server refused the benchmark with the code {code}."


def _prepare_process() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, _FILES) if hard > 0 else _FILES, hard))
    pin_generator()
    gc.freeze()


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A folder that is locked while it is used; those that killed benchmarks have left are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), _locked(left) as free:
            if free and left.stat().st_uid == os.getuid():
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name, _locked(Path(name)):
        yield Path(name)


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[bool]:
    """Whether no other benchmark uses this data folder, for as long as the block."""
    path = Path(data) / "bench.lock"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
    with _locked(path) as free:
        try:
            yield free
        finally:
            if free:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
