"""`chatserver serve`."""

import argparse

from chatserver import config
from chatserver.cli.exits import Exit, fail
from chatserver.ops import log
from chatserver.serve import CannotListenError, run
from chatserver.store.errors import StoreUnusableError


def serve(arguments: argparse.Namespace) -> int:
    """Run the server to its end."""
    flags = {name: getattr(arguments, name) for name in ("data", "host", "port", "log_level", "log_format")}
    try:
        settings = config.load(flags, file=arguments.config)
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    log.set_up(settings.log_level, settings.log_format)
    try:
        return run(settings)
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
    except CannotListenError as error:
        return fail(Exit.CANNOT_LISTEN, error)
