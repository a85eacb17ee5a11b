"""How commands end and speak: exit codes, errors on standard error, and text that is safe for a terminal."""

import os
import sys
from collections.abc import Callable
from typing import Any, Final

from chatproto.errors import ChatError, ErrorInfo
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
NOT_SIGNED_IN: Final = 3
UNREACHABLE: Final = 69
DISK: Final = 74
NOT_YET: Final = 75
CONFIG: Final = 78
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

_EXIT_CODES: Final = {
    "addressInvalid": USAGE,
    "usage": USAGE,
    "fileMissing": USAGE,
    "fileNotReadable": USAGE,
    "fileNotRegular": USAGE,
    "folderMissing": USAGE,
    "tooManyFiles": USAGE,
    "accountUnknown": NOT_SIGNED_IN,
    "accountChanged": NOT_SIGNED_IN,
    "notSignedIn": NOT_SIGNED_IN,
    "tokenExpired": NOT_SIGNED_IN,
    "tokenInvalid": NOT_SIGNED_IN,
    "tokenMissing": NOT_SIGNED_IN,
    "sessionRevoked": NOT_SIGNED_IN,
    "answerUnreadable": UNREACHABLE,
    "connectionLost": UNREACHABLE,
    "notChatServer": UNREACHABLE,
    "serverDown": UNREACHABLE,
    "tlsFailed": UNREACHABLE,
    "unreachable": UNREACHABLE,
    "configBroken": CONFIG,
    "cursorBroken": CONFIG,
    "credentialsBroken": CONFIG,
    "credentialsUnsafe": CONFIG,
    "folderUnsafe": CONFIG,
    "cacheBroken": DISK,
    "notWritable": DISK,
    "outboxBroken": DISK,
    "outboxNewer": DISK,
    "outboxFull": DISK,
    "storageFailed": DISK,
}
_LOCAL_DISK: Final = "diskFull"


def run_guarded(command: Callable[[], int]) -> int:
    """Run a command and turn every expected failure into a sentence and an exit code."""
    try:
        code = command()
        sys.stdout.flush()
    except ClientError as error:
        complain(error.info())
        return exit_code(error.info(), local=True)
    except ChatError as error:
        complain(error.info())
        return exit_code(error.info())
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is still buffered would be written again at exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def exit_code(error: ErrorInfo, *, local: bool = False) -> int:
    """The exit code for an error; `local`: it happened on this machine, as far as its code can mean both."""
    if local and error.code == _LOCAL_DISK:
        return DISK
    return _EXIT_CODES.get(error.code, NOT_YET if error.temporary else REFUSED)


def complain(error: ErrorInfo) -> None:
    """Say on standard error what went wrong and what to do."""
    say(f"{error.message} {error.hint}".strip())


def say(text: str) -> None:
    """Narrate on standard error."""
    sys.stderr.write(f"chatterm: {terminal_safe(text)}\n")


def put(line: str) -> None:
    """Write one line of data; the caller made it safe."""
    sys.stdout.write(line + "\n")


def put_json(record: dict[str, Any]) -> None:
    """Write one JSON object on one line, in ASCII: what others wrote cannot reach a terminal as control codes."""
    import json  # noqa: PLC0415 - plain output does not need it

    put(json.dumps(record).replace("\x7f", "\\u007f"))


def clock_time(microseconds: int) -> str:
    """A time for people: local, to the second."""
    import datetime  # noqa: PLC0415 - sending does not need it

    return datetime.datetime.fromtimestamp(microseconds / 1e6).strftime("%Y-%m-%d %H:%M:%S")


def utc_time(microseconds: int) -> str:
    """A time for programs: RFC 3339 in UTC, to the microsecond."""
    import datetime  # noqa: PLC0415 - as above

    moment = datetime.datetime.fromtimestamp(microseconds // 1_000_000, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{microseconds % 1_000_000:06d}Z"
