-- Endpoints that are told of messages while no client is connected (Web Push, RFC 8030), and when to leave them alone.

CREATE TABLE push_subscriptions (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    endpoint TEXT NOT NULL UNIQUE,
    p256dh BLOB NOT NULL, -- the receiver's public key, an uncompressed point of P-256
    auth BLOB NOT NULL, -- the secret that the receiver shares with the server
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    failing_since INTEGER -- NULL: the last delivery worked, or there was none
) STRICT;
CREATE INDEX push_subscriptions_by_user ON push_subscriptions (user_id);

CREATE TABLE push_rules (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    rules TEXT NOT NULL -- JSON
) STRICT;
