-- Endpoints that are told of messages while no client is connected (Web Push, RFC 8030).

CREATE TABLE push_subscriptions (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    endpoint TEXT NOT NULL,
    p256dh BLOB NOT NULL,
    auth BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (user_id, endpoint)
) STRICT;
