-- Profiles, finding people by their words, accounts that are disabled or deleted, invitations, reset codes.

ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN avatar_file_id INTEGER;
ALTER TABLE users ADD COLUMN disabled_at INTEGER;
ALTER TABLE users ADD COLUMN deleted_at INTEGER; -- the row stays for the messages; nothing personal is left in it
ALTER TABLE users ADD COLUMN has_words INTEGER NOT NULL DEFAULT 0; -- whether user_words holds this user's words
CREATE INDEX users_without_words ON users (has_words) WHERE has_words = 0;

-- The words of names and addresses, without case and accents: a search looks for their beginnings.
CREATE TABLE user_words (
    word TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (word, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_words_by_user ON user_words (user_id, word);

CREATE INDEX sessions_by_use ON sessions (rotated_at);

CREATE TABLE invites (
    id INTEGER PRIMARY KEY,
    code_hash BLOB NOT NULL UNIQUE, -- SHA-256
    created_by INTEGER NOT NULL, -- a user's id, or 0: the server's owner
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    uses_left INTEGER NOT NULL
) STRICT;
CREATE INDEX invites_by_maker ON invites (created_by);
CREATE INDEX invites_by_expiry ON invites (expires_at);

CREATE TABLE reset_codes (
    user_id INTEGER NOT NULL PRIMARY KEY REFERENCES users (id),
    code_hash BLOB NOT NULL, -- SHA-256
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    tries_left INTEGER NOT NULL
) STRICT;
CREATE INDEX reset_codes_by_expiry ON reset_codes (expires_at);
