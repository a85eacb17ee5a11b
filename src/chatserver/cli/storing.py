"""Run a command's work on the database itself, also while a server serves it."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from chatproto.errors import ChatError
from chatserver import backends, config
from chatserver.cli.exits import Exit, fail, refuse
from chatserver.settings import Settings
from chatserver.store.base import Store
from chatserver.store.errors import StoreUnusableError

Work = Callable[[Store, Settings], Awaitable[None]]


def with_store(arguments: argparse.Namespace, work: Work, *, create: bool = False) -> Exit:
    """Open the store that the arguments name, let the work be done, and say what went wrong."""

    async def run() -> None:
        store = await backends.open_store(
            settings.data,
            serving=False,
            create=create,
            copy_before_migration=settings.backup_before_migration,
        )
        try:
            await work(store, settings)
        finally:
            await store.close()

    try:
        settings = config.load({"data": arguments.data}, file=arguments.config)
        asyncio.run(run())
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
    except ChatError as error:
        return refuse(error)
    return Exit.OK
