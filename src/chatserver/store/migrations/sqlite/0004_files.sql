-- Uploads, files and the content they share.

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    media_type TEXT NOT NULL,
    width INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    thumbnail INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;

-- Which messages show a file; a file without any is removed after a while.
CREATE TABLE message_files (
    file_id INTEGER NOT NULL REFERENCES files (id),
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    seq INTEGER NOT NULL,
    PRIMARY KEY (file_id, chat_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_files_by_message ON message_files (chat_id, seq);
