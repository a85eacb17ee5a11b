"""Authentication: signing in, rotating, replaying, expiring, revoking, and tokens that somebody made up."""

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable
from hashlib import sha256
from typing import Any

import argon2
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.errors import ChatError
from chatproto.models import User
from chatserver.services import tokens
from chatserver.services.accounts import Accounts
from chatserver.services.auth import ACCESS_TTL_S, REFRESH_TTL_S, REUSE_S, Authenticator
from chatserver.services.passwords import PasswordPool
from chatserver.services.tokens import AccessTokens, RefreshTokens
from chatserver.store.base import Store
from tests.support.store import NOON, Clock, Commits

PASSWORD = "correct horse battery"
KEY = bytes(range(32))


@pytest.fixture
async def anna(store: Store, pool: PasswordPool) -> User:
    return await Accounts(store, pool).create("anna@example.org", "Anna", PASSWORD)


@pytest.fixture
async def auth(store: Store, pool: PasswordPool, clock: Clock, anna: User) -> Authenticator:
    return await Authenticator.open(store, pool, clock=clock)


async def refusal(call: Awaitable[object]) -> str:
    with pytest.raises(ChatError) as caught:
        await call
    return caught.value.code


def refused_access(auth: Authenticator, token: str) -> str:
    with pytest.raises(ChatError) as caught:
        auth.verify(token)
    return caught.value.code


async def test_signing_in_gives_tokens_that_say_who_it_is(auth: Authenticator, anna: User, clock: Clock) -> None:
    """Any spelling of the address; the access token needs no database and ends at the time told."""
    answer = await auth.login(" ANNA@example.org", PASSWORD, "laptop")
    assert answer.user == anna
    assert answer.access_expires_at == clock.now + ACCESS_TTL_S * 1_000_000
    assert auth.verify(answer.access_token) == (anna.id, answer.session_id, answer.access_expires_at)
    clock.advance(ACCESS_TTL_S - 1)
    auth.verify(answer.access_token)
    clock.advance(1)
    assert refused_access(auth, answer.access_token) == "tokenExpired"


async def test_only_digests_of_refresh_tokens_are_stored(auth: Authenticator, store: Store) -> None:
    """Whoever reads the database cannot go on with anybody's session."""
    answer = await auth.login("anna@example.org", PASSWORD, "  my \t laptop ")
    session = await store.session(answer.session_id)
    assert session is not None
    assert session.refresh_hash == sha256(answer.refresh_token.encode()).digest()
    assert session.device == "my laptop"


@pytest.mark.parametrize(
    ("email", "password"),
    [("anna@example.org", "wrong password"), ("nobody@example.org", PASSWORD), ("not an address", PASSWORD)],
)
async def test_wrong_credentials_have_one_answer(auth: Authenticator, email: str, password: str) -> None:
    """Nothing tells a wrong password from an unknown or impossible address."""
    with pytest.raises(ChatError) as caught:
        await auth.login(email, password, "")
    assert caught.value.info() == ChatError("credentialsWrong").info()


async def test_an_old_hash_is_renewed_at_sign_in(
    store: Store, pool: PasswordPool, auth: Authenticator, anna: User
) -> None:
    """A hash of weaker parameters still fits once, and is then replaced without ending any session."""
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=32).hash(PASSWORD)
    before = await auth.login("anna@example.org", PASSWORD, "")
    await store.set_password_hash(anna.id, weak, revoke_sessions=False)
    await auth.login("anna@example.org", PASSWORD, "")
    account = await store.account(anna.id)
    assert account is not None
    assert account.password_hash != weak
    assert not pool.needs_rehash(account.password_hash)
    await auth.refresh(before.refresh_token)


async def test_a_refresh_token_is_used_once(auth: Authenticator, anna: User, clock: Clock) -> None:
    """Each refresh gives a new pair that works; the chain goes on."""
    answer = await auth.login("anna@example.org", PASSWORD, "")
    seen = {answer.refresh_token}
    for _ in range(5):
        clock.advance(ACCESS_TTL_S)
        answer = await auth.refresh(answer.refresh_token)
        assert auth.verify(answer.access_token).user_id == anna.id
        assert answer.user == anna
        seen.add(answer.refresh_token)
    assert len(seen) == 6


async def test_a_lost_answer_can_be_had_again(auth: Authenticator, clock: Clock) -> None:
    """The same token within 60 s gives the same successor, which works; the session goes on."""
    first = await auth.login("anna@example.org", PASSWORD, "")
    second = await auth.refresh(first.refresh_token)
    clock.advance(REUSE_S)
    again = await auth.refresh(first.refresh_token)
    assert again.refresh_token == second.refresh_token
    third = await auth.refresh(again.refresh_token)
    auth.verify(third.access_token)


async def test_fifty_at_once_get_one_successor(auth: Authenticator) -> None:
    """However many requests carry one token, one rotation happens and all get its result."""
    first = await auth.login("anna@example.org", PASSWORD, "")
    answers = await asyncio.gather(*(auth.refresh(first.refresh_token) for _ in range(50)))
    assert len({answer.refresh_token for answer in answers}) == 1
    await auth.refresh(answers[0].refresh_token)


