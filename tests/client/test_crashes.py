"""The server dies in the middle of work: everything is stored once, in order, and nothing stays in the outbox."""

from pathlib import Path

from chatproto.models import Message
from chatterm.client.accounts import account_key
from chatterm.client.api import Api
from chatterm.client.credentials import CredentialStore
from chatterm.client.model import Account, Target
from chatterm.client.paths import account_files
from chatterm.client.tokens import credentials_of
from tests.support.client import Client, at_home
from tests.support.server import PASSWORD, ServerProcess

MESSAGES = 2_000
KILLS = 3


async def log_in(home: Path, url: str, email: str) -> Account:
    """An account with tokens that the server gave for a password."""
    async with Api(url) as api:
        tokens = await api.login(email, PASSWORD, "test")
    account = Account(account_key(email, url), url, email, tokens.user.id, tokens.user.display_name)
    with at_home(home):
        CredentialStore(account_files(account.key).credentials).save(credentials_of(tokens))
    return account


async def test_a_server_killed_while_the_outbox_drains_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """SIGKILL at arbitrary moments of the drain: seqs 1..N without holes, in the order typed."""
    async with ServerProcess(tmp_path / "data") as server:
        await server.add_user("anna@example.org", "Anna")
        await server.add_user("ben@example.org", "Ben")
        anna = Client(tmp_path / "anna", await log_in(tmp_path / "anna", server.url, "anna@example.org"))
        ben = Client(tmp_path / "ben", await log_in(tmp_path / "ben", server.url, "ben@example.org"))
        try:
            for n in range(MESSAGES):
                await anna.session.send(Target(email="ben@example.org"), f"{n}")
            await anna.session.start()
            for kill in range(KILLS, 0, -1):
                await anna.outbox_at_most(MESSAGES * kill // (KILLS + 1))
                await server.kill()
                await anna.offline()
                await server.start()
                anna.session.retry_now()
            await anna.outbox_empty()
            await ben.session.start()
            await ben.synced()
            chat_id = anna.session.cache.direct_chat(ben.session.account.user_id)
            assert chat_id is not None
            assert ben.session.cache.head(chat_id) == MESSAGES
            ben.session.fill(chat_id, 1, MESSAGES)
            await ben.until(lambda: not ben.session.cache.holes(chat_id, 1, MESSAGES))
            log = ben.log(chat_id)
            assert [event.text for event in log if isinstance(event, Message)] == [f"{n}" for n in range(MESSAGES)]
            assert anna.log(chat_id) == log
        finally:
            await anna.session.stop()
            await ben.session.stop()
