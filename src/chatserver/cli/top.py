"""`chatserver top`: what to watch, and whether there is a terminal for it."""

import argparse
import asyncio
import sys

from chatserver import config
from chatserver.cli.exits import Exit, fail
from chatserver.store.errors import StoreUnusableError
from chatserver.top import main
from chatserver.top.source import AddressError, address, local_address


def top(arguments: argparse.Namespace) -> int:
    """Watch a server, or look once."""
    try:
        settings = config.load({"data": arguments.data}, file=arguments.config)
        url = address(arguments.url) if arguments.url else local_address(settings)
        data = settings.data if arguments.names else None
        if arguments.once or arguments.json:
            return asyncio.run(
                main.look_once(
                    url,
                    data,
                    interval=arguments.interval,
                    statements=arguments.statements,
                    as_json=arguments.json,
                )
            )
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            return fail(Exit.USAGE, "There is no terminal to draw on; 'chatserver top --once' prints one look.")
        return asyncio.run(main.watch(url, data, interval=arguments.interval))
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except AddressError as error:
        return fail(Exit.USAGE, f"{error}.")
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
