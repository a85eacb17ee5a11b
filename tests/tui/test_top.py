"""`chatserver top` on real servers: in a window, in a real terminal, and for scripts."""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import jsonschema
import pytest
from textual.pilot import Pilot

from chatserver.backends import open_chat_names
from chatserver.ops.reading import Reading
from chatserver.settings import Settings
from chatserver.top.app import TopApp
from chatserver.top.cells import UNICODE
from chatserver.top.poller import Names
from chatserver.top.source import Source, SourceError, local_address
from tests.support.homes import run_command
from tests.support.server import SILENT, RunningServer, ServerProcess, running_server
from tests.support.tls import authority, write_pair

ROOT = Path(__file__).parents[2]
WAIT_S = 20.0


def shown(pilot: Pilot[None]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], condition: Callable[[str], object]) -> str:
    """Let the window work until its text is as it should be."""
    deadline = time.monotonic() + WAIT_S
    while not condition(text := shown(pilot)):
        assert time.monotonic() < deadline, f"it did not happen:\n{text}"
        await pilot.pause(0.05)
    return text


@contextlib.asynccontextmanager
async def window(url: str, size: tuple[int, int], names: Names | None = None) -> AsyncIterator[Pilot[None]]:
    source = Source(url)
    async with TopApp(source, 0.3, names, UNICODE).run_test(size=size) as pilot:
        yield pilot
    await source.close()


async def busy_group(server: RunningServer, title: str) -> int:
    """A group in which twenty messages were said to two people just now; its id."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await anna.group(title, ben)
    async with anna.socket() as annas, ben.socket():
        for number in range(20):
            await annas.say(chat, f"whisper {number}")
    return chat.id


async def test_the_window_follows_a_server_through_its_end_and_a_new_beginning(tmp_path: Path) -> None:
    """It shows ids, not names; keys work; without a server the last values stay, and it comes back by itself."""
    async with contextlib.AsyncExitStack() as running:
        server = await running.enter_async_context(running_server(tmp_path / "data", SILENT))
        port = int(server.url.rpartition(":")[2])
        chat_id = await busy_group(server, "Secret garden")
        async with window(server.url, (90, 26)) as pilot:
            text = await until(pilot, lambda text: str(chat_id) in text and "commit" in text)
            assert "Secret" not in text
            assert "whisper" not in text
            assert "● live" in text
            await pilot.press("s")
            await until(pilot, lambda text: "a minute, by messages" in text)
            await pilot.press("question_mark")
            await until(pilot, lambda text: "order the chats by" in text)
            await pilot.press("question_mark")
            await until(pilot, lambda text: "messages/s" in text)
            await pilot.press("p")
            await until(pilot, lambda text: "● paused" in text)
            await pilot.press("p", "plus")
            await until(pilot, lambda text: "● live" in text and "every 0.5 s" not in text)
            await pilot.press("minus")
            await until(pilot, lambda text: "every 0.5 s" in text)
            await running.aclose()
            text = await until(pilot, lambda text: "no answer for" in text)
            assert "nobody listens there" in text
            assert str(chat_id) in text
            async with running_server(tmp_path / "data", SILENT, at_port=port):
                await until(pilot, lambda text: "● live" in text and "restarted" in text)
            await pilot.press("q")
            assert pilot.app.return_code == 0


async def test_names_are_shown_where_asked_for_and_cannot_harm_a_terminal(tmp_path: Path) -> None:
    """Of groups; who writes to whom directly stays untold."""
    async with running_server(tmp_path / "data", SILENT) as server:
        anna, ben = await server.person("Anna"), await server.person("Benedictus")
        garden, hostile = await anna.group("Garden", ben), await anna.group("Choir", ben)
        await server.application.store.describe_group(anna.id, hostile.id, title="x\x1b[31mred\u202e")
        direct = await anna.direct(ben)
        async with anna.socket() as annas:
            await annas.say(garden, "whisper")
            await annas.say(hostile, "a")
            await annas.say(direct, "b")
        names = await open_chat_names(tmp_path / "data")
        async with window(server.url, (120, 30), names) as pilot:
            text = await until(pilot, lambda text: "Garden" in text and "direct chat" in text)
        await names.close()
        assert "x␛[31mred" in text
        assert "Benedictus" not in text


async def test_scripts_get_one_look_as_json_or_text(tmp_path: Path) -> None:
    """By the data folder alone, by URL, and with an exit code for each way it can go wrong."""
    data = tmp_path / "data"
    async with ServerProcess(data, arguments=("--log-level", "warning")) as server:
        assert local_address(Settings(data=data)) == server.url
        quick = ("--interval", "0.2")
        done = await run_command("chatserver", "top", "--data", str(data), "--json", *quick)
        assert done.code == 0, done.err
        schema = json.loads((ROOT / "docs/schema/top.json").read_text())
        record = json.loads(done.out)
        jsonschema.Draft202012Validator(schema).validate(record)
        assert record.keys() == schema["$defs"]["Figures"]["properties"].keys()
        assert record["url"] == server.url
        assert record["storage"]["database"]
        done = await run_command("chatserver", "top", server.url, "--once", "--names", "--data", str(data), *quick)
        assert done.code == 0, done.err
        assert "messages/s" in done.out
        assert "\x1b" not in done.out
        assert len(done.out.splitlines()) < 40
        for most in (0, 2, 100):
            done = await run_command("chatserver", "top", server.url, "--json", "--statements", str(most), *quick)
            told = json.loads(done.out)["statements"]
            assert told == sorted(told, key=lambda one: (-(one["p99"] or 0), -one["worst"], one["name"]))[:most]
            assert len(told) == most or most == 100
        assert (await run_command("chatserver", "top", server.url, "--once", "--statements", "101")).code == 2
        assert (await run_command("chatserver", "top", server.url)).code == 2
        assert (await run_command("chatserver", "top", "ftp://nowhere")).code == 2
        nowhere = ("--names", "--data", str(tmp_path / "none"))
        done = await run_command("chatserver", "top", server.url, "--once", *nowhere)
        assert (done.code, (tmp_path / "none").exists()) == (5, False)
    done = await run_command("chatserver", "top", "--data", str(data), "--once")
    assert (done.code, done.out) == (14, "")
    assert "nobody listens there" in done.err


async def test_a_server_that_does_not_tell_is_explained(tmp_path: Path) -> None:
    async with running_server(tmp_path / "data", SILENT, metrics_networks=("10.0.0.0/8",)) as server:
        done = await run_command("chatserver", "top", server.url, "--once")
        assert done.code == 14
        assert "metrics_networks" in done.err


async def asked(url: str) -> Reading:
    source = Source(url)
    try:
        return await source.read()
    finally:
        await source.close()


async def test_an_authority_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another machine its certificate must be for the name, and of an authority that is trusted."""
    certificate, key = write_pair(tmp_path)
    ours = tmp_path / "ca.pem"
    ours.write_bytes(authority().cert_pem.bytes())
    async with running_server(tmp_path / "data", SILENT, tls_certificate=certificate, tls_key=key) as server:
        assert (await asked(server.url)).version
        monkeypatch.setattr("chatserver.top.source._is_loopback", lambda _: False)
        with pytest.raises(SourceError, match="SSL_CERT_FILE"):
            await asked(server.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(ours))
        assert (await asked(server.url)).version
        with pytest.raises(SourceError, match="https://"):
            await asked(server.url.replace("https:", "http:"))
