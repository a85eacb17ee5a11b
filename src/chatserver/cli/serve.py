"""`chatserver serve`."""

import argparse
import logging
import os
import signal
import sys
from typing import Final

from chatserver import config
from chatserver.cli.exits import Exit, fail
from chatserver.listening import CannotListenError, hand_over
from chatserver.ops import log
from chatserver.serve import run
from chatserver.store.errors import StoreUnusableError
from chatserver.tls.certificate import CertificateError

_log = logging.getLogger("chatserver")


_FLAGS: Final = (
    *("data", "host", "port", "log_level", "log_format", "tls_certificate", "tls_key"),
    *("domain", "acme_email", "acme_agree_tos", "acme_directory", "http_port"),
)


def serve(arguments: argparse.Namespace) -> int:
    """Run the server to its end."""
    flags = {name: getattr(arguments, name) for name in _FLAGS}
    try:
        settings = config.load(flags, file=arguments.config)
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)

    def reread() -> bool:
        try:
            log.set_level(config.load(flags, file=arguments.config).log_level)
        except config.ConfigError as error:
            _log.error("the settings were not read again: %s", error)
            return False
        _log.warning("the settings were read again; only the log level changes before a restart")
        return True

    writer = log.set_up(settings.log_level, settings.log_format)
    try:
        successor_sockets = run(settings, reread, config.file_of(arguments.config))
    except config.ConfigError as error:
        return fail(Exit.CONFIG, error)
    except StoreUnusableError as error:
        return fail(Exit.STORAGE, error)
    except CannotListenError as error:
        return fail(Exit.CANNOT_LISTEN, error)
    except CertificateError as error:
        return fail(Exit.CERTIFICATE, error)
    finally:
        writer.close()
    if successor_sockets is not None:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, signal.SIG_IGN)  # until it listens to them, they would end it
        hand_over(successor_sockets, os.environ, [sys.executable, *sys.orig_argv[1:]])
    return Exit.OK
