"""A push never reaches what only the server can: endpoints and addresses that are refused."""

from pathlib import Path
from typing import Any

import httpcore
import pytest

from chatproto.errors import ChatError
from chatserver.app import Timing
from chatserver.push.addresses import AddressPolicy, CheckedNetwork
from tests.support.push import Receiver, push_service, resolving
from tests.support.server import outgoing, running_server

PUBLIC = "93.184.215.14"
INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
@pytest.mark.parametrize("beside", [[], [PUBLIC]])
async def test_a_host_with_an_inner_address_is_refused(address: str, beside: list[str]) -> None:
    """One such address among public ones is enough."""
    policy = AddressPolicy(resolver=resolving([*beside, address]))
    with pytest.raises(ChatError) as refusal:
        await policy.check_endpoint("https://push.example.net/x")
    assert refusal.value.code == "pushEndpointRefused"
    with pytest.raises(httpcore.ConnectError):
        await CheckedNetwork(policy).connect_tcp("push.example.net", 443)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "http://push.example.net/x",
        "ftp://push.example.net/x",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://user:word@push.example.net/x",
        "https://push.example.net:99999/x",
        "https://push.example.net:x/",
        "https://[::1/x",
        "https://push.example.net/a b",
        "https://push.example.net/a\r\nX-Injected: 1",
        "https://püsh.example.net/x",
        "push.example.net",
        "//push.example.net/x",
    ],
)
async def test_an_endpoint_must_be_a_plain_https_url(endpoint: str) -> None:
    """Anything else is refused before a name is looked up."""
    with pytest.raises(ChatError) as refusal:
        await AddressPolicy(resolver=resolving([PUBLIC])).check_endpoint(endpoint)
    assert refusal.value.code == "pushEndpointRefused"


@pytest.mark.parametrize("endpoint", ["https://127.0.0.1/x", "https://[::1]:8443/x", "https://localhost/x"])
async def test_the_systems_resolver_is_checked_too(endpoint: str) -> None:
    """Addresses as they stand, and the names that every machine knows."""
    with pytest.raises(ChatError, match="not public"):
        await AddressPolicy().check_endpoint(endpoint)


async def test_a_host_that_is_not_found_is_refused() -> None:
    """The user has mistyped it, most likely."""

    async def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(ChatError, match="cannot be found"):
        await AddressPolicy(resolver=nowhere).check_endpoint("https://push.example.net/x")


async def test_public_and_allowed_addresses_pass() -> None:
    """The owner may allow a network of their own."""
    await AddressPolicy(resolver=resolving([PUBLIC, "2606:2800:21f:cb07::1"])).check_endpoint("https://a.example/x")


async def test_a_name_that_moves_inside_after_the_check_gains_nothing(tmp_path: Path) -> None:
    """Registration sees a public address, the connection another: it is not made (DNS rebinding)."""
    resolver = resolving([PUBLIC], ["127.0.0.1"])
    async with push_service(tmp_path / "service", "push.example.net") as service:
        settings: dict[str, Any] = {"push_ca_file": tmp_path / "service" / "ca.pem", "push_delay_s": 0.0}
        async with running_server(tmp_path / "data", Timing(push_resolver=resolver), **settings) as server:
            anna, ben = await server.person("Anna"), await server.person("Ben")
            answer = await ben.http.post("/me/push", json=Receiver().request(service.url))
            assert answer.is_success, answer.text
            answer = await ben.http.post(f"/me/push/{answer.json()['id']}/test")
            assert answer.json()["error"]["code"] == "pushFailed"
            chat = await anna.direct(ben)
            async with anna.socket() as socket:
                await socket.send_messages(outgoing("hello", chat_id=chat.id))
            assert service.count == 0


async def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    """The address is pinned, and still the name must be proven."""
    async with push_service(tmp_path / "service", "other.example.net") as service:
        settings: dict[str, Any] = {
            "push_ca_file": tmp_path / "service" / "ca.pem",
            "push_allowed_networks": ("127.0.0.0/8",),
        }
        timing = Timing(push_resolver=resolving(["127.0.0.1"]))
        async with running_server(tmp_path / "data", timing, **settings) as server:
            ben = await server.person("Ben")
            url = service.url.replace("other.example.net", "push.example.net")
            answer = await ben.http.post("/me/push", json=Receiver().request(url))
            answer = await ben.http.post(f"/me/push/{answer.json()['id']}/test")
            assert answer.json()["error"]["code"] == "pushFailed"
            assert service.count == 0
