"""Forgotten passwords: codes from the server's owner and codes by mail, on a real SMTP server."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatproto.errors import ChatError, CloseCode
from chatproto.models import User
from chatproto.rest import Tokens
from chatserver.services.accounts import Accounts
from chatserver.services.passwords import PasswordPool
from chatserver.services.recovery import Recovery
from tests.server.test_rest import read, refused
from tests.support.mail import SECRET, USER, Mailbox, make_certificate, smtp_server
from tests.support.server import FAST, PASSWORD, RunningServer, running_server

NEW = "another horse"
SENDER = "Chat <chat@example.org>"


async def add_pat(server: RunningServer) -> User:
    pool = PasswordPool()
    try:
        return await Accounts(server.application.store, pool).create("pat@example.org", "Pat", PASSWORD)
    finally:
        pool.close()


@pytest.fixture
async def recovery(server: RunningServer) -> AsyncIterator[Recovery]:
    """What the command line uses."""
    pool = PasswordPool()
    try:
        yield Recovery(server.application.store, pool, code_ttl_s=60)
    finally:
        pool.close()


async def reset(server: RunningServer, code: str, email: str = "pat@example.org", new: str = NEW) -> httpx.Response:
    return await server.http.post("/auth/reset", json={"email": email, "code": code, "newPassword": new})


async def ask(server: RunningServer, email: str = "pat@example.org") -> int:
    return (await server.http.post("/auth/reset/request", json={"email": email})).status_code


async def log_in(server: RunningServer, password: str) -> httpx.Response:
    return await server.http.post("/auth/login", json={"email": "pat@example.org", "password": password})


def code_in(mail: Message) -> str:
    found = re.search(r"Your code is: (\S+)", str(mail.get_payload()))
    assert found is not None
    return found.group(1)


async def test_a_code_sets_a_new_password_once(server: RunningServer, recovery: Recovery) -> None:
    """However it is typed; every session ends; it works for its own address only."""
    person = await server.signed_in(await add_pat(server))
    await server.user("Eve")
    code = await recovery.issue(person.id)
    assert code is not None
    refused(await reset(server, code, "eve@example.org"), "resetCodeWrong")
    refused(await reset(server, code, new="short"), "passwordInvalid")
    async with person.socket() as socket:
        assert (await reset(server, f" {code.upper().replace('-', '')} ", " PAT@example.org")).status_code == 204
        assert (await socket.closed())[0] == CloseCode.REVOKED
    refused(await log_in(server, PASSWORD), "credentialsWrong")
    read(await log_in(server, NEW), Tokens)
    refused(await reset(server, code), "resetCodeWrong")


async def test_codes_that_do_not_work_have_one_answer(server: RunningServer, recovery: Recovery) -> None:
    """Wrong, of nobody, for an address that is none; after five tries the right one is void, too."""
    user = await add_pat(server)
    code = await recovery.issue(user.id)
    assert code is not None
    answers = [await reset(server, "wrong", email) for email in ("pat@example.org", "nobody@example.org", "no address")]
    answers += [await reset(server, "wrong") for _ in range(4)]
    answers.append(await reset(server, code))
    assert len({answer.text for answer in answers}) == 1
    refused(answers[0], "resetCodeWrong")
    read(await log_in(server, PASSWORD), Tokens)


async def test_a_server_without_mail_says_so(server: RunningServer) -> None:
    """The same for everybody: it is a fact about the server."""
    await add_pat(server)
    for email in ("pat@example.org", "nobody@example.org"):
        refused(await server.http.post("/auth/reset/request", json={"email": email}), "mailUnavailable")


async def test_a_mailed_code_resets_the_password(tmp_path: Path) -> None:
    """Over STARTTLS with a login, its certificate checked; who has no account gets the same answer and no mail."""
    certificate = make_certificate(tmp_path / "smtp.pem")
    (tmp_path / "secret").write_text(SECRET + "\n")
    login = {"smtp_user": USER, "smtp_password_file": tmp_path / "secret"}
    async with smtp_server(certificate) as box, mailing(tmp_path, box, smtp_ca_file=certificate, **login) as server:
        await add_pat(server)
        for email in ("nobody@example.org", "no address", " PAT@example.org "):
            assert await ask(server, email) == 202
        mail = await box.next()
        assert (mail["To"], mail["From"], mail["X-Login"], mail["X-Tls"]) == ("pat@example.org", SENDER, "True", "True")
        assert (await reset(server, code_in(mail))).status_code == 204
        read(await log_in(server, NEW), Tokens)
        assert box.mails.empty()


async def test_a_mail_over_tls_from_the_beginning(tmp_path: Path) -> None:
    """The other way to encrypt."""
    certificate = make_certificate(tmp_path / "smtp.pem")
    async with (
        smtp_server(certificate, implicit_tls=True) as box,
        mailing(tmp_path, box, smtp_tls="tls", smtp_ca_file=certificate) as server,
    ):
        await add_pat(server)
        assert await ask(server) == 202
        assert (await reset(server, code_in(await box.next()))).status_code == 204


async def test_a_mail_is_tried_again_until_the_server_takes_it(tmp_path: Path) -> None:
    """With the same code; asking again meanwhile sends no second mail."""
    async with smtp_server() as box, mailing(tmp_path, box, smtp_tls="none") as server:
        await add_pat(server)
        box.replies = ["451 Try again", "452 Try again"]
        assert await ask(server) == await ask(server) == 202
        mail = await box.next()
        assert box.refused.qsize() == 2
        assert (await reset(server, code_in(mail))).status_code == 204
        assert box.mails.empty()


async def test_a_mail_that_is_refused_for_good_is_given_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Others are mailed; the log says for whom it was, by id, and holds neither address nor code."""
    async with smtp_server() as box, mailing(tmp_path, box, smtp_tls="none") as server:
        pat, eve = await add_pat(server), await server.user("Eve")
        box.replies = ["550 No"]
        assert await ask(server) == 202
        assert await box.refused.get() == "550 No"
        assert await ask(server, eve.email) == 202
        code = code_in(await box.next())
    assert f"user {pat.id} was not mailed, given up" in caplog.text
    assert not any(secret in caplog.text for secret in (code, pat.email, eve.email))


