"""Pack a frame of the protocol once into the bytes that every receiver's socket takes as they are."""

import struct
from typing import Final

from chatproto import codec
from chatproto.frames import ServerFrame

_TEXT_FIN: Final = 0x81
_SHORT: Final = struct.Struct("!BB").pack
_MEDIUM: Final = struct.Struct("!BBH").pack
_LONG: Final = struct.Struct("!BBQ").pack


def text_frame(payload: bytes) -> bytes:
    """One unfragmented text frame from a server: unmasked, no extension (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return _SHORT(_TEXT_FIN, size) + payload
    if size < 65_536:
        return _MEDIUM(_TEXT_FIN, 126, size) + payload
    return _LONG(_TEXT_FIN, 127, size) + payload


def pack(frame: ServerFrame) -> bytes:
    """A protocol frame as the bytes of a WebSocket frame, the same for every receiver."""
    return text_frame(codec.encode(frame))