@pytest.mark.parametrize("generations", [1, 2, 3])
async def test_a_token_used_again_later_ends_the_session(auth: Authenticator, clock: Clock, generations: int) -> None:
    """Somebody holds a copy: the thief's and the owner's tokens are both refused from then on."""
    first = newest = await auth.login("anna@example.org", PASSWORD, "")
    for _ in range(generations):
        newest = await auth.refresh(newest.refresh_token)
    clock.advance(REUSE_S + 1)
    assert await refusal(auth.refresh(first.refresh_token)) == "sessionRevoked"
    assert await refusal(auth.refresh(newest.refresh_token)) == "sessionRevoked"
    assert refused_access(auth, newest.access_token) == "sessionRevoked"


async def test_a_token_overtaken_within_the_minute_is_only_refused(auth: Authenticator) -> None:
    """Several processes of one client may refresh at once; the slowest does not sign the others out."""
    first = await auth.login("anna@example.org", PASSWORD, "")
    second = await auth.refresh(first.refresh_token)
    third = await auth.refresh(second.refresh_token)
    assert await refusal(auth.refresh(first.refresh_token)) == "tokenInvalid"
    await auth.refresh(third.refresh_token)


async def test_a_session_that_is_not_used_ends(auth: Authenticator, clock: Clock) -> None:
    """Each refresh gives it its whole life again."""
    answer = await auth.login("anna@example.org", PASSWORD, "")
    clock.advance(REFRESH_TTL_S)
    answer = await auth.refresh(answer.refresh_token)
    clock.advance(REFRESH_TTL_S + 1)
    assert await refusal(auth.refresh(answer.refresh_token)) == "tokenInvalid"


async def test_signing_out_counts_at_once_and_after_a_restart(
    auth: Authenticator, store: Store, pool: PasswordPool, clock: Clock
) -> None:
    """The access token is refused although it has not expired; other sessions are untouched."""
    ended = await auth.login("anna@example.org", PASSWORD, "")
    kept = await auth.login("anna@example.org", PASSWORD, "")
    await auth.logout(ended.session_id)
    await auth.logout(ended.session_id)
    restarted = await Authenticator.open(store, pool, clock=clock)
    for authenticator in (auth, restarted):
        assert refused_access(authenticator, ended.access_token) == "sessionRevoked"
        assert await refusal(authenticator.refresh(ended.refresh_token)) == "sessionRevoked"
        authenticator.verify(kept.access_token)


async def test_revocations_by_others_count(auth: Authenticator, store: Store, pool: PasswordPool) -> None:
    """A changed password ends sessions through the commit that changed it."""
    answer = await auth.login("anna@example.org", PASSWORD, "")
    commits = Commits(store)
    await Accounts(store, pool).set_password("anna@example.org", "another password")
    for commit in await commits.until(bool):
        auth.on_commit(commit)
    assert refused_access(auth, answer.access_token) == "sessionRevoked"
    assert await refusal(auth.login("anna@example.org", PASSWORD, "")) == "credentialsWrong"


async def test_a_password_replaced_during_sign_in_wins(
    auth: Authenticator, store: Store, pool: PasswordPool, anna: User
) -> None:
    """However the two interleave, no session of the old password stays alive."""
    signing_in = asyncio.create_task(auth.login("anna@example.org", PASSWORD, ""))
    changing = asyncio.create_task(Accounts(store, pool).set_password("anna@example.org", "another password"))
    results = await asyncio.gather(signing_in, changing, return_exceptions=True)
    if not isinstance(results[0], BaseException):
        assert await refusal(auth.refresh(results[0].refresh_token)) == "sessionRevoked"
    else:
        assert isinstance(results[0], ChatError)
        assert results[0].code == "credentialsWrong"


def made_up(**changes: Any) -> dict[str, Any]:
    claims = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "iat": NOON // 1_000_000,
        "exp": NOON // 1_000_000 + 900,
        "sub": "5",
        "sid": 7,
        "kind": "access",
    }
    claims.update(changes)
    return {name: value for name, value in claims.items() if value is not None}


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def signed(claims: dict[str, Any], *, key: bytes = KEY, algorithm: str = "HS256", digest: str = "") -> str:
    """A token that the library would not make."""
    head = unsigned({"alg": algorithm, "typ": "JWT"}, claims).removesuffix(".")
    signature = hmac.digest(key, head.encode(), digest or f"sha{algorithm[2:]}")
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("token", [jwt.encode(made_up(), KEY, algorithm="HS256"), signed(made_up())])
def test_a_genuine_token_is_read(token: str) -> None:
    """The forgeries below differ from this one only in what their names say."""
    assert AccessTokens(KEY).read(token, now_us=NOON) == (5, 7, NOON + 900_000_000)


