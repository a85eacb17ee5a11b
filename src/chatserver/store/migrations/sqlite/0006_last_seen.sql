-- When a user was last online.

CREATE TABLE last_seen (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    at INTEGER NOT NULL
) STRICT;
