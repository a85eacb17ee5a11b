"""What the storage tests share: users, chats and messages that a server could have sent."""

from chatproto.models import Chat, Message, User, event_id

ME = User(id=1, email="anna@example.org", display_name="Anna", rev=1)
BELA = User(id=2, email="bela@example.org", display_name="Béla", rev=2)
CSILLA = User(id=3, email="csilla@example.org", display_name="csilla", rev=3)
EPOCH = "epoch-1"


def message(chat_id: int, seq: int, sender_id: int = 2, text: str = "") -> Message:
    """The event at `seq` of a chat; always the same for the same arguments."""
    return Message(
        id=event_id(chat_id, seq),
        seq=seq,
        at=1_000_000 + seq * 10,
        sender_id=sender_id,
        client_id=chat_id.to_bytes(8, "big") + seq.to_bytes(8, "big"),
        text=text or f"message {seq}",
    )


def messages(chat_id: int, first: int, last: int, sender_id: int = 2) -> list[Message]:
    return [message(chat_id, seq, sender_id) for seq in range(first, last + 1)]


def direct(chat_id: int, peer_id: int, head: int, *, seen: int = 0, unread: int = 0) -> Chat:
    """A direct chat as the server describes it."""
    return Chat(
        id=chat_id,
        kind="direct",
        peer_id=peer_id,
        member_count=2,
        head=head,
        head_at=1_000_000 + head * 10,
        seen=seen,
        unread=unread,
    )


def group(chat_id: int, title: str, head: int, *, seen: int = 0, unread: int = 0) -> Chat:
    """A group as the server describes it."""
    return Chat(
        id=chat_id,
        kind="group",
        title=title,
        member_count=3,
        head=head,
        head_at=1_000_000 + head * 10,
        seen=seen,
        unread=unread,
    )
