-- The first schema of the SQLite backend. Frozen: a released database may hold it; change it by a new migration.
-- Ids are random 48-bit integers, times are microseconds since 1970 UTC.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    rev INTEGER NOT NULL UNIQUE, -- one counter for all users: orders the users' list
    useq INTEGER NOT NULL DEFAULT 0, -- head of the user's own log
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    device TEXT NOT NULL,
    refresh_hash BLOB NOT NULL, -- SHA-256 of the newest refresh token
    previous_hash BLOB, -- of the one before it
    created_at INTEGER NOT NULL,
    rotated_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_revocation ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('direct', 'group')),
    title TEXT NOT NULL DEFAULT '',
    direct_low INTEGER REFERENCES users (id), -- the two people of a direct chat, the lower id first
    direct_high INTEGER REFERENCES users (id),
    member_count INTEGER NOT NULL,
    head INTEGER NOT NULL DEFAULT 0, -- seq of the newest event
    head_at INTEGER NOT NULL, -- its time, or the chat's creation
    created_at INTEGER NOT NULL,
    UNIQUE (direct_low, direct_high),
    CHECK ((kind = 'direct') = (direct_low IS NOT NULL AND direct_high IS NOT NULL))
) STRICT;

CREATE TABLE members (
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    joined_seq INTEGER NOT NULL, -- head when the user joined
    seen_seq INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (chat_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id, chat_id);

-- One log per chat: seq is 1..N without holes, at is strictly increasing. Clustered by chat, so that a page is a
-- few neighbouring pages of the file wherever it lies.
CREATE TABLE events (
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    sender_id INTEGER NOT NULL REFERENCES users (id),
    client_id BLOB, -- messages only: 16 random bytes made by the author, kept for ever
    kind TEXT NOT NULL,
    body TEXT NOT NULL, -- a message's text; the JSON fields of any other kind
    PRIMARY KEY (chat_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_client_id ON events (sender_id, client_id) WHERE client_id IS NOT NULL;
CREATE UNIQUE INDEX events_by_time ON events (chat_id, at);

-- What changed for one user alone; one row per (user, chat, kind), so it stays bounded.
CREATE TABLE user_log (
    user_id INTEGER NOT NULL REFERENCES users (id),
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    kind TEXT NOT NULL CHECK (kind IN ('joined', 'seen')),
    useq INTEGER NOT NULL,
    PRIMARY KEY (user_id, chat_id, kind)
) STRICT, WITHOUT ROWID;
