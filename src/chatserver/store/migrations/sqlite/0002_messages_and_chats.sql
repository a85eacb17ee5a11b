-- Messages that refer, mention, carry files and change; groups that are owned and described; chats kept in order.

-- JSON of what a message has beyond its text; NULL if it has nothing. `kind` of a deleted message is 'deleted'.
ALTER TABLE events ADD COLUMN extra TEXT;

ALTER TABLE chats ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE chats ADD COLUMN owner_id INTEGER REFERENCES users (id); -- of a group: may rename it and remove members
UPDATE chats SET owner_id = (SELECT sender_id FROM events WHERE chat_id = chats.id AND seq = 1) WHERE kind = 'group';

-- What is one member's own.
ALTER TABLE members ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN muted_until INTEGER NOT NULL DEFAULT 0; -- 0: not muted
ALTER TABLE members ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;

CREATE TABLE user_log_2 (
    user_id INTEGER NOT NULL REFERENCES users (id),
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    kind TEXT NOT NULL CHECK (kind IN ('joined', 'left', 'seen', 'settings')),
    useq INTEGER NOT NULL,
    PRIMARY KEY (user_id, chat_id, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO user_log_2 SELECT user_id, chat_id, kind, useq FROM user_log;
DROP TABLE user_log;
ALTER TABLE user_log_2 RENAME TO user_log;

-- Who a message mentions; user 0 stands for everybody. Gone when the message is deleted.
CREATE TABLE mentions (
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    user_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    sender_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (chat_id, user_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE pins (
    chat_id INTEGER NOT NULL REFERENCES chats (id),
    seq INTEGER NOT NULL,
    pinned_at INTEGER NOT NULL,
    PRIMARY KEY (chat_id, seq)
) STRICT, WITHOUT ROWID;