GENUINE = jwt.encode(made_up(), KEY, algorithm="HS256")
FORGERIES = {
    "nothing": "",
    "no token": "abc",
    "three empty parts": "..",
    "not ASCII": "é.é.é",
    "a lone surrogate": "\ud800",
    "too long": GENUINE + "A" * 2_000,
    "algorithm none": jwt.encode(made_up(), "", algorithm="none"),
    "algorithm None, written otherwise": unsigned({"alg": "nOnE", "typ": "JWT"}, made_up()),
    "blank signature": GENUINE.rsplit(".", 1)[0] + ".",
    "signature of another token": GENUINE.rsplit(".", 1)[0]
    + "."
    + jwt.encode(made_up(sub="6"), KEY, algorithm="HS256").rsplit(".", 1)[1],
    "claims of another token": ".".join(
        [GENUINE.split(".")[0], unsigned({}, made_up(sub="6")).split(".")[1], GENUINE.split(".")[2]]
    ),
    "another key": jwt.encode(made_up(), KEY[::-1], algorithm="HS256"),
    "the empty key": signed(made_up(), key=b""),
    "HS384 with the right key": signed(made_up(), algorithm="HS384"),
    "HS512 with the right key": signed(made_up(), algorithm="HS512"),
    "HS256 with the signature of another": signed(made_up(), algorithm="HS256", digest="sha512"),
    "key named in the header": jwt.encode(
        made_up(), bytes(32), algorithm="HS256", headers={"kid": "/dev/null", "jku": "http://127.0.0.1/keys"}
    ),
    "key given in the header": jwt.encode(
        made_up(), bytes(32), algorithm="HS256", headers={"jwk": {"kty": "oct", "k": "A" * 43}}
    ),
    "refresh kind": jwt.encode(made_up(kind="refresh"), KEY, algorithm="HS256"),
    "kind of another type": jwt.encode(made_up(kind=["access"]), KEY, algorithm="HS256"),
    "another issuer": jwt.encode(made_up(iss="elsewhere"), KEY, algorithm="HS256"),
    "another audience": jwt.encode(made_up(aud="elsewhere"), KEY, algorithm="HS256"),
    "user is no number": jwt.encode(made_up(sub="root"), KEY, algorithm="HS256"),
    "user in other digits": jwt.encode(made_up(sub="٥"), KEY, algorithm="HS256"),
    "session is no number": jwt.encode(made_up(sid="7"), KEY, algorithm="HS256"),
    "session is a truth value": jwt.encode(made_up(sid=True), KEY, algorithm="HS256"),
    "expiry is a text": signed(made_up(exp="9999999999")),
    "expiry is a fraction": jwt.encode(made_up(exp=9_999_999_999.5), KEY, algorithm="HS256"),
    "expiry is infinite": jwt.encode(made_up(exp=float("inf")), KEY, algorithm="HS256"),
    **{
        f"without {claim}": jwt.encode(made_up(**{claim: None}), KEY, algorithm="HS256")
        for claim in ("iss", "aud", "exp", "iat", "sub", "sid", "kind")
    },
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_is_invalid(name: str) -> None:
    """Whatever is wrong with a token, it is refused with one code and no other exception."""
    with pytest.raises(ChatError) as caught:
        AccessTokens(KEY).read(FORGERIES[name], now_us=NOON)
    assert caught.value.code == "tokenInvalid"


def test_header_tricks_do_not_hinder_a_genuine_token() -> None:
    """Key hints in the header are ignored, not followed."""
    headers = {"kid": "../../etc/passwd", "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/cert"}
    token = jwt.encode(made_up(), KEY, algorithm="HS256", headers=headers)
    assert AccessTokens(KEY).read(token, now_us=NOON).user_id == 5


def test_a_refresh_token_proves_its_origin() -> None:
    """Changing any character, the alphabet or the padding makes it invalid; another server's is invalid too."""
    refresh = RefreshTokens(KEY)
    token = refresh.first(7, bytes(32))
    assert refresh.session_of(token) == 7
    assert refresh.successor(token) == refresh.successor(token) != token
    assert refresh.session_of(refresh.successor(token)) == 7
    forgeries = [token[:n] + ("A" if token[n] != "A" else "B") + token[n + 1 :] for n in range(len(token))]
    forgeries += ["", token[:-1], token + "=", token + "\n", " " + token, "A" * 72, "\ud800", "é" * 72]
    forgeries.append(RefreshTokens(KEY[::-1]).first(7, bytes(32)))
    for forgery in forgeries:
        with pytest.raises(ChatError) as caught:
            refresh.session_of(forgery)
        assert caught.value.code == "tokenInvalid"


@given(st.text(max_size=100))
def test_any_text_is_an_invalid_token(text: str) -> None:
    """No input of either kind of token causes another exception."""
    for read in (RefreshTokens(KEY).session_of, lambda token: AccessTokens(KEY).read(token, now_us=NOON)):
        with pytest.raises(ChatError) as caught:
            read(text)
        assert caught.value.code == "tokenInvalid"
