"""Encode and decode frames and bodies; the only place that turns bytes into structs, and raises ProtocolError."""

from typing import Any, TypeVar

import msgspec

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.frames import ClientFrame, ServerFrame

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_client_decoder: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_server_decoder: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)
_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


class ProtocolError(ChatError):
    """What arrived is not what the protocol allows. Always final: the same bytes fail again."""


def encode(value: msgspec.Struct) -> bytes:
    """The JSON of a struct, UTF-8."""
    return _encoder.encode(value)


def encode_text(value: msgspec.Struct) -> str:
    """The JSON of a struct as text, for a WebSocket text frame."""
    return _encoder.encode(value).decode()


def decode_client_frame(data: bytes | str) -> ClientFrame:
    """Read one frame that a client sent. Raises `ProtocolError`."""
    return _decode(_client_decoder, data, limits.FRAME_MAX_BYTES)


def decode_server_frame(data: bytes | str) -> ServerFrame:
    """Read one frame that a server sent. Raises `ProtocolError`."""
    return _decode(_server_decoder, data, limits.SERVER_FRAME_MAX_BYTES)


def decode_body(data: bytes, kind: type[T], *, max_bytes: int = limits.BODY_MAX_BYTES) -> T:
    """Read one REST body as `kind`. Raises `ProtocolError`."""
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    result: T = _decode(decoder, data, max_bytes)
    return result


def _decode(decoder: msgspec.json.Decoder[T], data: bytes | str, max_bytes: int) -> T:
    if len(data) > max_bytes:
        raise ProtocolError("tooLarge", f"At most {max_bytes} bytes.")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _shape_error(str(error)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ProtocolError("invalidJson", str(error)) from None
    except RecursionError:
        raise ProtocolError("invalidJson", "It is nested too deeply.") from None


def _shape_error(detail: str) -> ProtocolError:
    # msgspec names the tag in this one message; everything else about a shape is one code.
    if detail.startswith("Invalid value '") and detail.endswith("`$.type`"):
        return ProtocolError("unknownType", detail)
    return ProtocolError("invalidFrame", detail)
