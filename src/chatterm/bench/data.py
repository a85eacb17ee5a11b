"""A large account on disk, as years of use would leave it: many users, one very long chat."""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from chatproto.models import Chat, Message, User, event_id
from chatterm.client.accounts import Accounts
from chatterm.client.cache import Cache
from chatterm.client.credentials import Credentials, CredentialStore
from chatterm.client.model import Account
from chatterm.client.paths import account_files

OWN_ID: Final = 1
OWNER: Final = User(id=OWN_ID, email="anna@example.org", display_name="Anna", rev=1)
DIRECT: Final = range(10, 1_010)
"""Users with whom there is a direct chat; its id is `DIRECT_ID` plus theirs."""
DIRECT_ID: Final = 1_000_000
CHAT_ID: Final = 7
AUTHORS: Final = 5
FIRST_AT: Final = 1_600_000_000_000_000
"""Time of the chat's first message, microseconds since 1970 UTC."""
EVERY_US: Final = 47_000_000
"""Time between two of its messages."""
_TEXT: Final = (
    "Shall we plant the apple trees on Friday? The ground is soft after the rain, and the neighbours lend us "
    "their spades. Bring gloves, a bucket and something warm to drink; it will take the whole afternoon. "
)
# One statement in place of a million calls; lengths run from 3 to 180 characters, every 29th is not ASCII.
_FILL: Final = """
WITH RECURSIVE numbers(seq) AS (SELECT ?2 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < ?3)
INSERT OR IGNORE INTO events (chat_id, seq, at, sender_id, client_id, text)
SELECT ?1, seq, ?4 + seq * ?5, 1 + (seq / 3 * 2654435761 >> 7) % ?6, randomblob(16),
    substr(?7, 1 + seq % 11, 3 + (seq * 7919) % (CASE seq % 4 WHEN 0 THEN 178 ELSE 60 END))
    || CASE WHEN seq % 29 THEN '' ELSE ' 漢字 ✓ é' END
FROM numbers"""


def build_users(cache: Cache, count: int) -> None:
    """Store users 1..count in pages, as they arrive from a server."""
    for first in range(1, count + 1, 1_000):
        cache.store_users(
            [
                User(id=n, email=f"user{n}@example.org", display_name=f"{_NAMES[n % len(_NAMES)]} {n}", rev=n)
                for n in range(first, min(first + 1_000, count + 1))
            ]
        )


def build_chat(cache: Cache, path: Path, messages: int, *, first: int = 1) -> None:
    """Make the group `CHAT_ID` with messages `first`..`messages`; what lies before stays uncached."""
    cache.store_chats([Chat(id=CHAT_ID, kind="group", title="garden", member_count=AUTHORS)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(_FILL, (CHAT_ID, first, messages - 1, FIRST_AT, EVERY_US, AUTHORS, _TEXT))
    cache.store_events(CHAT_ID, [message(messages, "This is the newest message.")])
    cache.store_seen(CHAT_ID, messages)


def message(
    seq: int, text: str, sender_id: int = 2, *, at: int | None = None, client_id: bytes | None = None
) -> Message:
    """A message of the chat, at its usual time."""
    return Message(
        id=event_id(CHAT_ID, seq),
        seq=seq,
        at=FIRST_AT + seq * EVERY_US if at is None else at,
        sender_id=sender_id,
        client_id=seq.to_bytes(16, "big") if client_id is None else client_id,
        text=text,
    )


def build_account(users: int, messages: int) -> Account:
    """A signed-in account in `CHATTERM_HOME`, whose server refuses connections, with these many cached."""
    account = Account("bench", "http://127.0.0.1:9", OWNER.email, OWNER.id, OWNER.display_name)
    files = account_files(account.key)
    far = (1 << 52) - 1
    made_up = secrets.token_hex()
    tokens = Credentials(access_token=made_up, access_expires_at=far, refresh_token=made_up, session_id=1)
    CredentialStore(files.credentials).save(tokens)
    Accounts().add(account)
    with closing(Cache.open(files.cache)) as cache:
        cache.adopt("bench", OWNER)
        build_users(cache, users)
        build_chat(cache, files.cache, messages)
        build_direct_chats(cache)
    return account


def build_direct_chats(cache: Cache) -> None:
    """Direct chats with `DIRECT` people, of one message each, older than the group."""
    cache.store_chats(
        [Chat(id=DIRECT_ID + n, kind="direct", peer_id=n, member_count=2, head=1, head_at=n) for n in DIRECT]
    )


_NAMES: Final = ("Anna", "Béla", "Csilla", "Dénes", "Emma", "Ferenc", "Gréta", "Hugó", "Ilona", "János")
