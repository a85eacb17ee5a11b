"""Server addresses as people type them."""

import pytest

from chatterm.client.addresses import parse_server_address, websocket_url
from chatterm.client.errors import ClientError


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("chat.example.org", "https://chat.example.org"),
        ("  Chat.Example.ORG/ ", "https://chat.example.org"),
        ("chat.example.org.:8443", "https://chat.example.org:8443"),
        ("https://chat.example.org:443/", "https://chat.example.org"),
        ("HTTP://chat.example.org:80", "http://chat.example.org"),
        ("localhost:8080", "http://localhost:8080"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("https://localhost", "https://localhost"),
        ("192.168.1.7:8080", "https://192.168.1.7:8080"),
        ("b\u00fccher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_address_becomes_one_origin(typed: str, origin: str) -> None:
    """Https unless the host is this machine; the same server is always written the same way."""
    address = parse_server_address(typed)
    assert address.origin == origin
    assert parse_server_address(address.origin) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "://",
        "ftp://x",
        "x y",
        "x/y",
        "x?y",
        "x#y",
        "u:p@x",
        "u@x",
        "x:0",
        "x:65536",
        "x:port",
        "[::1",
        "..",
        "\x00",
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(typed: str) -> None:
    """Nothing is guessed and nothing is dropped."""
    with pytest.raises(ClientError) as caught:
        parse_server_address(typed)
    assert caught.value.code == "addressInvalid"
    assert caught.value.hint


def test_only_plain_http_to_another_machine_is_exposed() -> None:
    """A login warns about it."""
    assert parse_server_address("http://chat.example.org").exposed
    assert not parse_server_address("https://chat.example.org").exposed
    assert not parse_server_address("http://127.0.0.1").exposed


def test_the_websocket_is_as_secure_as_the_origin() -> None:
    """Wss for https."""
    assert websocket_url("https://chat.example.org:8443") == "wss://chat.example.org:8443/ws"
    assert websocket_url("http://localhost") == "ws://localhost/ws"
