"""What the client says of a server's certificate, and that it talks to no server without a good one."""

import contextlib
from pathlib import Path

import pytest

from chatterm.client.errors import ClientError
from chatterm.client.signing import checked_server
from tests.support.server import SILENT, running_server
from tests.support.tls import authority, write_pair


@pytest.mark.parametrize(
    ("names", "validity", "trusted", "told"),
    [
        (("127.0.0.1",), {}, True, None),
        (("127.0.0.1",), {}, False, "authority of their own"),
        (("127.0.0.1",), {"days": -1}, True, "has expired"),
        (("127.0.0.1",), {"ago": -1}, True, "this machine's clock"),
        (("other.example.org",), {}, True, "for another name"),
    ],
)
async def test_each_reason_is_told_with_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    names: tuple[str, ...],
    validity: dict[str, float],
    trusted: bool,
    told: str | None,
) -> None:
    """A private authority is trusted by SSL_CERT_FILE."""
    if trusted:
        file = tmp_path / "authority.pem"
        file.write_bytes(authority().cert_pem.bytes())
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    certificate, key = write_pair(tmp_path, *names, **validity)
    refused = pytest.raises(ClientError) if told else contextlib.nullcontext()
    async with running_server(tmp_path / "data", SILENT, tls_certificate=certificate, tls_key=key) as server:
        with refused as caught:
            async with checked_server(server.url) as api:
                assert api is not None
    if told:
        assert caught is not None
        assert caught.value.code == "tlsFailed"
        assert told in caught.value.message + caught.value.hint
