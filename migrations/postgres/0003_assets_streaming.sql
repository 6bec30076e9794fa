-- Where a meeting is streamed to, and what was recorded of it.
CREATE TABLE streaming_targets (
    id                 uuid PRIMARY KEY,
    room_id            uuid NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    created_at         timestamptz NOT NULL,
    name               text COLLATE "C" NOT NULL,
    kind               text COLLATE "C" NOT NULL CHECK (kind IN ('custom')),
    streaming_endpoint text COLLATE "C" NOT NULL,
    streaming_key      text COLLATE "C" NOT NULL,
    public_url         text COLLATE "C" NOT NULL
);
CREATE INDEX streaming_targets_room ON streaming_targets (room_id, created_at, id);

-- The object itself lies in the asset store under the id.
CREATE TABLE assets (
    id         uuid PRIMARY KEY,
    room_id    uuid NOT NULL REFERENCES rooms (id),
    created_at timestamptz NOT NULL,
    namespace  text COLLATE "C" NOT NULL,
    kind       text COLLATE "C" NOT NULL,
    filename   text COLLATE "C" NOT NULL,
    size       bigint NOT NULL CHECK (size >= 0)
);
CREATE INDEX assets_room ON assets (room_id, created_at, id);
