-- People whose words are being erased: where the work goes on after a kill. A row goes when all is done.
CREATE TABLE erasures (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    asked_at INTEGER NOT NULL,
    worked_at INTEGER NOT NULL, -- by whoever is at it; another process goes on if that is long ago
    client_id BLOB NOT NULL DEFAULT x'', -- own messages up to this client id are erased
    chat_id INTEGER NOT NULL DEFAULT 0, -- all logs up to this place were looked through for copies and reactions
    seq INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0, -- so many were erased,
    copies INTEGER NOT NULL DEFAULT 0, -- forwarded by others,
    reactions INTEGER NOT NULL DEFAULT 0 -- and taken back
) STRICT;

CREATE INDEX files_by_owner ON files (owner_id);
CREATE INDEX uploads_by_owner ON uploads (owner_id);
