-- Folders at the storage provider whose events are gone or have forgotten them, and which are still to be deleted there.
CREATE TABLE discarded_folders (
    path           text COLLATE "C" PRIMARY KEY,
    write_share_id text COLLATE "C" NOT NULL,
    read_share_id  text COLLATE "C" NOT NULL,
    discarded_at   timestamptz NOT NULL
);
