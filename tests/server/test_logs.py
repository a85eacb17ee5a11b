"""The log of a real server: what it tells, what it must never tell, and how its level changes while it runs."""

import asyncio
import contextlib
import json
import secrets
import signal
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chatproto import codec
from chatproto.frames import Ack, Hello, Outgoing, Send
from chatproto.rest import Tokens
from tests.support.server import PASSWORD, WAIT_S, ServerProcess

CANARY = "canary-Zo7"


def lines(process: ServerProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.log.read_text().splitlines()]


async def until_logged(process: ServerProcess, message: str) -> dict[str, Any]:
    """Wait for a line with this message; the log is a file, so there is nothing else to wait for."""
    async with asyncio.timeout(WAIT_S):
        while True:
            for line in lines(process):
                if line["message"].startswith(message):
                    return line
            await asyncio.sleep(0.01)


async def misuse(process: ServerProcess, http: httpx.AsyncClient) -> None:
    """Everything that goes wrong, with something secret in it."""
    wrong = {"email": "anna@example.org", "password": f"{CANARY}-wrong", "device": f"{CANARY}-device"}
    assert (await http.post("/auth/login", json=wrong)).status_code == 401
    assert (await http.post("/auth/login", content=f'{{"password": "{CANARY}', headers=JSON)).status_code == 400
    assert (await http.post("/auth/refresh", json={"refreshToken": f"r1.{CANARY}"})).status_code == 401
    assert (await http.get("/me", headers={"Authorization": f"Bearer {CANARY}"})).status_code == 401
    assert (await http.get(f"/join/{CANARY}?q={CANARY}")).status_code == 404
    assert (await http.get("/users", params={"q": CANARY})).status_code == 401
    assert (await http.post("/chats", json={"kind": "group", "title": CANARY})).status_code == 401
    assert (await http.get("/healthz", headers={"X-Request-Id": f"{CANARY}!", "Cookie": CANARY})).status_code == 200
    url = process.url.replace("http", "ws", 1)
    for path, frame in ((f"/ws?token={CANARY}", "{"), ("/ws", f'{{"type": "hello", "token": "{CANARY}"}}')):
        async with connect(url + path, compression=None, proxy=None) as socket:
            await socket.send(frame)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await socket.recv()
    with contextlib.suppress(InvalidStatus):
        async with connect(f"{url}/{CANARY}", additional_headers={"Origin": f"https://{CANARY}.example"}, proxy=None):
            pass
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    writer.write(f"{CANARY}\r\n\r\n".encode())
    await reader.read()
    writer.close()


JSON = {"Content-Type": "application/json"}


async def talk(process: ServerProcess, tokens: Tokens) -> None:
    """A connection that sends a message and several frames that cannot be taken."""
    message = Outgoing(client_id=secrets.token_bytes(16), text=f"{CANARY} text", user_id=tokens.user.id)
    async with connect(process.url.replace("http", "ws", 1) + "/ws", compression=None, proxy=None) as socket:
        await socket.send(codec.encode_text(Hello(token=tokens.access_token)))
        await socket.recv()
        await socket.send(f'{{"type": "{CANARY}", "text": "{CANARY}"}}')
        await socket.send(f'{{"type": "send", "id": 1, "messages": "{CANARY}"}}')
        await socket.send(codec.encode_text(Send(id=2, messages=[message])))
        while not isinstance(codec.decode_server_frame(await socket.recv()), Ack):
            pass
        await socket.send(f'{{"text": "{CANARY}')
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()


async def use(http: httpx.AsyncClient, user_id: int) -> list[str]:
    """Everything else a client does with words of its own; returns the secrets that the server made for it."""
    invite = (await http.post("/invites", json={})).json()
    body = {"email": "new@example.org", "displayName": CANARY, "password": CANARY, "invite": invite["code"]}
    registered = await http.post("/auth/register", json=body)
    assert registered.status_code == 201, registered.text
    body = {"email": "anna@example.org", "code": f"{CANARY}-code", "newPassword": CANARY}
    assert (await http.post("/auth/reset", json=body)).status_code in {400, 401, 403}
    chat = (await http.post("/chats", json={"kind": "direct", "userId": user_id})).json()["id"]
    message = (await http.post(f"/chats/{chat}/messages", json={"text": f"{CANARY} text"})).json()
    edited = await http.patch(f"/chats/{chat}/messages/{message['seq']}", json={"text": f"{CANARY} again"})
    assert edited.status_code == 200, edited.text
    assert (await http.get("/search", params={"q": CANARY})).status_code == 200
    assert (await http.get("/users/search", params={"q": CANARY})).status_code == 200
    assert (await http.patch("/me", json={"status": CANARY})).status_code == 200
    posted = await http.post("/files", params={"name": f"{CANARY}.txt"}, content=CANARY.encode())
    assert posted.status_code == 201, posted.text
    assert (await http.get(f"/files/{posted.json()['id']}")).content == CANARY.encode()
    push = {"endpoint": f"https://localhost/{CANARY}", "keys": {"p256dh": CANARY, "auth": CANARY}, "name": CANARY}
    assert (await http.post("/me/push", json=push)).status_code == 400
    return [invite["code"], registered.json()["accessToken"], registered.json()["refreshToken"], "new@example.org"]


