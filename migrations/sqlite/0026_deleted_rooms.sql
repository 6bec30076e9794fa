-- Rooms that were deleted a while ago: what LiveKit still keeps of them is known to be ours. In seconds since 1970.
CREATE TABLE deleted_rooms (
    id         BLOB PRIMARY KEY,
    deleted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deleted_rooms_deleted_at ON deleted_rooms (deleted_at);

CREATE TRIGGER rooms_are_remembered AFTER DELETE ON rooms
BEGIN
    INSERT INTO deleted_rooms (id, deleted_at) VALUES (OLD.id, unixepoch()) ON CONFLICT (id) DO NOTHING;
END;
