"""What the server puts into one frame or page stays within what a client takes."""

from chatproto import codec, limits
from chatproto.frames import Events
from chatproto.models import FileInfo, Message, MessageChanged, Reaction, event_id
from chatserver.realtime.hub import _frames_of


def largest_message(seq: int) -> Message:
    """As large as a message can be: text that doubles when escaped, and everything else at its limit."""
    ids = [limits.ID_MAX - number for number in range(limits.GROUP_MEMBERS_MAX)]
    per_kind = limits.REACTIONS_MAX // limits.REACTION_KINDS_MAX
    file = FileInfo(
        id=limits.ID_MAX,
        name="\U0001f333" * limits.FILE_NAME_MAX_CHARS,
        size=limits.TIME_MAX,
        media_type="x" * 128,
        width=99_999,
        height=99_999,
        thumbnail=True,
    )
    return Message(
        id=event_id(limits.ID_MAX, seq),
        seq=seq,
        at=limits.TIME_MAX,
        sender_id=ids[0],
        client_id=b"x" * 16,
        text='"' * limits.MESSAGE_MAX_BYTES,
        reply_to=limits.TIME_MAX,
        mentions=ids[: limits.MENTIONS_MAX],
        mention_all=True,
        files=[file] * limits.MESSAGE_FILES_MAX,
        edited_at=limits.TIME_MAX,
        reactions=[
            Reaction(emoji="\U0001f333" * limits.REACTION_MAX_CHARS, user_ids=ids[:per_kind])
            for _ in range(limits.REACTION_KINDS_MAX)
        ],
        pinned=True,
        rev=limits.TIME_MAX,
    )


def test_no_page_and_no_frame_grows_past_what_a_client_takes() -> None:
    """A full page of the largest messages and of their changes, and what the fan-out puts into one frame."""
    events = [
        MessageChanged(
            id=event_id(limits.ID_MAX, seq),
            seq=seq,
            at=limits.TIME_MAX,
            sender_id=limits.ID_MAX,
            change="unreacted",
            message=largest_message(seq),
            emoji="\U0001f333" * limits.REACTION_MAX_CHARS,
        )
        for seq in range(limits.TIME_MAX - limits.PAGE_MAX, limits.TIME_MAX)
    ]
    page = Events(chat_id=limits.ID_MAX, events=list(events))
    assert len(codec.encode(page)) < limits.SERVER_FRAME_MAX_BYTES
    for messages in (list(events), [event.message for event in events]):
        parts = list(_frames_of([*messages]))
        assert [event for part in parts for event in part] == messages
        assert all(
            len(codec.encode(Events(chat_id=1, events=part))) < 2 * limits.EVENTS_MAX_TEXT_BYTES for part in parts
        )
