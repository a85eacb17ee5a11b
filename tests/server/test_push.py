"""Web Push through a real push service: who is told of what, in which form, and what a failing endpoint is worth."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatproto import codec
from chatproto.errors import CODES
from chatproto.frames import Away, Presence, Watch
from chatproto.models import Chat
from chatproto.rest import PushKey, PushMessage, PushRules, PushSubscription, PushSubscriptions
from chatserver.app import Timing
from chatserver.push.sealing import Signer
from tests.support.push import PushService, Receiver, push_service, resolving
from tests.support.server import Person, RunningServer, outgoing, running_server

HOST = "push.example.net"
TO_LOOPBACK = Timing(heads_interval=3600.0, push_backoff=0.01, push_resolver=resolving(["127.0.0.1"]))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[PushService]:
    async with push_service(tmp_path / "service", HOST) as service:
        yield service


@asynccontextmanager
async def pushing(tmp_path: Path, timing: Timing = TO_LOOPBACK, **settings: Any) -> AsyncIterator[RunningServer]:
    """A server that may push to loopback, at once unless told otherwise."""
    defaults: dict[str, Any] = {
        "push_delay_s": 0.0,
        "push_interval_s": 0.0,
        "push_allowed_networks": ("127.0.0.0/8",),
        "push_ca_file": tmp_path / "service" / "ca.pem",
    }
    async with running_server(tmp_path / "data", timing, **{**defaults, **settings}) as server:
        yield server


@pytest.fixture
async def server(tmp_path: Path, service: PushService) -> AsyncIterator[RunningServer]:
    async with pushing(tmp_path) as server:
        yield server


async def registered(person: Person, service: PushService) -> Receiver:
    receiver = Receiver()
    answer = await person.http.post("/me/push", json=receiver.request(service.url))
    assert answer.status_code == 200, answer.text
    return receiver


async def say(person: Person, chat: Chat, text: str, **more: Any) -> int:
    """Send one message and return its seq."""
    async with person.socket() as socket:
        (result,) = await socket.send_messages(outgoing(text, chat_id=chat.id, **more))
    assert result.seq is not None, result
    return result.seq


async def arrived(service: PushService, receiver: Receiver) -> PushMessage:
    """The next push, which must be for this receiver."""
    request = await service.next()
    assert request.path == receiver.path
    return receiver.decrypt(request.body)


def refused(answer: Any, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (CODES[code].http_status, code), answer.text


async def test_a_direct_message_reaches_a_user_who_is_away(service: PushService, anna: Person, ben: Person) -> None:
    """Encrypted for the receiver, signed by the server, with what a push service needs to handle it well."""
    receiver = await registered(ben, service)
    chat = await anna.direct(ben)
    seq = await say(anna, chat, "Are you there?")
    request = await service.next()
    assert b"there" not in request.body
    assert receiver.decrypt(request.body) == PushMessage(
        chat_id=chat.id, seq=seq, title="Anna", sender="Anna", text="Are you there?", unread=1
    )
    key = codec.decode_body((await ben.http.get("/push/key")).content, PushKey).application_server_key
    claims = request.claims(service.url, key)
    assert time.time() < claims["exp"] <= time.time() + 24 * 3600
    headers = request.headers
    assert (headers["content-encoding"], headers["urgency"]) == ("aes128gcm", "high")
    assert int(headers["ttl"]) > 0
    assert 0 < len(headers["topic"]) <= 32
    assert len(request.body) <= 4096


async def test_the_signature_names_the_owner_if_that_is_set(tmp_path: Path, service: PushService) -> None:
    """Some push services want to know whom to ask."""
    async with pushing(tmp_path, push_contact="mailto:owner@example.org") as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        await registered(ben, service)
        await say(anna, await anna.direct(ben), "hello")
        request = await service.next()
        key = (await ben.http.get("/push/key")).json()["applicationServerKey"]
        assert request.claims(service.url, key)["sub"] == "mailto:owner@example.org"


async def test_keys_and_endpoints_outlive_a_restart(tmp_path: Path, service: PushService) -> None:
    """A browser subscribes once, with the key it was given."""
    async with pushing(tmp_path) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        receiver = await registered(ben, service)
        chat = await anna.direct(ben)
        key = (await ben.http.get("/push/key")).json()
    async with pushing(tmp_path) as server:
        anna, ben = await server.signed_in(anna.user), await server.signed_in(ben.user)
        assert (await ben.http.get("/push/key")).json() == key
        await say(anna, chat, "after the restart")
        assert (await arrived(service, receiver)).text == "after the restart"


async def test_texts_can_be_kept_out(tmp_path: Path, service: PushService) -> None:
    """A setting of the server's owner."""
    async with pushing(tmp_path, push_previews=False) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        receiver = await registered(ben, service)
        await say(anna, await anna.direct(ben), "secret")
        message = await arrived(service, receiver)
        assert (message.sender, message.text) == ("Anna", "")


