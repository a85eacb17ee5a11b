"""Where a command gets a new password from: the terminal, stdin, or chance."""

import argparse
import getpass
import sys

from chatproto import limits
from chatproto.errors import ChatError
from chatserver.services.codes import new_code
from chatserver.services.passwords import check_length


def new_password(arguments: argparse.Namespace) -> tuple[str, bool]:
    """The password, and whether it was made here. Raises `ChatError` with `passwordInvalid`."""
    if arguments.password_stdin:
        return checked(_from_stdin()), False
    if arguments.generate or not sys.stdin.isatty():
        return new_code(), True
    password = getpass.getpass("Password: ")
    check_length(password)
    if getpass.getpass("Again: ") != password:
        raise ChatError("passwordInvalid", "The two were not the same.")
    return password, False


def _from_stdin() -> str:
    line = sys.stdin.buffer.readline(limits.PASSWORD_MAX_CHARS * 4 + 3)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ChatError("passwordInvalid", "It is not UTF-8.") from None


def checked(password: str) -> str:
    """The password, if it can be one. Raises `ChatError` with `passwordInvalid`."""
    check_length(password)
    return password
