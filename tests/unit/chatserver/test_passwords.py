"""Passwords: Argon2id at its required strength, the same work for nobody, and a line that is not endless."""

import asyncio

import argon2
import pytest

from chatproto.errors import ChatError
from chatserver.services import passwords
from chatserver.services.accounts import Accounts
from chatserver.services.passwords import NOBODYS_HASH, PasswordPool
from chatserver.store.base import Store
from chatserver.store.interfaces.sessions import SessionRecord
from tests.support.store import NOON, make_users

PASSWORD = "correct horse battery"


async def test_a_hash_holds_its_parameters(pool: PasswordPool) -> None:
    """At least 19 MiB, two passes, and a salt of its own for each hash."""
    first, second = await pool.hash(PASSWORD), await pool.hash(PASSWORD)
    assert first != second
    for password_hash in (first, NOBODYS_HASH):
        parameters = argon2.extract_parameters(password_hash)
        assert parameters.type is argon2.Type.ID
        assert parameters.memory_cost >= 19 * 1024
        assert parameters.time_cost >= 2
        assert not pool.needs_rehash(password_hash)
    assert pool.needs_rehash(argon2.PasswordHasher(time_cost=1, memory_cost=32).hash(PASSWORD))


async def test_only_the_password_fits(pool: PasswordPool) -> None:
    """The two ways to write an accent are one password; an unknown account fits nothing, nor does a broken hash."""
    password_hash = await pool.hash("caf\u00e9 caf\u00e9")
    assert await pool.verify(password_hash, "cafe\u0301 cafe\u0301")
    assert not await pool.verify(password_hash, "cafe cafe")
    assert not await pool.verify(password_hash, "\ud800")
    for unknown in (None, "", "no-password", "$argon2id$broken", NOBODYS_HASH):
        assert not await pool.verify(unknown, "cafe cafe")


async def test_an_unknown_account_costs_the_same_work(pool: PasswordPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an account exists or not, one hash of the same parameters is computed."""
    tried: list[str] = []
    real = argon2.PasswordHasher.verify

    def spy(hasher: argon2.PasswordHasher, password_hash: str, password: bytes) -> bool:
        tried.append(password_hash)
        return real(hasher, password_hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    await pool.verify(await pool.hash(PASSWORD), "wrong password")
    await pool.verify(None, "wrong password")
    known, unknown = map(argon2.extract_parameters, tried)
    assert known == unknown


async def test_a_full_line_is_refused_for_now() -> None:
    """One thread and two places to wait: of ten at once three are served, the rest are told when to come back."""
    pool = PasswordPool(threads=1, waiting=2)
    try:
        results = await asyncio.gather(*(pool.verify(None, "x") for _ in range(10)), return_exceptions=True)
        refusals = [result for result in results if isinstance(result, ChatError)]
        assert [error.code for error in refusals] == ["overloaded"] * 7
        assert all(error.retry_after for error in refusals)
        assert results[:3] == [False] * 3
        assert await pool.verify(None, "x") is False
    finally:
        pool.close()


async def test_callers_that_give_up_free_their_place() -> None:
    """Cancelled waiting callers do not fill the line for ever."""
    pool = PasswordPool(threads=1, waiting=2)
    try:
        for _ in range(5):
            tasks = [asyncio.create_task(pool.verify(None, "x")) for _ in range(3)]
            await asyncio.wait(tasks[:1])
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert await pool.verify(None, "x") is False
    finally:
        pool.close()


async def test_users_are_stored_in_normal_form(store: Store, pool: PasswordPool) -> None:
    """Any spelling of the address finds the user; a second user of it is refused before any hash is made."""
    accounts = Accounts(store, pool)
    user = await accounts.create("  Anna@Example.ORG ", " Anna \t Smith ", PASSWORD)
    assert (user.email, user.display_name) == ("anna@example.org", "Anna Smith")
    assert await accounts.find("ANNA@example.org") == user
    account = await store.account(user.id)
    assert account is not None
    assert await pool.verify(account.password_hash, PASSWORD)
    for arguments, code in (
        (("anna@EXAMPLE.org", "Other", PASSWORD), "emailTaken"),
        (("nobody", "Name", PASSWORD), "emailInvalid"),
        (("a@b", "two\nlines\x1b[31m", PASSWORD), "nameInvalid"),
        (("a@b", "Name", "short"), "passwordInvalid"),
        (("a@b", "Name", "x" * 257), "passwordInvalid"),
    ):
        with pytest.raises(ChatError) as caught:
            await accounts.create(*arguments)
        assert caught.value.code == code
    assert await store.users_since(0, 10) == [user]


async def test_a_new_password_ends_every_session(store: Store, pool: PasswordPool) -> None:
    """The old one no longer fits, and its sessions are revoked."""
    accounts = Accounts(store, pool)
    [anna] = await make_users(store, "Anna")
    await store.create_session(SessionRecord(5, anna.id, "", b"h", None, NOON, NOON, None))
    await accounts.set_password("anna@example.org", PASSWORD)
    assert await store.revoked_since(0) == [5]
    account = await store.account(anna.id)
    assert account is not None
    assert await pool.verify(account.password_hash, PASSWORD)
    with pytest.raises(ChatError) as caught:
        await accounts.set_password("nobody@example.org", PASSWORD)
    assert caught.value.code == "userNotFound"


def test_the_password_of_nobody_is_unknown() -> None:
    """Its hash is all zeros, which no password is known to have."""
    assert NOBODYS_HASH.endswith("A" * 43)
    assert passwords.MEMORY_KIB >= 19 * 1024
