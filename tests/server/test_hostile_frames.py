"""Hostile peers: whatever arrives is answered as documented, harms nobody else, and is never applied by half."""

import asyncio
import base64
import contextlib
import copy
import json
import logging
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from chatproto import codec, limits
from chatproto.errors import CODES, CloseCode
from chatproto.frames import Ack, ClientFrame, Done, Error, Hello, Presence, Send, ServerFrame, Watch
from chatproto.models import Chat
from tests.support.server import SILENT, WAIT_S, Person, RunningServer, Socket, running_server
from tests.support.structs import full, instances, places, struct_types

ENDS = {int(code) for code in CloseCode} | {1002, 1007, 1009}
"""Close codes on the protocol page, and RFC 6455's own for what is no WebSocket frame at all."""

WRONG = (
    *("null", "true", "0", "-1", "1.5", "1e308", "9223372036854775808", "1" + "0" * 400, '""', '"x"', '"\\u0000"'),
    *('"\u202e"', '"' + "9" * 70_000 + '"', "[]", "{}", "[[]]", "[null]", '[{"type":"hello"}]', '{"type":"send"}'),
    *("[" + ",".join(["1"] * 6_000) + "]", "[" * 100 + "]" * 100),
)
"""JSON values that hardly any field may hold."""


@dataclass
class Stage:
    """A server with a hostile user, a chat that is theirs, and a witness whose connection must live through it all."""

    server: RunningServer
    person: Person
    chat: Chat
    witness: Socket
    witness_id: int

    async def check_others(self) -> None:
        """The witness is still served."""
        await self.witness.send(Watch(user_ids=[self.witness_id]))
        while self.witness_id not in (await self.witness.until(Presence)).online:
            pass

    async def log_size(self) -> int:
        page, _ = await self.server.application.store.events(self.chat.id, limit=1)
        return page[-1].seq if page else 0


Scenario = Callable[[Stage], Awaitable[None]]
Run = Callable[[Scenario], None]


@contextlib.asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    async with running_server(folder / "data", SILENT, user_sockets=1_000) as server:
        person, witness = await server.person("Mallory"), await server.person("Ben")
        chat = await person.group("ours", witness)
        async with witness.socket() as socket:
            yield Stage(server, person, chat, socket, witness.id)


