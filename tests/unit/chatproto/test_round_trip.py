"""Every frame and body that can be made survives encoding and decoding, unchanged."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatproto import codec, rest
from chatproto.frames import ClientFrame, ServerFrame
from tests.support.structs import instances, struct_types

BODIES: list[type[msgspec.Struct]] = [
    rest.LoginRequest,
    rest.RefreshRequest,
    rest.Tokens,
    rest.UsersPage,
    rest.DeleteAccountRequest,
    rest.Invite,
    rest.InviteRequest,
    rest.InvitesList,
    rest.PasswordRequest,
    rest.ProfileRequest,
    rest.RegisterRequest,
    rest.ResetMailRequest,
    rest.ResetRequest,
    rest.SessionInfo,
    rest.SessionsList,
    rest.UsersFound,
    rest.ChatsPage,
    rest.MessagesPage,
    rest.MessageRequest,
    rest.EditRequest,
    rest.PinnedMessages,
    rest.SeenRequest,
    rest.SeenAnswer,
    rest.SeenByPage,
    rest.SeenMarkersPage,
    rest.Health,
    rest.ErrorBody,
    *struct_types(rest.ChatRequest),
]


@given(instances(ClientFrame))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_client_frames_survive(frame: Any) -> None:
    """decode(encode(frame)) == frame, as bytes and as text."""
    assert codec.decode_client_frame(codec.encode(frame)) == frame
    assert codec.decode_client_frame(codec.encode_text(frame)) == frame


@given(instances(ServerFrame))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_server_frames_survive(frame: Any) -> None:
    """decode(encode(frame)) == frame."""
    assert codec.decode_server_frame(codec.encode(frame)) == frame


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_bodies_survive(kind: type[msgspec.Struct]) -> None:
    """decode(encode(body)) == body for each REST body."""

    @given(instances(kind))
    @settings(max_examples=20)
    def check(body: Any) -> None:
        assert codec.decode_body(codec.encode(body), kind) == body

    check()


@given(st.binary(max_size=400))
def test_random_bytes_raise_only_protocol_errors(data: bytes) -> None:
    """Whatever arrives, decoding gives a frame or a ProtocolError."""
    try:
        codec.decode_client_frame(data)
    except codec.ProtocolError as error:
        assert not error.temporary


@given(instances(ClientFrame), st.data())
def test_damaged_frames_raise_only_protocol_errors(frame: Any, data: st.DataObject) -> None:
    """A frame with one byte changed or cut off is read or refused, never anything else."""
    raw = bytearray(codec.encode(frame))
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw[place] = data.draw(st.integers(0, 255))
    else:
        del raw[place:]
    try:
        codec.decode_client_frame(bytes(raw))
    except codec.ProtocolError as error:
        assert error.code in {"invalidJson", "invalidFrame", "unknownType"}
