"""`chatserver serve`."""

import argparse
import logging

from chatserver import config
from chatserver.cli.exits import Exit, fail
from chatserver.ops import log
from chatserver.serve import CannotListenError, run
from chatserver.store.errors import StoreUnusableError

_log = logging.getLogger("chatserver")


def serve(arguments: argparse.Namespace) -> int:
    """Run the server to its end."""
    flags = {name: getattr(arguments, name) for name in ("data", "host", "port", "log_level", "log_format")}
    try:
        settings = config.load(flags, file=arguments.config)
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)

    def reread() -> None:
        try:
            log.set_level(config.load(flags, file=arguments.config).log_level)
        except config.ConfigError as error:
            _log.error("the settings were not read again: %s", error)
        else:
            _log.warning("the settings were read again; only the log level changes before a restart")

    writer = log.set_up(settings.log_level, settings.log_format)
    try:
        return run(settings, reread)
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
    except CannotListenError as error:
        return fail(Exit.CANNOT_LISTEN, error)
    finally:
        writer.close()
