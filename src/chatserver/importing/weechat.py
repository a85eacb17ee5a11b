"""WeeChat's logs (user's guide, logger plugin): date, tab, prefix, tab, message; a file for each buffer."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from chatserver.importing.irc import Encoding, Line, Log, lines
from chatserver.importing.model import ImportFailedError, Item, Notes, Person, Read
from chatserver.importing.tree import Tree

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATED: Final = re.compile(
    r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)\t([^\t]*)\t?(.*)$", re.DOTALL
)
_TEXT_MAX: Final = 1_048_576
"""Characters of one message with all its lines."""
_PREFIXES: Final = {
    "-->": "lines of who joined",
    "<--": "lines of who left",
    "--": "lines of the server and of changes",
    "=!=": "lines of errors",
}
_FLAT: Final = re.compile(r"irc\.(?P<network>[^./]+)\.(?P<channel>.+?)(?:\.\d{4}-\d\d-\d\d)?\.weechatlog")
_FOLDERS: Final = re.compile(r"(?:.*/)?irc/(?P<network>[^/]+)/(?P<channel>[^/]+?)(?:/[\d-]+)?\.weechatlog")


class WeechatSource:
    """See `Source`. Times of the log are in `zone`, unless they say otherwise."""

    name = "weechat"

    def __init__(self, tree: Tree, zone: tzinfo, encoding: Encoding) -> None:
        self._tree = tree
        self._zone = zone
        self._encoding = encoding
        self._files = [name for name in tree.names() if name.endswith(".weechatlog")]
        if not self._files:
            raise ImportFailedError(
                "There is no .weechatlog file here. Give WeeChat's folder of logs, or one file of it."
            )

    def read(self, notes: Notes) -> Iterator[Read]:
        logs: dict[str, Log] = {}
        for name in self._files:
            log = _log_of(name)
            if log is None or log.channel == "weechat" or log.network == "server":
                notes.skip("logs of servers and of the program itself", name)
                continue
            if log.key not in logs:
                logs[log.key] = log
                yield log.conversation()
            yield from self._file(name, logs[log.key], notes)

    def _file(self, name: str, log: Log, notes: Notes) -> Iterator[Person | Item]:
        held: Line | None = None
        for line in lines(self._tree, name, self._encoding, notes):
            if _DATED.match(line.text):
                if held is not None:
                    yield from self._line(held, log, notes)
                held = line
            elif held is not None and len(held.text) < _TEXT_MAX:  # a message of several lines has its date once
                held.text += "\n" + line.text
            elif held is not None:
                notes.skip(f"lines of messages beyond {_TEXT_MAX} characters", line.place)
            elif line.text.strip():
                notes.wrong("a line without a date before the first one with it", line.place)
        if held is not None:
            yield from self._line(held, log, notes)

    def _line(self, line: Line, log: Log, notes: Notes) -> Iterator[Person | Item]:
        found = _DATED.match(line.text)
        assert found is not None
        date, prefix, text = found.groups()
        at = _time(date, self._zone)
        if at is None:
            notes.wrong(f"no date: {date}", line.place)
            return
        prefix = prefix.strip()
        if prefix in _PREFIXES:
            notes.skip(_PREFIXES[prefix], line.place)
        elif prefix == "*":
            nick, _, action = text.partition(" ")
            yield from log.item(at, nick, action, line.place, action=True)
        elif prefix:
            yield from log.item(at, prefix, text, line.place)
        else:
            notes.skip("lines of nobody", line.place)


def _log_of(name: str) -> Log | None:
    """The conversation of a file by its name; None for a server's own buffer."""
    found = _FOLDERS.fullmatch(name) or _FLAT.fullmatch(name.rpartition("/")[2])
    if found is not None:
        return Log(found["network"], found["channel"])
    last = name.rpartition("/")[2].removesuffix(".weechatlog")
    return None if last.startswith(("core.", "irc.server")) else Log("", last)


def _time(text: str, zone: tzinfo) -> int | None:
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        us = (at - _START) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
    return us if us > 0 else None
