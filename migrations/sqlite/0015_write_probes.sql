-- One row, written again and again by a server that looks whether it can.
CREATE TABLE write_probes (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    written_at TEXT NOT NULL
) STRICT;