async def test_nobody_is_told_of_what_they_wrote_or_while_they_are_there(
    service: PushService, server: RunningServer, anna: Person, ben: Person, eve: Person
) -> None:
    """Ben is connected, Anna is the author; only Eve is told."""
    for person in (anna, ben):
        await registered(person, service)
    receiver = await registered(eve, service)
    group = await anna.group("garden", ben, eve)
    async with ben.socket():
        await say(anna, group, "@everybody", mention_all=True)
        message = await arrived(service, receiver)
    assert (message.title, message.mentioned) == ("garden", True)
    await say(anna, await anna.direct(eve), "the end")
    assert (await arrived(service, receiver)).text == "the end"
    assert service.count == 0


JSON = {"Content-Type": "application/json"}


async def follow(person: Person, rules: PushRules) -> None:
    """Store rules, and read them back."""
    answer = await person.http.put("/me/push/rules", content=codec.encode(rules), headers=JSON)
    assert codec.decode_body(answer.content, PushRules) == rules
    assert codec.decode_body((await person.http.get("/me/push/rules")).content, PushRules) == rules


async def test_a_device_that_nobody_is_at_does_not_count(service: PushService, anna: Person, ben: Person) -> None:
    """Ben's laptop is connected but away, so his phone is told."""
    receiver = await registered(ben, service)
    chat = await anna.direct(ben)
    async with ben.socket() as laptop, anna.socket() as watcher:
        await laptop.send(Away())
        await watcher.send(Watch(user_ids=[ben.id]))
        await watcher.until(Presence, lambda frame: frame.away == [ben.id])
        await say(anna, chat, "hello")
        assert (await arrived(service, receiver)).text == "hello"


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (PushRules(), {"everybody", "name"}),
        (PushRules(groups="all"), {"plain", "everybody", "name"}),
        (PushRules(groups="none"), set()),
        (PushRules(do_not_disturb_until=(1 << 53) - 1), set()),
    ],
)
async def test_rules_decide_about_groups(
    service: PushService, anna: Person, ben: Person, rules: PushRules, told: set[str]
) -> None:
    """Plain messages, those to everybody, and those that mention the user by name."""
    receiver = await registered(ben, service)
    await follow(ben, rules)
    group = await anna.group("garden", ben)
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("plain", {}),
        ("everybody", {"mention_all": True}),
        ("name", {"mentions": [ben.id]}),
    ]
    for text, more in kinds:
        await say(anna, group, text, **more)
        if text in told:
            assert (await arrived(service, receiver)).text == text
    await follow(ben, PushRules(groups="all"))
    await say(anna, group, "the end")
    assert (await arrived(service, receiver)).text == "the end"


async def test_a_muted_chat_is_silent_but_for_the_name(service: PushService, anna: Person, ben: Person) -> None:
    """Muting is what the user chose for this chat on any device."""
    receiver = await registered(ben, service)
    group = await anna.group("garden", ben)
    answer = await ben.http.patch(f"/chats/{group.id}/settings", json={"mutedUntil": (1 << 53) - 1})
    assert answer.is_success, answer.text
    await say(anna, group, "for all", mention_all=True)
    await say(anna, group, "for Ben", mentions=[ben.id])
    assert (await arrived(service, receiver)).text == "for Ben"


async def test_what_was_seen_meanwhile_is_not_pushed(tmp_path: Path, service: PushService) -> None:
    """Within the delay, any device of the user may show it."""
    async with pushing(tmp_path, push_delay_s=0.2) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        receiver = await registered(ben, service)
        seen, unseen = await anna.direct(ben), await anna.group("garden", ben)
        seq = await say(anna, seen, "seen")
        await server.application.store.mark_seen(ben.id, seen.id, seq)
        await say(anna, unseen, "unseen", mentions=[ben.id])
        assert (await arrived(service, receiver)).text == "unseen"
        assert service.count == 0


async def test_a_burst_is_one_push(tmp_path: Path, service: PushService) -> None:
    """The newest message and the count of all; the next push for this chat waits for the interval."""
    async with pushing(tmp_path, push_delay_s=0.2, push_interval_s=0.3) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        receiver = await registered(ben, service)
        chat = await anna.direct(ben)
        async with anna.socket() as socket:
            await socket.send_messages(*(outgoing(f"number {n}", chat_id=chat.id) for n in range(20)))
            first = await arrived(service, receiver)
            await socket.send_messages(outgoing("one more", chat_id=chat.id))
            second = await arrived(service, receiver)
        assert (first.text, first.unread) == ("number 19", 20)
        assert (second.text, second.unread) == ("one more", 21)
        assert service.count == 0