async def test_the_log_of_a_busy_session_holds_no_secret(tmp_path: Path) -> None:
    """At the most talkative level: no token, no password, no text, no path or query that a client made up."""
    config = tmp_path / "chat.toml"
    config.write_text('log_level = "debug"\nlog_format = "json"\nregistration = "invite"\nmember_invites = true\n')
    process = ServerProcess(tmp_path / "data", arguments=("--config", str(config)))
    async with process:
        await process.add_user("anna@example.org", "Anna")
        async with httpx.AsyncClient(base_url=process.url, timeout=WAIT_S) as http:
            body = {"email": "anna@example.org", "password": PASSWORD}
            answer = await http.post("/auth/login", json=body, headers={"X-Request-Id": "request-of-anna"})
            tokens = codec.decode_body(answer.content, Tokens)
            await talk(process, tokens)
            await misuse(process, http)
            headers = {"Authorization": f"Bearer {tokens.access_token}"}
            assert (await http.get("/me", headers=headers)).status_code == 200
            async with httpx.AsyncClient(base_url=process.url, timeout=WAIT_S, headers=headers) as annas:
                made = await use(annas, tokens.user.id)
            assert (await http.post("/auth/logout", headers=headers)).status_code == 204
        assert await process.terminate() == 0
    log = process.log.read_text()
    for secret in (CANARY, PASSWORD, tokens.access_token, tokens.refresh_token, "anna@example.org", "Traceback", *made):
        assert secret not in log, secret
    told = lines(process)
    (login,) = (line for line in told if line.get("request") == "request-of-anna")
    assert (login["message"], login["operation"], login["status"], login["level"]) == ("answered", "login", 200, "info")
    assert login["address"] == "127.0.0.1"
    (me,) = (line for line in told if line.get("operation") == "get_me" and line["status"] == 200)
    assert (me["level"], me["user"]) == ("debug", tokens.user.id)
    ended = [line for line in told if line["message"] == "connection closed"]
    assert [(line["code"], line.get("user")) for line in ended] == [(4400, tokens.user.id), (4400, None), (4401, None)]
    assert "rate limits are off" in told[0]["message"]
    assert ended[0]["frames"] == 5
    assert told[1]["message"] == "serving"
    assert told[-1]["message"] == "stopping"


async def test_the_level_changes_while_the_server_runs(tmp_path: Path) -> None:
    """SIGUSR1 switches debug lines on and off; SIGHUP reads the settings again, where a mistake changes nothing."""
    config = tmp_path / "chat.toml"
    config.write_text('log_level = "warning"\nlog_format = "json"\n')
    async with ServerProcess(tmp_path / "data", arguments=("--config", str(config))) as process:
        async with httpx.AsyncClient(base_url=process.url, timeout=WAIT_S) as http:

            async def ask(name: str) -> None:
                await http.get("/healthz", headers={"X-Request-Id": f"request-{name}"})

            await ask("unheard")
            process.signal(signal.SIGUSR1)
            await until_logged(process, "the log level is now debug")
            await ask("heard")
            process.signal(signal.SIGUSR1)
            await until_logged(process, "the log level is now warning")
            await ask("unheard-again")
            config.write_text('log_level = "loud"\n')
            process.signal(signal.SIGHUP)
            assert "'log_level'" in (await until_logged(process, "the settings were not read again"))["message"]
            await ask("still-unheard")
            config.write_text('log_level = "debug"\n')
            process.signal(signal.SIGHUP)
            await until_logged(process, "the settings were read again")
            await ask("heard-again")
        assert await process.terminate() == 0
        heard = [line["request"] for line in lines(process) if line["message"] == "answered"]
        assert heard == ["request-heard", "request-heard-again"]
