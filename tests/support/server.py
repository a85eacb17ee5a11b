"""A real server for tests: in this process on a free port, or as a process of its own that can be killed."""

import asyncio
import contextlib
import functools
import os
import secrets
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chatproto import codec, limits
from chatproto.frames import Ack, ClientFrame, Hello, Outgoing, Send, SendResult, ServerFrame, Welcome
from chatproto.models import Chat, User
from chatproto.rest import Tokens
from chatserver.app import Application, Timing
from chatserver.listening import Listeners, opened, url_of
from chatserver.serve import serving
from chatserver.server import Server
from chatserver.settings import Settings
from tests.support.forking import Child, forker, read_pipe
from tests.support.homes import run_command
from tests.support.tls import trusting

WAIT_S = 15.0
"""Far longer than anything takes; a test that reaches it has failed."""
PASSWORD = "correct horse"

FAST = Timing(
    heads_interval=0.05,
    presence_interval=0.01,
    presence_grace=0.05,
    last_seen_interval=0.01,
    chat_signals_interval=0.01,
    typing_lifetime=0.3,
    users_interval=0.01,
    mail_backoff=0.001,
)
"""Short intervals, for tests that wait for periodic frames."""
QUIET = Timing(heads_interval=3600.0)
"""No heads between the frames a test expects."""
SILENT = Timing(heads_interval=3600.0, users_interval=3600.0)
"""Nor news of the users that the test itself adds."""

F = TypeVar("F", bound=ServerFrame)


@functools.cache
def trusted() -> ssl.SSLContext:
    """What every client of a test trusts; to read it anew for each would take longer than most tests."""
    return ssl.create_default_context()


