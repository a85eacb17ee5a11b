"""Text that other people can set, on every screen of the real program: only harmless bytes reach the terminal."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from chatproto.models import Chat
from tests.support import ansi
from tests.support.client import sign_in
from tests.support.files import image, put
from tests.support.server import FAST, Person, RunningServer, outgoing, running_server
from tests.support.terminal import Terminal, chatterm

EVIL: Final = "\x1b]52;c;aGFja2Vk\x07\x1b[31;5m\x9b5m\u202erlo\u2066\u200b[/] [bold]x[/bold] \x1bc\x1b_Gx\x1b\\"
"""Clipboard write, colours and blinking, C1, bidi overrides, a zero-width blank, markup, reset, graphics."""
MARK: Final = "␛]52;c"
"""How it begins on a screen."""


SCREENS: Final = (
    ("members", "/invite adds"),
    ("pins", "Pinned messages"),
    ("sessions", "this one"),
)
"""Commands and the titles of what they show."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path / "server", FAST) as server:
        yield server


async def furnish(anna: Person, bela: Person) -> Chat:
    """A group and a direct chat in which Béla has said all kinds of things."""
    group, direct = await anna.group("garden", bela), await anna.direct(bela)
    picture = await put(bela, image("PNG", (40, 30)), "garden.png")
    async with bela.socket() as socket:
        for place in (direct, group):
            first = await socket.say(place, "apple one **bold** `code` [link](https://example.org/evil) end")
            await socket.say(place, "apple two\n```python\nprint('code')\n```\n> quote\n- list")
            await socket.send_messages(
                outgoing("apple three", chat_id=place.id, reply_to=first.seq or 0, mentions=[anna.id]),
                outgoing("", chat_id=place.id, file_ids=[picture.id]),
            )
    (await bela.http.put(f"/chats/{group.id}/messages/2/pin")).raise_for_status()
    (await anna.http.patch(f"/chats/{group.id}", json={"topic": "apples"})).raise_for_status()
    (await bela.http.patch("/me", json={"status": "in the garden"})).raise_for_status()
    return group


def spoil(data: Path) -> None:
    """Put evil into every field of the server's database that one user sets and another one sees."""
    fields = {"display_name", "title", "topic", "status", "name", "device", "text"}
    with contextlib.closing(sqlite3.connect(data / "chat.db")) as database, database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for column in fields & {row[1] for row in database.execute(f"PRAGMA table_info({table})")}:
                evil = (
                    EVIL.translate(dict.fromkeys((*range(32), *range(127, 160)))) if column == "name" else EVIL
                )  # it is in HTTP headers, too
                database.execute(f"UPDATE {table} SET {column} = {column} || ? WHERE {column} <> ''", (evil,))


class Visitor:
    """Goes from screen to screen; after each, everything that was written so far must be harmless."""

    def __init__(self, tty: Terminal) -> None:
        self.tty = tty

    async def see(self, keys: str, *texts: str) -> None:
        """Type, and wait for what that shows."""
        self.tty.type(keys)
        await self.tty.sees(*texts)
        ansi.read(bytes(self.tty.raw))

    async def leave(self, gone: str) -> None:
        """Leave a screen by Esc."""
        self.tty.type("\x1b")
        await self.tty.until(lambda: gone not in self.tty.text)


async def test_no_screen_lets_through_what_others_wrote(server: RunningServer, tmp_path: Path) -> None:
    anna, bela = await server.person("Anna"), await server.person("Béla")
    group = await furnish(anna, bela)
    await asyncio.to_thread(spoil, tmp_path / "server")  # the server writes on this thread
    sign_in(tmp_path / "home", anna)
    async with chatterm(tmp_path / "home", columns=120, rows=40) as tty:
        visitor = Visitor(tty)
        await visitor.see("", "● online", "garden", "apple three", "print('code')", MARK)
        await visitor.see("\x0bgarden", "Find a person or group", "› garden", MARK)
        tty.type("\r")
        await tty.until(lambda: "Find a person" not in tty.text and "set the topic" in tty.text)
        await visitor.see("\x06apple", "newest first", "apple one", MARK)
        await visitor.leave("newest first")
        for command, title in SCREENS:
            await visitor.see(f"/{command}\r", title, MARK)
            await visitor.leave(title)
        async with bela.socket() as socket:
            await socket.say(group, f"live {EVIL.translate(dict.fromkeys((*range(32), *range(127, 160))))} end")
        await visitor.see("", "live")
        tty.type("\x11")
        assert await tty.exit_code() == 0
        written = ansi.read(bytes(tty.raw))
    assert MARK in written.text
    assert all(words.isprintable() for number, words in written.commands if number == "0")
    links = {words.partition(";")[2] for number, words in written.commands if number == "8"}
    assert links <= {"", "https://example.org/evil"}
    assert {number for number, _ in written.commands} <= {"0", "8", "9", "11", "22", "99", "777"}
