"""`chatserver doctor`: what is wrong, and what to do about it."""

import argparse
import json
import sys

from chatproto.findings import FindingState
from chatserver.cli.exits import Exit
from chatserver.doctor.examine import examine

_CODES = {FindingState.GOOD: Exit.OK, FindingState.NOTICE: Exit.NOTICE, FindingState.BAD: Exit.REFUSED}
_ORDER = list(FindingState)


def doctor(arguments: argparse.Namespace) -> int:
    """Print each finding as it is made; the worst one is the exit code."""
    worst = FindingState.GOOD
    for finding in examine(arguments.data, arguments.config, deep=arguments.deep):
        worst = max(worst, finding.state, key=_ORDER.index)
        if arguments.quiet and finding.state is FindingState.GOOD:
            continue
        as_json = json.dumps(finding.record()).replace("\x7f", "\\u007f")
        lines = [as_json] if arguments.json else finding.lines()
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    return _CODES[worst]
