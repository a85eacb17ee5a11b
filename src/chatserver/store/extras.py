"""What a message has beyond its text, as it is stored beside it: JSON, or nothing for a plain message."""

from hashlib import blake2b

import msgspec

from chatproto.models import FileInfo, Forwarded, Message, MessageRef, Reaction


class Extra(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True, frozen=True):
    """The stored form. The fields are those of `Message`, and `origin`: a digest of the content as it was sent.

    So a message sent again is known after it was edited, or deleted and its content gone.
    """

    origin: bytes
    reply_to: int = 0
    mentions: list[int] = msgspec.field(default_factory=list)
    mention_all: bool = False
    files: list[FileInfo] = msgspec.field(default_factory=list)
    forwarded: Forwarded | None = None
    edited_at: int = 0
    reactions: list[Reaction] = msgspec.field(default_factory=list)
    pinned: bool = False
    rev: int = 0


_decoder = msgspec.json.Decoder(Extra)
_FIELDS = tuple(name for name in Extra.__struct_fields__ if name != "origin")


class Additions(msgspec.Struct, frozen=True, kw_only=True):
    """What its author gave a message beyond its text. `mentions` and `file_ids` are without repetition."""

    reply_to: int = 0
    mentions: tuple[int, ...] = ()
    mention_all: bool = False
    file_ids: tuple[int, ...] = ()
    forward: MessageRef | None = None


def origin_of(client_id: bytes, text: str, more: Additions | None = None) -> bytes:
    """The digest of a message's content as it was sent; keyed, so that equal texts do not show as equal."""
    content = msgspec.json.encode((text, more or Additions()))
    return blake2b(content, key=client_id, digest_size=16).digest()


def decode(extra: str) -> Extra:
    """Read the stored form."""
    return _decoder.decode(extra)


def encode(message: Message, origin: bytes) -> str:
    """The stored form of what a message has beyond its text."""
    fields = {name: getattr(message, name) for name in _FIELDS}
    return msgspec.json.encode(Extra(origin=origin, **fields)).decode()


def completed(plain: Message, extra: str, *, deleted: bool) -> Message:
    """A message with what it has beyond its text."""
    more = _decoder.decode(extra)
    return msgspec.structs.replace(plain, deleted=deleted, **{name: getattr(more, name) for name in _FIELDS})
