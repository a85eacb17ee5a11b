-- Profiles, accounts that are disabled or deleted, invitations, and codes that reset a password.

ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN avatar_file_id INTEGER;
ALTER TABLE users ADD COLUMN disabled_at INTEGER;
ALTER TABLE users ADD COLUMN deleted_at INTEGER;

CREATE TABLE invites (
    code_hash BLOB NOT NULL PRIMARY KEY, -- SHA-256
    created_by INTEGER REFERENCES users (id), -- NULL: the server's owner
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    uses_left INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE reset_codes (
    user_id INTEGER NOT NULL PRIMARY KEY REFERENCES users (id),
    code_hash BLOB NOT NULL, -- SHA-256
    expires_at INTEGER NOT NULL,
    tries_left INTEGER NOT NULL
) STRICT;