@pytest.mark.parametrize("status", [404, 410])
async def test_an_endpoint_that_is_gone_is_removed(
    service: PushService, server: RunningServer, anna: Person, ben: Person, status: int
) -> None:
    """RFC 8030 section 7.3: the subscription has ended."""
    await registered(ben, service)
    service.answers.append((status, {}))
    chat = await anna.direct(ben)
    await say(anna, chat, "hello")
    await service.next()
    receiver = await registered(ben, service)
    await say(anna, chat, "again")
    assert (await arrived(service, receiver)).text == "again"
    shown = codec.decode_body((await ben.http.get("/me/push")).content, PushSubscriptions)
    assert [each.endpoint for each in shown.subscriptions] == [service.url + receiver.path]


@pytest.mark.parametrize("answer", [(429, {"Retry-After": "0"}), (500, {}), (503, {"Retry-After": "x"})])
async def test_a_push_service_in_trouble_is_tried_again(
    service: PushService, anna: Person, ben: Person, answer: tuple[int, dict[str, str]]
) -> None:
    """The push arrives in the end."""
    receiver = await registered(ben, service)
    service.answers.extend([answer, answer])
    await say(anna, await anna.direct(ben), "patience")
    for _ in range(3):
        assert (await arrived(service, receiver)).text == "patience"


@pytest.mark.parametrize("status", [301, 307, 400, 403, 413])
async def test_a_refusal_is_noted_and_not_repeated(
    service: PushService, server: RunningServer, anna: Person, ben: Person, status: int
) -> None:
    """Redirects are not followed: they could lead anywhere."""
    receiver = await registered(ben, service)
    service.answers.append((status, {"Location": f"{service.url}/elsewhere"}))
    chat = await anna.direct(ben)
    await say(anna, chat, "first")
    assert (await arrived(service, receiver)).text == "first"
    await say(anna, chat, "second")
    assert (await arrived(service, receiver)).text == "second"
    assert service.count == 0


async def test_an_endpoint_can_be_tried(service: PushService, ben: Person, anna: Person) -> None:
    """The owner learns at once whether it works; nobody else can try it."""
    receiver = Receiver()
    shown = codec.decode_body(
        (await ben.http.post("/me/push", json=receiver.request(service.url))).content, PushSubscription
    )
    path = f"/me/push/{shown.id}"
    assert (await ben.http.post(f"{path}/test")).status_code == 204
    assert (await arrived(service, receiver)).kind == "test"
    service.answers.append((500, {}))
    refused(await ben.http.post(f"{path}/test"), "pushFailed")
    for call in (anna.http.post(f"{path}/test"), anna.http.delete(path)):
        refused(await call, "pushNotFound")
    assert (await ben.http.delete(path)).status_code == 204
    refused(await ben.http.delete(path), "pushNotFound")


async def test_registering_again_replaces_the_keys(service: PushService, anna: Person, ben: Person) -> None:
    """An endpoint belongs to whoever registered it last, as a shared browser does."""
    receiver = await registered(anna, service)
    newer = Receiver(path=receiver.path)
    assert (await ben.http.post("/me/push", json=newer.request(service.url))).is_success
    assert (await anna.http.get("/me/push")).json() == {}
    await say(anna, await anna.direct(ben), "hello")
    assert (await arrived(service, newer)).text == "hello"


async def test_there_is_a_most(service: PushService, ben: Person) -> None:
    """Twenty endpoints are more than anybody has."""
    for _ in range(20):
        receiver = await registered(ben, service)
    refused(await ben.http.post("/me/push", json=Receiver().request(service.url)), "tooManyPushes")
    assert (await ben.http.post("/me/push", json=receiver.request(service.url))).is_success


@pytest.mark.parametrize(
    ("p256dh", "auth"), [("", ""), ("AAAA", "AAAA"), ("BA" + "A" * 85, "A" * 22), ("!" * 87, "A" * 22)]
)
async def test_keys_that_are_none(ben: Person, service: PushService, p256dh: str, auth: str) -> None:
    """They are refused at once, not when the first message comes."""
    body = {"endpoint": service.url, "keys": {"p256dh": p256dh, "auth": auth}}
    refused(await ben.http.post("/me/push", json=body), "pushKeysInvalid")


async def test_rules_need_a_real_time_zone(ben: Person) -> None:
    """Nothing is stored of rules that cannot be followed."""
    quiet = {"start": "22:00", "end": "07:00", "timeZone": "Middle/Earth"}
    refused(await ben.http.put("/me/push/rules", json={"quietHours": quiet}), "pushRulesInvalid")
    assert (await ben.http.get("/me/push/rules")).json() == {}


async def test_pushes_can_be_switched_off(tmp_path: Path) -> None:
    """Then there is nothing to register."""
    async with running_server(tmp_path / "data", push=False) as server:
        refused(await (await server.person("Ben")).http.get("/push/key"), "notFound")


def test_a_key_belongs_to_its_secret() -> None:
    """The same database signs with the same key, another with another."""
    assert Signer(b"a" * 32, "").public_key == Signer(b"a" * 32, "").public_key
    assert Signer(b"a" * 32, "").public_key != Signer(b"b" * 32, "").public_key