@pytest.fixture
def run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Run]:
    """Runs one example after another against one stage; in the end the log holds no complaint."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        context = staged(tmp_path)
        stage = runner.run(context.__aenter__())

        async def example(scenario: Scenario) -> None:
            async with asyncio.timeout(WAIT_S):
                await scenario(stage)
                await stage.check_others()

        try:
            yield lambda scenario: runner.run(example(scenario))
        finally:
            runner.run(context.__aexit__(None, None, None))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def documented(frame: ServerFrame) -> ServerFrame:
    """The frame, which must not be an error that the page does not know or that the server did not expect."""
    errors = [frame.error] if isinstance(frame, Error) else []
    errors += [result.error for result in frame.results if result.error] if isinstance(frame, Ack) else []
    for error in errors:
        assert error.code in CODES
        assert error.code != "internal", error
    return frame


async def rest_of(socket: Socket) -> tuple[list[ServerFrame], int]:
    """All frames up to the end of a connection, and its close code."""
    frames: list[ServerFrame] = []
    try:
        while True:
            frames.append(documented(await socket.next()))
    except ConnectionClosed as end:
        assert end.rcvd is not None, "the connection ended without a close frame"
        return frames, end.rcvd.code


# --- every field, with every wrong value ---


def mangled() -> Iterator[tuple[str, int]]:
    """Each client frame with a wrong value at each of its places, as JSON; and the request id, if there is one."""
    for kind in struct_types(ClientFrame):
        whole = full(kind)
        for path in places(whole):
            changed = copy.deepcopy(whole)
            part: Any = changed
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = "@@"
            text = json.dumps(changed)
            yield from ((text.replace('"@@"', value), changed.get("id", 0)) for value in WRONG)


def refusal_of(text: str) -> str | None:
    """The code with which the codec refuses a frame."""
    try:
        codec.decode_client_frame(text)
    except codec.ProtocolError as error:
        return error.code
    return None


async def test_every_field_refuses_every_wrong_value(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    """Each refusal has its code and names the request, and one connection lives through thousands of them."""
    frames = [(text, request_id, refusal_of(text)) for text, request_id in mangled()]
    refused = [frame for frame in frames if frame[2] in {"invalidFrame", "unknownType"}]
    assert len(refused) > 0.5 * len(frames)
    async with anna.socket() as socket:
        for text, request_id, code in refused:
            await socket.raw.send(text)
            error = await socket.expect(Error)
            assert error.error.code == code, text[:200]
            assert error.id == request_id or not isinstance(request_id, int) or not request_id, text[:200]
        await socket.send(Watch(user_ids=[anna.id]))
        assert (await socket.expect(Presence)).online == [anna.id]
    assert (await anna.http.get("/chats")).json()["chats"] == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# --- random frames, several at once, before and after hello ---

GONE = object()
MOSTLY = st.sampled_from([True, True, True, False])
WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=10,
)
KINDS = struct_types(ClientFrame)
VALID = st.sampled_from([*KINDS, Send, Send, Send]).flatmap(instances).map(msgspec.to_builtins)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A frame of which some places hold something else, or nothing."""
    frame = draw(VALID)
    for _ in range(draw(st.integers(0, 2))):
        path: tuple[str | int, ...] = draw(st.sampled_from([*places(frame), ()]))
        new: Any = draw(st.just(GONE) | JSON)
        part: Any = frame
        for key in path[:-1]:
            part = part[key]
        if path and new is GONE:
            del part[path[-1]]
        elif path:
            part[path[-1]] = new
    return json.dumps(frame)


NESTED = st.builds(
    lambda mark, depth: f'{{"type":"watch","userIds":[],"x":{mark * depth}',
    st.sampled_from(["[", '{"a":']),
    st.integers(1, 60_000),
)
TEXTS = st.sampled_from(["NaN", '{"type":"watch","x":"\\ud800"}', "{}{}"]) | WORDS | NESTED
READABLE = st.one_of(*[VALID.map(json.dumps)] * 4, mutated(), JSON.map(json.dumps))
"""Frames after which the connection goes on."""
FRAMES = st.lists(READABLE, min_size=6, max_size=20) | st.lists(READABLE | TEXTS | st.binary(max_size=20), min_size=1)


PLAIN: dict[str, Any] = {"userId": None, "email": None, "replyTo": 0, "mentions": [], "fileIds": [], "forward": None}