class Socket:
    """A raw WebSocket that speaks frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self.raw = connection
        self.welcome: Welcome | None = None
        self._ids = iter(range(1, 1 << 30))

    async def send(self, frame: ClientFrame) -> None:
        await self.raw.send(codec.encode_text(frame))

    async def next(self) -> ServerFrame:
        """The next frame, whatever it is."""
        async with asyncio.timeout(WAIT_S):
            return codec.decode_server_frame(await self.raw.recv())

    async def expect(self, kind: type[F]) -> F:
        """The next frame, which must be of this type."""
        frame = await self.next()
        assert isinstance(frame, kind), frame
        return frame

    async def until(self, kind: type[F], accept: Callable[[F], bool] = lambda _: True) -> F:
        """The next frame of this type that is accepted; others are dropped."""
        while True:
            frame = await self.next()
            if isinstance(frame, kind) and accept(frame):
                return frame

    async def send_messages(self, *messages: Outgoing) -> list[SendResult]:
        """Send a list and wait for its ack; other frames are dropped."""
        request_id = next(self._ids)
        await self.send(Send(id=request_id, messages=list(messages)))
        ack = await self.until(Ack, lambda frame: frame.id == request_id)
        return ack.results

    async def say(self, chat: Chat, text: str) -> SendResult:
        """Send one text to a chat and wait for its ack."""
        return (await self.send_messages(outgoing(text, chat_id=chat.id)))[0]

    async def closed(self) -> tuple[int, str]:
        """Wait for the end of the connection: its close code and reason; frames before it are dropped."""
        async with asyncio.timeout(WAIT_S):
            try:
                while True:
                    await self.raw.recv()
            except ConnectionClosed as end:
                assert end.rcvd is not None, "the connection ended without a close frame"
                return end.rcvd.code, end.rcvd.reason


@dataclass
class Person:
    """A user with a session on a test server."""

    server: "RunningServer"
    user: User
    tokens: Tokens
    http: httpx.AsyncClient

    @property
    def id(self) -> int:
        return self.user.id

    @contextlib.asynccontextmanager
    async def socket(self, *, greet: bool = True, **hello: Any) -> AsyncIterator[Socket]:
        """A connection; greeted, unless told otherwise."""
        async with self.server.socket() as socket:
            if greet:
                await socket.send(Hello(token=self.tokens.access_token, **hello))
                socket.welcome = await socket.expect(Welcome)
            yield socket

    async def direct(self, other: "Person") -> Chat:
        return await self.server.application.store.open_direct(self.id, other.id)

    async def group(self, title: str, *others: "Person") -> Chat:
        return await self.server.application.store.create_group(self.id, title, [other.id for other in others])


@dataclass
class RunningServer:
    """A server in this process."""

    url: str
    server: Server
    application: Application
    http: httpx.AsyncClient
    data: Path
    trust: ssl.SSLContext
    listeners: Listeners
    _closing: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def user(self, name: str) -> User:
        """Add a user without a usable password; `name` is also the name of the address."""
        return await self.application.store.create_user(f"{name.lower()}@example.org", name, "!")

    async def person(self, name: str) -> Person:
        """Add a user with a session."""
        return await self.signed_in(await self.user(name))

    async def signed_in(self, user: User) -> Person:
        """Another session of a user."""
        # Without a password: hashing one for every person of every test would take most of their time.
        tokens = await self.application.auth.start_session(user, "test")
        http = await self._closing.enter_async_context(
            httpx.AsyncClient(
                base_url=self.url,
                timeout=WAIT_S,
                headers={"Authorization": f"Bearer {tokens.access_token}"},
                verify=self.trust,
            )
        )
        return Person(self, user, tokens, http)

    @contextlib.asynccontextmanager
    async def socket(self, path: str = "/ws", **options: Any) -> AsyncIterator[Socket]:
        """A WebSocket that has not said hello."""
        url = self.url.replace("http", "ws", 1) + path
        options = {
            "compression": None,
            "proxy": None,
            "close_timeout": 1,
            "max_size": limits.SERVER_FRAME_MAX_BYTES,
            **({"ssl": self.trust} if url.startswith("wss:") else {}),
            **options,
        }
        async with connect(url, **options) as connection:
            yield Socket(connection)


@contextlib.asynccontextmanager
async def running_server(
    data: Path, timing: Timing = QUIET, *, at_port: int = 0, **settings: Any
) -> AsyncIterator[RunningServer]:
    """A server on a port of the loopback interface, a free one unless told, with its database in `data`."""
    settings.setdefault("limits_enabled", False)  # tests drive harder than people, but for those of limits
    whole = Settings(data=data, host="127.0.0.1", port=at_port, **settings)
    with opened(whole, {}) as listeners:
        url = url_of(listeners.main[0], "https" if whole.tls else "http")
        verify = trusting() if whole.tls else trusted()
        async with (
            serving(whole, listeners, timing) as (server, application),
            contextlib.AsyncExitStack() as closing,
        ):
            http = await closing.enter_async_context(httpx.AsyncClient(base_url=url, timeout=WAIT_S, verify=verify))
            yield RunningServer(url, server, application, http, data, verify, listeners, closing)


def outgoing(text: str, **target: Any) -> Outgoing:
    """A message with a fresh client id."""
    return Outgoing(client_id=secrets.token_bytes(16), text=text, **target)


class ServerProcess:
    """`chatserver serve` as a process of its own, which may be killed and started again on the same port and data."""

    def __init__(
        self, data: Path, *, port: int = 0, arguments: tuple[str, ...] = (), from_nothing: bool = False
    ) -> None:
        """Its stderr is appended to the file `server.log` beside `data`.

        It is forked from a process that has loaded everything, unless it is to start `from_nothing`, which takes long.
        """
        self.data = data
        self.port = port
        self.log = data.parent / "server.log"
        self._arguments = arguments
        self._from_nothing = from_nothing
        self._process: asyncio.subprocess.Process | Child | None = None
        self._out = asyncio.StreamReader()

    @property
    def url(self) -> str:
        assert self.port, "the server was never started"
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start, and wait until it accepts connections; takes the same port as before."""
        assert self._process is None, "it is running"
        reading, writing = os.pipe()
        with self.log.open("ab") as log, os.fdopen(writing, "wb") as out, Path(os.devnull).open("rb") as nothing:
            arguments = ["serve", "--host", "127.0.0.1", "--port", str(self.port), *self._arguments]
            arguments += ["--data", str(self.data)]
            environment = {"CHATSERVER_LIMITS_ENABLED": "false", **os.environ}  # as in `running_server`
            if self._from_nothing:
                command = (sys.executable, "-m", "chatserver", *arguments)
                self._process = await asyncio.create_subprocess_exec(
                    *command, stdin=nothing, stdout=out, stderr=log, env=environment
                )
            else:
                self._process = forker().start("chatserver", arguments, environment, (nothing, out, log))
        self._out = await read_pipe(reading)
        async with asyncio.timeout(WAIT_S):
            line = (await self._out.readline()).decode().strip()
        if not line.startswith("http://"):
            code = await self.exit_code()
            raise AssertionError(f"the server ended with {code} and said {line!r}:\n{self.log.read_text()[-2000:]}")
        self.port = int(line.rpartition(":")[2])

    async def kill(self) -> None:
        """SIGKILL: no time to tidy up. Does nothing if it is not running."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.exit_code()

    def signal(self, number: int) -> None:
        """Send a signal and do not wait."""
        assert self._process is not None, "it is not running"
        self._process.send_signal(number)

    async def terminate(self) -> int:
        """SIGTERM, and wait for the end; returns the exit code."""
        self.signal(signal.SIGTERM)
        return await self.exit_code()

    async def exit_code(self) -> int:
        """Wait for the end of the process."""
        process, self._process = self._process, None
        assert process is not None
        async with asyncio.timeout(WAIT_S):
            code = await (process.ended() if isinstance(process, Child) else process.wait())
            await self._out.read()
        return code

    async def add_user(self, email: str, name: str, password: str = PASSWORD) -> None:
        """Add a user with the command line, as an owner would; the server may run or not."""
        done = await run_command(
            "chatserver",
            *("user", "add", email, "--name", name, "--password-stdin", "--data", str(self.data)),
            stdin=password + "\n",
        )
        assert done.code == 0, done.err

    async def __aenter__(self) -> "ServerProcess":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
