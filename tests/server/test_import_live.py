"""Importing into a server that serves: members hear of chats, not of messages, and then talk in them."""

from pathlib import Path

from chatproto.frames import Events, Joined, Seen, ServerFrame
from tests.support import exports
from tests.support.homes import command
from tests.support.server import FAST, RunningServer, Socket, running_server


async def import_(data: Path, *arguments: object) -> None:
    await command("chatserver", "import", *map(str, arguments), "--data", str(data))


async def joined(socket: Socket, count: int) -> dict[str, Joined]:
    """The next chats that are told by their titles; nothing is told as new in between."""
    told: dict[str, Joined] = {}
    while len(told) < count:
        frame: ServerFrame = await socket.next()
        assert not isinstance(frame, Events | Seen), frame
        if isinstance(frame, Joined):
            told[frame.chat.title] = frame
    return told


async def test_members_hear_of_chats_and_not_of_old_messages(tmp_path: Path) -> None:
    """Also of what a longer export adds; what is then written reaches everybody."""
    folder = exports.slack(tmp_path / "slack")
    async with running_server(tmp_path / "data", FAST) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        async with anna.socket() as socket, ben.socket() as other:
            await import_(tmp_path / "data", "slack", folder, "--until", "2023-11-15")
            told = await joined(socket, 3)
            garden = told["garden"].chat
            assert (garden.head, garden.seen, garden.unread, garden.mentions) == (5, 5, 0, 0)
            await joined(other, 3)
            await import_(tmp_path / "data", "slack", folder)
            longer = (await joined(socket, 3))["garden"].chat
            assert (longer.head, longer.unread) == (9, 0)
            await joined(other, 3)
            result = await other.say(longer, "and now?")
            assert (result.seq, result.error) == (10, None)
            events = await socket.until(Events)
            assert (events.chat_id, events.events[0].seq) == (longer.id, 10)


async def test_a_client_shows_and_finds_what_was_imported(tmp_path: Path, server: RunningServer) -> None:
    """Somebody who signs in with a reset code reads the history with its times, and searches it."""
    archive = exports.tarred(exports.zulip(tmp_path / "zulip"), tmp_path / "zulip.tar.gz")
    await import_(server.data, "zulip", archive)
    code = await command("chatserver", "user", "reset-code", "anna@example.org", "--data", str(server.data))
    body = {"email": "anna@example.org", "code": code.strip(), "newPassword": "correct horse"}
    assert (await server.http.post("/auth/reset", json=body)).is_success
    home = tmp_path / "home"
    login = ("login", server.url, "--email", "anna@example.org", "--password-stdin")
    await command("chatterm", *login, home=home, stdin="correct horse\n")
    history = await command("chatterm", "history", "garden", "--json", home=home)
    assert "2023-11-14T22:13:21.250000Z" in history
    assert "see #garden" in history
    assert "other topic" in await command("chatterm", "search", "topic", home=home)
    assert (await command("chatterm", "unread", "--format", "{unread}", home=home)).strip() in {"", "0"}
