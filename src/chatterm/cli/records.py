"""Events of a chat's log as the lines of `--json`; docs/schema/event.json describes them."""

from typing import Any

from chatproto.models import ChatChanged, ChatCreated, FileInfo, LogEvent, MembersChanged, Message, MessageChanged
from chatterm.cli import outcome
from chatterm.client.cache_read import CacheQueries


def event_record(cache: CacheQueries, chat_id: int, event: LogEvent) -> dict[str, Any]:
    """One line of `--json`. Fields are never renamed; new ones may come."""
    sender = cache.user(event.sender_id)
    owner = cache.owner()
    common = {
        "chatId": chat_id,
        "seq": event.seq,
        "id": event.id,
        "at": outcome.utc_time(event.at),
        "senderId": event.sender_id,
        "senderName": sender.display_name if sender is not None else f"user {event.sender_id}",
        "senderEmail": sender.email if sender is not None else None,
        "own": owner is not None and owner.id == event.sender_id,
    }
    match event:
        case Message():
            return {"kind": "message", **common, **_message_record(event)}
        case ChatCreated():
            return {"kind": "created", **common, "title": event.title}
        case ChatChanged():
            return {"kind": "chatChanged", **common, "title": event.title, "topic": event.topic}
        case MembersChanged():
            members = {"added": event.added, "removed": event.removed, "ownerId": event.owner_id}
            return {"kind": "members", **common, **members}
        case MessageChanged():
            message = event.message
            what = {"change": event.change, "emoji": event.emoji or None, "messageSeq": message.seq}
            return {"kind": "changed", **common, **what, "message": _message_record(message)}


def file_record(file: FileInfo) -> dict[str, Any]:
    """A file as a message shows it."""
    return {"id": file.id, "name": file.name, "size": file.size, "mediaType": file.media_type}


def _message_record(message: Message) -> dict[str, Any]:
    forwarded = message.forwarded
    return {
        "text": message.text,
        "deleted": message.deleted,
        "editedAt": outcome.utc_time(message.edited_at) if message.edited_at else None,
        "replyTo": message.reply_to or None,
        "mentions": message.mentions,
        "mentionAll": message.mention_all,
        "forwarded": None
        if forwarded is None
        else {"senderId": forwarded.sender_id, "at": outcome.utc_time(forwarded.at)},
        "files": [file_record(file) for file in message.files],
        "reactions": [{"emoji": each.emoji, "userIds": each.user_ids} for each in message.reactions],
        "pinned": message.pinned,
    }