def aimed(text: str | bytes, chat: Chat) -> str | bytes:
    """The frame with every target replaced by one of the sender's own, so that more of it takes effect."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(frame, dict) or isinstance(text, bytes):
        return text
    messages = frame.get("messages")
    for part in [frame, *(messages if isinstance(messages, list) else [])]:
        if isinstance(part, dict) and "chatId" in part:
            part["chatId"] = chat.id
            if isinstance(part.get("seq"), int):
                part["seq"] %= 8
            if "emoji" in part:
                part["emoji"] = "👍"
            if "clientId" in part:
                part.update(PLAIN, clientId=base64.b64encode(os.urandom(16)).decode())
            if "text" in part:
                part["text"] = "said"
    return json.dumps(frame)


@settings(max_examples=100, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(frames=FRAMES, aim=MOSTLY, greeted=MOSTLY)
def _frames_are_answered(go: Run, frames: list[str | bytes], aim: bool, greeted: bool) -> None:
    async def scenario(stage: Stage) -> None:
        before = await stage.log_size()
        async with stage.person.socket(greet=greeted) as socket:
            with contextlib.suppress(ConnectionClosed):
                for frame in frames:
                    await socket.raw.send(aimed(frame, stage.chat) if aim else frame)
                await socket.raw.send(b"no frame: everything before it is settled, then the connection ends")
            answers, code = await rest_of(socket)
        assert code in {CloseCode.BAD_FRAME, CloseCode.TOKEN, CloseCode.PROTOCOL_VERSION}
        assert isinstance(answers[-1], Error)
        assert greeted or len(answers) == 1
        acked = [result for ack in answers if isinstance(ack, Ack) for result in ack.results if result.seq]
        places = {result.seq for result in acked if result.chat_id == stage.chat.id and not result.duplicate}
        places |= {done.seq for done in answers if isinstance(done, Done) and done.seq}
        assert await stage.log_size() - before == len(places)  # all that was stored was acknowledged, and nothing else

    go(scenario)


def test_random_frames_are_answered_and_nothing_is_half_applied(run: Run) -> None:
    """Valid, mutated, nested and nonsensical frames sent at once: documented answers, an orderly end, an exact log."""
    _frames_are_answered(run)


# --- what is no WebSocket frame ---


@st.composite
def wire(draw: st.DrawFn) -> bytes:
    """One WebSocket frame, right or wrong in any bit of its head, with a payload that may be shorter than it says."""
    payload = draw(st.binary(max_size=130) | mutated().map(str.encode))
    opcode = draw(st.sampled_from([0, 1, 1, 1, 1, 2, 8, 9, 10]) | st.integers(0, 15))
    fin, masked = draw(st.sampled_from([True, True, False])), draw(st.sampled_from([True] * 7 + [False]))
    reserved = draw(st.sampled_from([0] * 8 + [1, 4, 7]))
    lies = [len(payload) + 1, limits.FRAME_MAX_BYTES + 1, 2**63 - 1, 2**64 - 1]
    size = draw(st.sampled_from([len(payload)] * 9 + lies))
    head = struct.pack("!B", fin << 7 | reserved << 4 | opcode)
    if size < 126:
        head += struct.pack("!B", masked << 7 | size)
    elif size < 65_536:
        head += struct.pack("!BH", masked << 7 | 126, size)
    else:
        head += struct.pack("!BQ", masked << 7 | 127, size)
    return head + bytes(4 * masked) + payload  # masked with zeros: legal, and leaves the payload as it is


def text_frame(text: str) -> bytes:
    data = text.encode()
    assert 126 <= len(data) < 65_536
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(data)) + bytes(4) + data


def close_codes(data: bytes) -> list[int]:
    """The codes of the close frames among a server's frames."""
    codes = []
    while len(data) >= 2:
        size, start = data[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        if data[0] & 0x0F == 8 and size >= 2:
            codes.append(int.from_bytes(data[start : start + 2], "big"))
        data = data[start + size :]
    return codes


@settings(max_examples=100, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(frames=st.lists(wire() | st.binary(max_size=40), min_size=1), greeted=MOSTLY, cut=st.booleans())
def _bytes_end_in_order(go: Run, frames: list[bytes], greeted: bool, cut: bool) -> None:
    async def scenario(stage: Stage) -> None:
        address = stage.server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(address[0], int(address[1]))
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        hello = text_frame(codec.encode_text(Hello(token=stage.person.tokens.access_token)))
        writer.write((hello if greeted else b"") + b"".join(frames))
        if cut:
            writer.transport.abort()
            return
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        assert set(close_codes(answer)) <= ENDS | {1000}

    go(scenario)


def test_random_bytes_end_their_own_connection_only(run: Run) -> None:
    """Reserved bits and opcodes, lengths that lie, missing masks, broken fragments, text that is not UTF-8, cuts."""
    _bytes_end_in_order(run)


def test_many_connections_that_never_greet_leave_others_alone(run: Run) -> None:
    """Sockets that say nothing, or half of something, cost nobody else their connection."""

    async def scenario(stage: Stage) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for number in range(50):
                socket = await stack.enter_async_context(stage.server.socket())
                if number % 2:
                    await socket.raw.send(os.urandom(10))
            await stage.check_others()

    run(scenario)
