-- Where a meeting is streamed to, and what was recorded of it.
CREATE TABLE streaming_targets (
    id                 BLOB PRIMARY KEY,
    room_id            BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    created_at         TEXT NOT NULL,
    name               TEXT NOT NULL,
    kind               TEXT NOT NULL CHECK (kind IN ('custom')),
    streaming_endpoint TEXT NOT NULL,
    streaming_key      TEXT NOT NULL,
    public_url         TEXT NOT NULL
) STRICT;
CREATE INDEX streaming_targets_room ON streaming_targets (room_id, created_at, id);

-- The object itself lies in the asset store under the id.
CREATE TABLE assets (
    id         BLOB PRIMARY KEY,
    room_id    BLOB NOT NULL REFERENCES rooms (id),
    created_at TEXT NOT NULL,
    namespace  TEXT NOT NULL,
    kind       TEXT NOT NULL,
    filename   TEXT NOT NULL,
    size       INTEGER NOT NULL CHECK (size >= 0)
) STRICT;
CREATE INDEX assets_room ON assets (room_id, created_at, id);
