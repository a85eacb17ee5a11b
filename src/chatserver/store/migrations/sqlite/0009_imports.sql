-- What was imported from where, so that importing again adds only what is new. Keys are digests of the source's ids.

CREATE TABLE imported_users (
    source TEXT NOT NULL,
    key BLOB NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE imported_chats (
    source TEXT NOT NULL,
    key BLOB NOT NULL,
    chat_id INTEGER NOT NULL UNIQUE REFERENCES chats (id),
    unfinished INTEGER NOT NULL DEFAULT 1, -- an import is under way, or was cut
    finished INTEGER NOT NULL DEFAULT 0, -- grows with each import that changed a chat
    PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX imported_chats_by_end ON imported_chats (finished);

CREATE TABLE imported_events (
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    key BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (chat_id, key)
) STRICT, WITHOUT ROWID;
