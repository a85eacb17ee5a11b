"""The codec: every frame survives a round trip, and bytes that are no frame are refused with a stable code."""

import pytest

from chatproto import codec, limits
from chatproto.errors import CODES


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "invalidJson"),
        (b"nonsense", "invalidJson"),
        (b"\xff\xfe", "invalidJson"),
        (b"[" * 100_000, "invalidFrame"),
        (b'{"type":"hello","token":"t","extra":' + b"[" * 100_000, "invalidJson"),
        (b'{"type":"noSuchThing"}', "unknownType"),
        (b'{"type":7}', "invalidFrame"),
        (b"{}", "invalidFrame"),
        (b'{"type":"send","id":1,"messages":[]}', "invalidFrame"),
        (b'{"type":"markSeen","chatId":"1","seq":1}', "invalidFrame"),
        (b'{"type":"hello","token":"' + b"x" * limits.FRAME_MAX_BYTES + b'"}', "tooLarge"),
    ],
)
def test_bytes_that_are_no_frame_are_refused(data: bytes, code: str) -> None:
    """Each malformed input has one stable code, and no other exception escapes."""
    with pytest.raises(codec.ProtocolError) as caught:
        codec.decode_client_frame(data)
    assert caught.value.code == code


def test_unknown_fields_are_ignored() -> None:
    """A newer peer may add fields."""
    frame = codec.decode_client_frame(b'{"type":"markSeen","chatId":5,"seq":2,"newField":{"a":[1]}}')
    assert codec.encode(frame) == b'{"type":"markSeen","chatId":5,"seq":2}'


def test_every_code_tells_what_to_do() -> None:
    """An error without a hint leaves the user alone."""
    for code, spec in CODES.items():
        assert spec.message.endswith("."), code
        assert spec.hint.endswith("."), code
        assert 400 <= spec.http_status <= 503, code