async def test_a_server_whose_certificate_is_not_trusted_gets_no_mail(tmp_path: Path) -> None:
    """Nor a password: the connection ends before the login."""
    certificate = make_certificate(tmp_path / "smtp.pem")
    other = make_certificate(tmp_path / "other.pem")
    given_up = Logged("given up")
    async with smtp_server(certificate) as box:
        async with mailing(tmp_path, box, smtp_ca_file=other) as server:
            await add_pat(server)
            assert await ask(server) == 202
            await given_up.wait()
        assert box.mails.empty()


async def test_a_full_queue_refuses_more_requests(tmp_path: Path) -> None:
    """It is bounded, and the answer depends on nobody's account."""
    async with smtp_server() as box, mailing(tmp_path, box, smtp_tls="none") as server:
        courier = server.application.recovery._courier
        assert courier is not None
        with pytest.raises(ChatError) as caught:
            for n in range(2_000):
                courier.request(f"nobody{n}@example.org")
        assert caught.value.code == "overloaded"


class Logged(logging.Handler):
    """Waits for a text in the server's log."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.seen = asyncio.Event()
        logging.getLogger("chatserver.mail").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self.seen.set()

    async def wait(self) -> None:
        async with asyncio.timeout(15):
            await self.seen.wait()
        logging.getLogger("chatserver.mail").removeHandler(self)


def mailing(folder: Path, box: Mailbox, **settings: Any) -> Any:
    """A server that mails through this box."""
    return running_server(
        folder / "data", FAST, smtp_host="127.0.0.1", smtp_port=box.port, smtp_from=SENDER, **settings
    )
