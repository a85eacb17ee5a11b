"""Sizes and counts that both sides check; every number here is part of the protocol."""

from typing import Final

MESSAGE_MAX_BYTES: Final = 16_384
"""UTF-8 bytes of one message's text."""
SEND_MAX_MESSAGES: Final = 100
"""Messages in one `send` frame."""
SEND_MAX_TEXT_BYTES: Final = 131_072
"""UTF-8 bytes of text that a client puts into one `send` frame, so that its JSON stays below the frame cap."""
FRAME_MAX_BYTES: Final = 524_288
"""Bytes of one WebSocket frame from a client."""
SERVER_FRAME_MAX_BYTES: Final = 16_777_216
"""Bytes of one WebSocket frame from a server: a full page of the longest messages, escaped, fits."""
EVENTS_MAX_TEXT_BYTES: Final = 1_048_576
"""UTF-8 bytes of text that a server puts into one `events` frame; a larger commit leaves in several."""
BODY_MAX_BYTES: Final = 262_144
"""Bytes of one REST request body."""

CURSORS_MAX: Final = 5_000
"""Cursors in one `hello`; chats left out are answered as if their cursor were 0."""
WATCH_MAX: Final = 500
"""Users whose presence one session may watch at a time."""
RETENTION_DAYS_MAX: Final = 36_500
"""The longest time after which events may be removed, in days."""

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
"""Events or messages in one page."""
USERS_PAGE_MAX: Final = 1_000
CHATS_PAGE_MAX: Final = 500
GROUP_MEMBERS_MAX: Final = 2_000
MEMBERS_PAGE_MAX: Final = 500

NAME_MAX_CHARS: Final = 64
TITLE_MAX_CHARS: Final = 128
DEVICE_MAX_CHARS: Final = 64
EMAIL_MAX_CHARS: Final = 254
PASSWORD_MIN_CHARS: Final = 8
PASSWORD_MAX_CHARS: Final = 256
CLIENT_ID_BYTES: Final = 16

HELLO_TIMEOUT_S: Final = 10.0
"""Seconds a fresh socket has to send `hello`."""
HEADS_INTERVAL_S: Final = 30.0
"""Seconds after which the server repeats the heads of chats that were active."""
PING_INTERVAL_S: Final = 20.0
PING_TIMEOUT_S: Final = 20.0
"""A silent peer is dropped within interval + timeout, which stays below 45 s."""

INVITES_MAX: Final = 20
"""Invitations of one user that can still be used."""
INVITE_USES_MAX: Final = 100
INVITE_DAYS_MAX: Final = 365
CODE_MAX_CHARS: Final = 64
"""Characters of an invitation's or a reset code, as it is typed."""

TOPIC_MAX_CHARS: Final = 256
STATUS_MAX_CHARS: Final = 128
FILE_NAME_MAX_CHARS: Final = 128
FILE_SIZE_MAX: Final = 1 << 40
"""Bytes of one file, whatever a server's own limit is."""
MENTIONS_MAX: Final = 100
"""Users mentioned by name in one message."""
MESSAGE_FILES_MAX: Final = 10
REACTION_MAX_CHARS: Final = 16
REACTIONS_MAX: Final = 500
"""Pairs of user and emoji on one message."""
REACTION_KINDS_MAX: Final = 20
"""Different emoji on one message."""
PINS_MAX: Final = 100
"""Pinned messages of one chat."""
SEEN_IDS_MAX: Final = 1_000
"""Messages in one `seen` request."""
WATCHED_CHATS_MAX: Final = 50
"""Chats of which one session may hear who types and how far others have read."""
TYPERS_NAMED_MAX: Final = 20
"""Users named in one `typing` frame: those who have been typing longest."""
PUSH_SUBSCRIPTIONS_MAX: Final = 20
"""Push endpoints of one user."""
PUSH_ENDPOINT_MAX_CHARS: Final = 2_048

SEARCH_MAX_CHARS: Final = 500
"""Characters of a search."""
SEARCH_TERMS_MAX: Final = 16
"""Words, phrases and filters of a search."""
SEARCH_PAGE_DEFAULT: Final = 20
SEARCH_PAGE_MAX: Final = 100
"""Hits in one page."""

ID_MAX: Final = (1 << 48) - 1
"""User and chat ids are random positive integers below 2**48: exact in every JSON reader."""
TIME_MAX: Final = (1 << 53) - 1
"""Largest time (microseconds since 1970-01-01 UTC) or sequence number: exact in every JSON reader."""
