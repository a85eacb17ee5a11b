"""Proofs that take longer than a test should: each ends with one line that says what was counted."""

import argparse
import asyncio
import random
import re
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tests.support.api import furnish, try_api
from tests.support.backup_kill import prove_backups
from tests.support.enumeration import compare
from tests.support.import_kill import prove_imports
from tests.support.kill import prove
from tests.support.restarts import prove_restarts
from tests.support.server import running_server


def _seed(arguments: argparse.Namespace) -> int:
    """What repeats the choices of this run, told before it begins."""
    seed = int(arguments.seed) if arguments.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr)
    return seed


def kill(arguments: argparse.Namespace) -> None:
    """Kill server and clients at random points and check that nothing was lost, doubled or reordered."""
    seed = _seed(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatterm-proof-") as folder:
        verdict = asyncio.run(
            prove(
                Path(folder),
                rounds=arguments.rounds,
                senders=arguments.senders,
                seed=seed,
                retention_s=arguments.retention,
                say=lambda line: print(line, file=sys.stderr),
            )
        )
    print(
        f"proved in {time.monotonic() - began:.0f} s: {verdict.server_kills} SIGKILLs of the server and "
        f"{verdict.client_kills} of a client; {verdict.reported} messages reported as queued, {verdict.stored} stored, "
        f"{verdict.removed} removed by their age, none lost, doubled or out of order"
    )


def api(arguments: argparse.Namespace) -> None:
    """Ask the REST API for anything its OpenAPI document allows or forbids, and check every answer against it."""
    seed = _seed(arguments)
    kept, report = uvloop.run(_try_api(arguments.examples, seed))
    print(report, file=sys.stderr)
    assert kept, "the server failed, or broke its own schema; see the report above"
    print(next(line.strip() for line in report.splitlines() if re.search(r"\d generated", line)))


async def _try_api(examples: int, seed: int) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory(prefix="chatterm-proof-") as folder:
        async with running_server(Path(folder) / "data", limits_enabled=False) as server:
            return await try_api(server, await furnish(server), Path(folder), examples=examples, seed=seed)


def enumeration(arguments: argparse.Namespace) -> None:
    """Compare how long wrong guesses take for addresses with and without an account; prints figures, judges nothing."""
    with tempfile.TemporaryDirectory(prefix="chatterm-proof-") as folder:
        asyncio.run(compare(Path(folder), arguments.rounds, print))


def imports(arguments: argparse.Namespace) -> None:
    """Kill imports at random points beside a server; run again, they must leave out and double nothing."""
    seed = _seed(arguments)
    with tempfile.TemporaryDirectory(prefix="chatterm-proof-") as folder:
        verdict = prove_imports(
            Path(folder),
            rounds=arguments.rounds,
            messages=arguments.messages,
            seed=seed,
            say=lambda line: print(line, file=sys.stderr),
        )
    print(
        f"proved: {verdict.kills} SIGKILLs of imports, {verdict.finished} came to their end, "
        f"{verdict.checked} messages, each there once, in order, with their files"
    )


def backup(arguments: argparse.Namespace) -> None:
    """Kill backups, server and clients at random points; each backup is whole and can take the server's place."""
    seed = _seed(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatterm-proof-") as folder:
        verdict = asyncio.run(
            prove_backups(
                Path(folder),
                rounds=arguments.rounds,
                seed=seed,
                say=lambda line: print(line, file=sys.stderr, flush=True),
            )
        )
    print(
        f"proved in {time.monotonic() - began:.0f} s: {verdict.verified} backups verified, each with all messages that "
        f"were acknowledged before it began (looked up {verdict.checked:,} times); {verdict.backup_kills} SIGKILLs of "
        f"a backup, {verdict.server_kills} of the server, {verdict.client_kills} of a client; {verdict.restores} "
        f"restores, {verdict.restore_kills} of them killed once before, set back {verdict.set_back} messages and made "
        f"{verdict.sign_ins} clients sign in again; {verdict.stored} messages stored, none lost beyond that, none "
        "doubled or out of order"
    )


def restart(arguments: argparse.Namespace) -> None:
    """Replace the server while clients send and connect; nobody is refused, nothing lost, doubled or reordered."""
    seed = _seed(arguments)
    with tempfile.TemporaryDirectory(prefix="chatterm-proof-") as folder:
        verdict = asyncio.run(
            prove_restarts(
                Path(folder),
                rounds=arguments.rounds,
                own_rounds=arguments.rounds,
                senders=arguments.senders,
                seed=seed,
                say=lambda line: print(line, file=sys.stderr, flush=True),
            )
        )
    print(
        f"proved: replaced {verdict.replaced} times by SIGUSR2, {verdict.restarted} times by an end and a new start; "
        f"{verdict.asked} connected meanwhile, none was refused, the slowest answer took {verdict.slowest_s:.2f} s; "
        f"{verdict.reported} messages queued, {verdict.stored} stored, none lost, doubled or out of order"
    )


def deployment(arguments: argparse.Namespace) -> None:
    """Follow docs/deployment.md block by block on a clean Debian, and use the server there."""
    from scripts.deployment.proof import prove as walk  # noqa: PLC0415 - its tools are not everywhere

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chatterm-proof-", dir=arguments.cache.parent) as folder:
        told = asyncio.run(
            walk(
                Path(folder),
                arguments.cache,
                contained=arguments.container,
                emulated=arguments.emulated,
                say=lambda line: print(line, file=sys.stderr, flush=True),
            )
        )
    print(
        f"proved in {time.monotonic() - began:.0f} s: {told.ran} blocks ran, {len(told.skipped)} were not tried; "
        f"systemd-analyze security says {told.score}"
    )


def _add_under_load(proofs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Those in which clients send all the while."""
    killing = proofs.add_parser("kill", help=kill.__doc__)
    killing.add_argument("--rounds", type=int, default=100, help="kills of the server, and of a client (default: 100)")
    killing.add_argument("--senders", type=int, default=4, help="sending clients (default: 4)")
    killing.add_argument(
        "--retention",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="meanwhile let the server remove what is older (default: nothing)",
    )
    killing.add_argument("--seed", type=int, help="repeat the choices of an earlier run")
    killing.set_defaults(run=kill)
    saving = proofs.add_parser("backup", help=backup.__doc__)
    saving.add_argument("--rounds", type=int, default=60, help="backups that are begun (default: 60)")
    saving.add_argument("--seed", type=int, help="repeat the choices of an earlier run")
    saving.set_defaults(run=backup)
    restarting = proofs.add_parser("restart", help=restart.__doc__)
    restarting.add_argument("--rounds", type=int, default=20, help="of each of three kinds (default: 20)")
    restarting.add_argument("--senders", type=int, default=4, help="sending clients (default: 4)")
    restarting.add_argument("--seed", type=int, help="repeat the choices of an earlier run")
    restarting.set_defaults(run=restart)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/prove", description=__doc__)
    proofs = parser.add_subparsers(dest="proof", required=True, metavar="PROOF")
    asking = proofs.add_parser("api", help=api.__doc__)
    asking.add_argument("--examples", type=int, default=100, help="per operation and phase (default: 100)")
    asking.add_argument("--seed", type=int, help="repeat the requests of an earlier run")
    asking.set_defaults(run=api)
    guessing = proofs.add_parser("enumeration", help=enumeration.__doc__)
    guessing.add_argument("--rounds", type=int, default=100, help="guesses of each kind (default: 100)")
    guessing.set_defaults(run=enumeration)
    importing = proofs.add_parser("import", help=imports.__doc__)
    importing.add_argument("--rounds", type=int, default=50, help="kills (default: 50)")
    importing.add_argument("--messages", type=int, default=20_000, help="of one export (default: 20000)")
    importing.add_argument("--seed", type=int, help="repeat the choices of an earlier run")
    importing.set_defaults(run=imports)
    _add_under_load(proofs)
    deploying = proofs.add_parser("deployment", help=deployment.__doc__)
    deploying.add_argument(
        "--cache",
        type=Path,
        default=Path("/var/tmp/chatterm-debian"),
        metavar="DIR",
        help="keeps the image of Debian (default: /var/tmp/chatterm-debian); needs 2 GB beside it",
    )
    how = deploying.add_mutually_exclusive_group()
    how.add_argument("--emulated", action="store_true", help="without KVM, which takes some ten times as long")
    how.add_argument(
        "--container", action="store_true", help="in containers that boot systemd, by systemd-nspawn; needs root"
    )
    deploying.set_defaults(run=deployment)
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except AssertionError as failure:
        print(f"DISPROVED: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
