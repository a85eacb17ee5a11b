"""`chatterm doctor`: what is wrong, and what to do about it."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator

from chatproto.findings import Finding, FindingState, bad, notice
from chatterm.cli import outcome
from chatterm.client.accounts import Accounts
from chatterm.client.checks_local import check_account_files, check_process
from chatterm.client.errors import ClientError
from chatterm.client.model import Account


def run(arguments: argparse.Namespace) -> int:
    """Print each finding as it is made; 1 if one is bad."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    worst = outcome.OK
    async for finding in _findings(arguments):
        _put(finding, as_json=arguments.json)
        sys.stdout.flush()
        if finding.state is FindingState.BAD:
            worst = outcome.REFUSED
    return worst


async def _findings(arguments: argparse.Namespace) -> AsyncIterator[Finding]:
    for finding in check_process():
        yield finding
    try:
        accounts = _chosen(arguments)
    except ClientError as error:
        yield bad("accounts", error.message, error.hint)
        return
    if not accounts:
        yield notice("accounts", "Nobody is signed in on this machine.", "Run 'chatterm login URL'.")
    for account in accounts:
        for finding in check_account_files(account):
            yield finding
        if not arguments.offline:
            from chatterm.client.checks_server import check_server  # noqa: PLC0415 - loads the network

            async for finding in check_server(account, arguments.timeout):
                yield finding


def _chosen(arguments: argparse.Namespace) -> list[Account]:
    accounts = Accounts()
    return accounts.all() if arguments.account is None else [accounts.get(arguments.account)]


def _put(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        outcome.put_json(finding.record())
        return
    for line in finding.lines():
        outcome.put(line)
