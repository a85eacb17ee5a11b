"""Where a command gets the passphrase of a backup from: a file, the environment, the settings or the terminal."""

import argparse
import getpass
import os
import sys
from typing import Final

from chatserver import config
from chatserver.settings import Settings

VARIABLE: Final = "CHATSERVER_BACKUP_PASSPHRASE"


def to_encrypt_with(arguments: argparse.Namespace, settings: Settings) -> str | None:
    """The passphrase for a new backup; None: do not encrypt. Raises `ConfigError`."""
    if not arguments.encrypt:
        return _given(arguments, settings)
    if not sys.stdin.isatty():
        raise config.ConfigError("--encrypt asks on a terminal, and there is none. Give --passphrase-file.")
    passphrase = getpass.getpass("Passphrase: ")
    if not passphrase or getpass.getpass("Again: ") != passphrase:
        raise config.ConfigError("The two were not the same, or empty. Nothing was done.")
    return passphrase


def to_open_with(arguments: argparse.Namespace, settings: Settings) -> str | None:
    """The passphrase of an encrypted backup; None if nobody knows. Raises `ConfigError`."""
    passphrase = _given(arguments, settings)
    if passphrase is None and sys.stdin.isatty():
        passphrase = getpass.getpass("Passphrase of the backup: ")
    return passphrase or None


def _given(arguments: argparse.Namespace, settings: Settings) -> str | None:
    if arguments.passphrase_file is not None:
        return config.passphrase_in(arguments.passphrase_file)
    return os.environ.get(VARIABLE) or config.backup_passphrase(settings)
