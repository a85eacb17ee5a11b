"""A certificate authority for tests, and what it issues."""

import functools
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


@functools.cache
def authority() -> trustme.CA:
    """One for all tests of this process."""
    return trustme.CA()


@functools.cache
def trusting() -> ssl.SSLContext:
    """What a client has that trusts this authority alone."""
    context = ssl.create_default_context(cadata=authority().cert_pem.bytes().decode())
    context.set_alpn_protocols(["http/1.1"])
    return context


def write_pair(folder: Path, *names: str, days: float = 90, ago: float = 30) -> tuple[Path, Path]:
    """Certificate and key in files of this folder, replaced at once; valid for `days` from `ago` days ago."""
    now = datetime.now(UTC)
    issued = authority().issue_cert(
        *(names or ("127.0.0.1", "localhost")),
        not_before=now - timedelta(days=ago),
        not_after=now + timedelta(days=days),
    )
    chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
    return _replace(folder / "server.pem", chain), _replace(folder / "server.key", issued.private_key_pem.bytes())


def _replace(path: Path, content: bytes) -> Path:
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.chmod(0o600)
    new.replace(path)
    return path
