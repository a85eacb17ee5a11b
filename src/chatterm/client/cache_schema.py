"""The cache's tables: a copy of what the server holds, and the client list that is kept in order beside it."""

from typing import Final

from chatterm.client.database import Format

_SCHEMA: Final = """
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    display_name TEXT NOT NULL,
    sort_name TEXT NOT NULL,
    rev INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT '',
    avatar INTEGER,
    disabled INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX users_by_email ON users (email);
CREATE INDEX users_by_name ON users (sort_name);

-- kind '' is a chat of which only heads or events have been seen so far.
-- kind, peer_id and shape_count are as the server told them at seq `shape_head`; member_count is derived from
-- shape_count and the cached events after it. title, topic and owner_id are as of the seq beside each of them.
-- The owner's own are as of a position in their user log: settings_useq, and for being a member or not member_useq.
-- figure, figure_mentions: the server's counts for (figure_seen, figure_head].
-- unread, mentions, exact and behind are derived (cache_unread), never counted up or down.
CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL DEFAULT '',
    title TEXT NOT NULL DEFAULT '',
    sort_title TEXT NOT NULL DEFAULT '',
    title_seq INTEGER NOT NULL DEFAULT -1,
    topic TEXT NOT NULL DEFAULT '',
    topic_seq INTEGER NOT NULL DEFAULT -1,
    owner_id INTEGER,
    owner_seq INTEGER NOT NULL DEFAULT -1,
    peer_id INTEGER,
    member_count INTEGER NOT NULL DEFAULT 0,
    shape_count INTEGER NOT NULL DEFAULT 0,
    shape_head INTEGER NOT NULL DEFAULT -1,
    head INTEGER NOT NULL DEFAULT 0,
    head_at INTEGER NOT NULL DEFAULT 0,
    has_left INTEGER NOT NULL DEFAULT 0,
    member_useq INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0,
    muted_until INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    settings_useq INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0,
    seen_pending INTEGER,
    figure INTEGER NOT NULL DEFAULT 0,
    figure_mentions INTEGER NOT NULL DEFAULT 0,
    figure_head INTEGER NOT NULL DEFAULT 0,
    figure_seen INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    mentions INTEGER NOT NULL DEFAULT 0,
    exact INTEGER NOT NULL DEFAULT 1,
    behind INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX chats_by_peer ON chats (peer_id) WHERE peer_id IS NOT NULL;
CREATE INDEX chats_by_title ON chats (sort_title) WHERE kind = 'group';
CREATE INDEX chats_by_activity ON chats (head_at DESC, id);
CREATE INDEX chats_behind ON chats (head_at DESC, id) WHERE behind;
CREATE INDEX chats_unknown ON chats (id) WHERE kind = '' AND NOT has_left;
CREATE INDEX chats_seen_pending ON chats (id) WHERE seen_pending IS NOT NULL;

-- Dense by seq, so that holes need no table of their own. Only messages have a client_id, and text unless they are
-- deleted; their body is JSON of what they have beyond it, NULL if nothing. A changed event has the seq of its
-- message as target and names the change in its body; the message itself is its own row, as of `rev`. Every other
-- kind has its JSON in body. event_id is only kept when it is not the usual one.
-- mention: the owner is to be told. joined: by how many the event changed the number of members.
CREATE TABLE events (
    chat_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    sender_id INTEGER NOT NULL,
    client_id BLOB,
    text TEXT,
    event_id TEXT,
    body BLOB,
    rev INTEGER NOT NULL DEFAULT 0,
    mention INTEGER NOT NULL DEFAULT 0,
    target INTEGER,
    joined INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (chat_id, seq)
) WITHOUT ROWID;
CREATE INDEX events_of_members ON events (chat_id, seq, joined) WHERE joined <> 0
"""
_ENTRIES: Final = """
-- The client list, stored in its own order: section is one of `model.Section`, rank is -activity.
CREATE TABLE entries (
    section INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    sort_name TEXT NOT NULL,
    email TEXT NOT NULL,
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    unread INTEGER NOT NULL,
    peer_id INTEGER,
    mentions INTEGER NOT NULL,
    muted_until INTEGER NOT NULL,
    PRIMARY KEY (section, rank, sort_name, email, id, kind)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_ref ON entries (kind, id);

CREATE TABLE totals (
    section INTEGER PRIMARY KEY,
    entries INTEGER NOT NULL
);
INSERT INTO totals VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0);
CREATE TRIGGER entries_added AFTER INSERT ON entries BEGIN
    UPDATE totals SET entries = entries + 1 WHERE section = new.section;
END;
CREATE TRIGGER entries_removed AFTER DELETE ON entries BEGIN
    UPDATE totals SET entries = entries - 1 WHERE section = old.section;
END;
CREATE TRIGGER entries_moved AFTER UPDATE OF section ON entries WHEN old.section <> new.section BEGIN
    UPDATE totals SET entries = entries - 1 WHERE section = old.section;
    UPDATE totals SET entries = entries + 1 WHERE section = new.section;
END
"""
# What the index for search (`search_indexer`) does not show yet, whoever wrote it; noted once there is such an index,
# which begins by reading what is there. A number is never used twice, so that what was taken care of can be forgotten
# while the same message is noted again.
_UNINDEXED: Final = """
CREATE TABLE unindexed (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    chat_id INTEGER NOT NULL,
    seq INTEGER NOT NULL
);
CREATE TRIGGER message_added AFTER INSERT ON events
WHEN NEW.client_id IS NOT NULL AND EXISTS (SELECT 1 FROM meta WHERE key = 'search')
BEGIN INSERT INTO unindexed (chat_id, seq) VALUES (NEW.chat_id, NEW.seq); END;
CREATE TRIGGER message_changed AFTER UPDATE OF text ON events
WHEN OLD.text IS NOT NEW.text AND EXISTS (SELECT 1 FROM meta WHERE key = 'search')
BEGIN INSERT INTO unindexed (chat_id, seq) VALUES (NEW.chat_id, NEW.seq); END
"""
# Version 4 has the sections of the client list.
_FILL_ENTRIES: Final = """
INSERT INTO entries (section, rank, sort_name, email, id, kind, name, unread, peer_id, mentions, muted_until)
SELECT
    CASE WHEN c.has_left THEN 2 WHEN c.archived THEN 3 WHEN c.pinned THEN 0
        WHEN c.kind = 'direct' AND NOT c.head_at THEN 4 ELSE 1 END,
    -c.head_at,
    CASE WHEN c.kind = 'group' THEN c.sort_title ELSE ifnull(u.sort_name, '(unknown person)') END,
    ifnull(u.email, ''), c.id, 'chat',
    CASE WHEN c.kind = 'group' THEN c.title ELSE ifnull(u.display_name, '(unknown person)') END,
    c.unread, c.peer_id, c.mentions, c.muted_until
FROM chats AS c LEFT JOIN users AS u ON u.id = c.peer_id WHERE c.kind <> '';
INSERT INTO entries (section, rank, sort_name, email, id, kind, name, unread, peer_id, mentions, muted_until)
SELECT 4, 0, u.sort_name, u.email, u.id, 'user', u.display_name, 0, u.id, 0, 0
FROM users AS u
WHERE NOT u.deleted AND NOT u.disabled AND NOT EXISTS (SELECT 1 FROM chats AS c WHERE c.peer_id = u.id)
    AND u.id IS NOT (SELECT value FROM meta WHERE key = 'owner_id')
"""
# Events up to a chat's floor were removed by the server, because they were older than floor_days, and here after it.
# With a time, an unindexed message is gone from here, and the index finds its document by that.
_FLOORS: Final = """
ALTER TABLE chats ADD COLUMN floor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chats ADD COLUMN floor_days REAL NOT NULL DEFAULT 0;
ALTER TABLE unindexed ADD COLUMN at INTEGER;
CREATE INDEX chats_by_floor ON chats (id) WHERE floor > 0
"""
_UPGRADES: Final = {
    2: _UNINDEXED,
    3: ";".join(("DROP TABLE entries", "DROP TABLE totals", _ENTRIES, _FILL_ENTRIES)),
    4: _FLOORS,
}
FORMAT: Final = Format(0x43544341, 5, ";".join((_SCHEMA, _ENTRIES, _UNINDEXED, _FLOORS)), "NORMAL", upgrades=_UPGRADES)
"""Its content can be fetched again, so the last commits may be lost with the power: `NORMAL` never damages it."""
