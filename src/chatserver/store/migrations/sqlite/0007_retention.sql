-- Logs that begin above a floor, what is left of removed messages, and work that goes on after a kill.

ALTER TABLE chats ADD COLUMN retention_days REAL; -- NULL: as the setting says; 0: events are kept for ever
ALTER TABLE chats ADD COLUMN floor INTEGER NOT NULL DEFAULT 0; -- events up to this seq were removed
ALTER TABLE chats ADD COLUMN floor_days REAL NOT NULL DEFAULT 0; -- because they were older than this
ALTER TABLE chats ADD COLUMN floor_rev INTEGER NOT NULL DEFAULT 0; -- one counter for all chats: orders the removals
CREATE UNIQUE INDEX chats_by_floor ON chats (floor_rev) WHERE floor_rev > 0;
CREATE INDEX chats_with_retention ON chats (id) WHERE retention_days IS NOT NULL;
CREATE INDEX chats_by_title ON chats (title) WHERE kind = 'group';

-- That a message was stored once, so that it is not stored again when it is sent again, and its digest as it was sent.
CREATE TABLE removed_messages (
    sender_id INTEGER NOT NULL,
    client_id BLOB NOT NULL,
    chat_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    origin BLOB NOT NULL,
    PRIMARY KEY (sender_id, client_id)
) STRICT, WITHOUT ROWID;

-- Chats in which a command has added events, and the first of those that the server has not told anybody of.
CREATE TABLE untold_events (
    chat_id INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT;
