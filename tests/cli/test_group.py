"""`chatterm group`: made whole or not at all."""

from pathlib import Path

from chatproto.models import ChatCreated
from tests.support.client import running_client, sign_in
from tests.support.homes import command, run_command
from tests.support.server import running_server


async def test_a_group_is_made_and_everybody_hears_of_it(tmp_path: Path) -> None:
    """The id on stdout is the group's; its log begins with who made it and who is in it."""
    async with running_server(tmp_path / "data") as server:
        anna, bela = await server.person("Anna"), await server.person("Bela")
        sign_in(tmp_path / "anna", anna)
        async with running_client(tmp_path / "bela", bela) as friend:
            await friend.online()
            done = await run_command("chatterm", "group", "#garden", bela.user.email, home=tmp_path / "anna")
            assert (done.code, done.err.count("\n")) == (0, 1)
            chat_id = int(done.out)
            await friend.until(lambda: friend.log(chat_id))
            created = friend.log(chat_id)[0]
            assert isinstance(created, ChatCreated)
            assert (created.title, set(created.member_ids)) == ("garden", {anna.id, bela.id})


async def test_a_group_with_a_stranger_is_not_made(tmp_path: Path) -> None:
    """Who does not exist is named, and nothing is half made."""
    async with running_server(tmp_path / "data") as server:
        anna, bela = await server.person("Anna"), await server.person("Bela")
        sign_in(tmp_path / "anna", anna)
        done = await run_command(
            "chatterm", "group", "garden", bela.user.email, "nobody@example.org", home=tmp_path / "anna"
        )
        assert (done.code, done.out) == (1, "")
        assert "Unknown: nobody@example.org." in done.err
        assert (await anna.http.get("/chats")).json()["chats"] == []


async def test_a_group_can_be_written_to_at_once(tmp_path: Path) -> None:
    """A name that this machine does not know yet is looked up on the server before it is called unknown."""
    async with running_server(tmp_path / "data") as server:
        anna, bela = await server.person("Anna"), await server.person("Bela")
        home = tmp_path / "anna"
        sign_in(home, anna)
        await command("chatterm", "group", "garden", bela.user.email, home=home)
        await command("chatterm", "send", "#garden", "hello", "--wait", home=home)
        assert (await command("chatterm", "history", "#garden", home=home)).endswith(": hello\n")
        unknown = await run_command("chatterm", "send", "#orchard", "hello", home=home)
        assert (unknown.code, unknown.out) == (1, "")
        assert "called '#orchard'" in unknown.err
