"""What is left of a crash: a report in a private file, and one plain line for the terminal."""

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from chatproto.text import terminal_safe

REPORTS_MAX: Final = 10
"""Older reports are removed."""


def write_report(folder: Path, error: BaseException) -> Path | None:
    """Write a report (0600, no values of variables, so no messages or tokens); None if that fails, too."""
    import platform  # noqa: PLC0415 - both are slow to load, and needed only now
    from importlib import metadata  # noqa: PLC0415 - see above

    name = time.strftime("crash-%Y%m%d-%H%M%S") + f"-{os.getpid()}.txt"
    text = (
        f"chatterm {metadata.version('chatterm')}, Python {platform.python_version()}, {platform.platform()}, "
        f"Textual {metadata.version('textual')}, TERM={os.environ.get('TERM', '')}\n\n"
        + "".join(traceback.format_exception(error))
    )
    try:
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        for old in sorted(folder.glob("crash-*.txt"))[:-REPORTS_MAX]:
            old.unlink()
    except OSError as failure:
        print(f"chatterm: the crash report could not be written: {failure}", file=sys.stderr)  # noqa: T201 - the app is gone, stderr is what is left
        return None
    return folder / name


def told(error: BaseException, report: Path | None) -> str:
    """The line for the terminal: what happened, where the report is, and what is safe."""
    lines = [f"chatterm met an error and had to stop: {type(error).__name__}: {terminal_safe(str(error))[:200]}"]
    if report is not None:
        lines.append(f"The report is {report}.")
    lines.append("What you sent or queued is safe on disk; start chatterm again to go on.")
    return "\n".join(lines)
