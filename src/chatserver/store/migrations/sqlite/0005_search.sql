-- Full-text search: how far each chat's log has been indexed.

CREATE TABLE search_positions (
    chat_id INTEGER PRIMARY KEY REFERENCES chats (id),
    seq INTEGER NOT NULL
) STRICT;
