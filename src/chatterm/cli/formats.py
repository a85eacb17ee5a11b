"""How exported conversations are written: JSON Lines for programs, Markdown for people."""

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from chatproto.models import LogEvent, Message
from chatproto.text import terminal_safe
from chatterm.cli.records import event_record
from chatterm.cli.wording import body_lines, message_lines, name_of, place_of
from chatterm.client.cache_read import CacheQueries


class Format(Protocol):
    """Writes a chat piece by piece."""

    def head(self, cache: CacheQueries, chat_id: int) -> Iterable[str]:
        """What comes before a chat's events."""
        ...

    def event(
        self,
        cache: CacheQueries,
        chat_id: int,
        event: LogEvent,
        before: LogEvent | None,
        paths: Mapping[int, str],
    ) -> Iterable[str]:
        """One event; `before` is the one written last of this chat, `paths` where files lie, by their ids."""
        ...


class JsonLines:
    """One object per line, in ASCII."""

    def head(self, cache: CacheQueries, chat_id: int) -> Iterable[str]:
        """The chat."""
        chat = cache.chat(chat_id)
        peer = cache.user(chat.peer_id) if chat is not None and chat.peer_id is not None else None
        yield _line(
            {
                "kind": "chat",
                "chatId": chat_id,
                "chatKind": chat.kind if chat is not None else None,
                "name": chat.title if chat is not None and chat.kind == "group" else peer and peer.display_name,
                "email": peer.email if peer is not None else None,
                "topic": chat.topic if chat is not None else "",
            }
        )

    def event(
        self,
        cache: CacheQueries,
        chat_id: int,
        event: LogEvent,
        before: LogEvent | None,
        paths: Mapping[int, str],
    ) -> Iterable[str]:
        """As `history --json`."""
        record = event_record(cache, chat_id, event)
        for file in record.get("files", ()):
            if file["id"] in paths:
                file["path"] = paths[file["id"]]
        yield _line(record)


class Markdown:
    """A heading for each chat and day, then who said what."""

    def head(self, cache: CacheQueries, chat_id: int) -> Iterable[str]:
        """The chat's name and topic."""
        chat = cache.chat(chat_id)
        yield f"# {place_of(cache, chat_id).removeprefix('#')}\n\n"
        if chat is not None and chat.topic:
            yield f"{terminal_safe(chat.topic)}\n\n"

    def event(
        self,
        cache: CacheQueries,
        chat_id: int,
        event: LogEvent,
        before: LogEvent | None,
        paths: Mapping[int, str],
    ) -> Iterable[str]:
        """The day if it is another, then the event."""
        moment = _local(event)
        if before is None or _local(before).date() != moment.date():
            yield f"## {moment:%Y-%m-%d}\n\n"
        if not isinstance(event, Message):
            yield from (f"*{line.removeprefix('-- ')}*\n\n" for line in body_lines(cache, chat_id, event))
            return
        author = name_of(cache, event.sender_id)
        first, *rest = message_lines(cache, chat_id, event)
        yield f"**{author}** {moment:%H:%M}\n\n"
        yield "\n".join([first.removeprefix(f"{author}: "), *rest]) + "\n\n"
        yield from (f"[{terminal_safe(file.name)}](<{paths[file.id]}>)\n\n" for file in event.files if file.id in paths)


FORMATS: Final[Mapping[str, Format]] = {"jsonl": JsonLines(), "markdown": Markdown()}


def _line(record: Mapping[str, object]) -> str:
    return json.dumps(record).replace("\x7f", "\\u007f") + "\n"


def _local(event: LogEvent) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(event.at / 1e6)
