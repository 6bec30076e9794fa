-- Folders at the storage provider whose events are gone or have forgotten them, and which are still to be deleted there.
CREATE TABLE discarded_folders (
    path           TEXT PRIMARY KEY,
    write_share_id TEXT NOT NULL,
    read_share_id  TEXT NOT NULL,
    discarded_at   TEXT NOT NULL
) STRICT;
