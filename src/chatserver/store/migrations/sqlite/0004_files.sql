-- Uploads, files and the content they share.

-- Content, once for each SHA-256 however many files have it. `key` names it in the storage of files.
CREATE TABLE blobs (
    sha256 BLOB NOT NULL PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    width INTEGER NOT NULL DEFAULT 0,
    height INTEGER NOT NULL DEFAULT 0,
    thumbnail_size INTEGER NOT NULL DEFAULT 0 -- bytes; 0: there is none
) STRICT;

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
CREATE INDEX files_by_content ON files (sha256);

-- Which messages show a file; a file without any is removed after a while.
CREATE TABLE message_files (
    file_id INTEGER NOT NULL REFERENCES files (id),
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    seq INTEGER NOT NULL,
    PRIMARY KEY (file_id, chat_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX message_files_by_message ON message_files (chat_id, seq);

-- Uploads under way, and for a while those that are complete. The content arrives under `key`, which is known here
-- before the first byte is written, so that nothing in the storage is ever unaccounted for.
CREATE TABLE uploads (
    id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES users (id),
    client_id BLOB,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    key TEXT NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL,
    file_id INTEGER REFERENCES files (id)
) STRICT;
CREATE UNIQUE INDEX uploads_by_client_id ON uploads (owner_id, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX uploads_by_expiry ON uploads (expires_at);
CREATE INDEX uploads_by_file ON uploads (file_id) WHERE file_id IS NOT NULL;

-- Bytes of a user's files and open uploads; those of all users together stand under 0.
CREATE TABLE file_usage (
    owner_id INTEGER PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT;

-- Keys whose content nothing needs any more; removed from here after it is removed from the storage.
CREATE TABLE doomed_blobs (
    key TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Files that may have become useless, and when to look: new ones after a grace, others when something lets go of them.
CREATE TABLE file_reviews (
    file_id INTEGER PRIMARY KEY,
    due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX file_reviews_by_time ON file_reviews (due_at);

CREATE TRIGGER message_files_review AFTER DELETE ON message_files BEGIN
    INSERT INTO file_reviews (file_id, due_at) VALUES (OLD.file_id, 0) ON CONFLICT (file_id) DO UPDATE SET due_at = 0;
END;

CREATE INDEX users_by_avatar ON users (avatar_file_id) WHERE avatar_file_id IS NOT NULL;
CREATE TRIGGER users_avatar_review AFTER UPDATE OF avatar_file_id ON users
WHEN OLD.avatar_file_id IS NOT NULL AND OLD.avatar_file_id IS NOT NEW.avatar_file_id BEGIN
    INSERT INTO file_reviews (file_id, due_at) VALUES (OLD.avatar_file_id, 0)
    ON CONFLICT (file_id) DO UPDATE SET due_at = 0;
END;
