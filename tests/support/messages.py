"""Messages with more than text for tests of a store: made, stored and looked at."""

import os
import sqlite3
from collections.abc import Awaitable
from dataclasses import replace

import pytest

from chatproto.errors import ChatError
from chatproto.models import Chat, FileInfo, Message, User
from chatserver.store.base import NewMessage, Store, Stored
from chatserver.store.extras import Additions
from tests.support.store import Backend, new_message, stored


def rich(sender: User, chat: Chat, text: str, **more: object) -> NewMessage:
    """A message with something beyond its text."""
    return replace(new_message(sender, text, chat_id=chat.id), more=Additions(**more))  # type: ignore[arg-type] # the caller's fields


async def say(store: Store, message: NewMessage) -> Stored:
    return stored(await store.append([message]))[0]


async def look(store: Store, chat: Chat, seq: int) -> Message:
    message = await store.message(chat.id, seq)
    assert message is not None
    return message


async def code_of(call: Awaitable[int]) -> str:
    """The code that a call is refused with."""
    with pytest.raises(ChatError) as refusal:
        await call
    return refusal.value.code


def add_file(backend: Backend, owner: User, file_id: int) -> FileInfo:
    """A file as an upload leaves it."""
    file = FileInfo(id=file_id, name="plan.png", size=9, media_type="image/png", width=3, height=2, thumbnail=True)
    with sqlite3.connect(backend.folder / "chat.db") as connection:
        connection.execute(
            "INSERT INTO files (id, owner_id, name, size, sha256, media_type, width, height, thumbnail, created_at)"
            " VALUES (?, ?, 'plan.png', 9, ?, 'image/png', 3, 2, 1, 0)",
            (file_id, owner.id, os.urandom(32)),
        )
    connection.close()
    return file


def rows_of(backend: Backend, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(backend.folder / "chat.db") as connection:
        found = connection.execute(statement).fetchall()
    connection.close()
    return found
