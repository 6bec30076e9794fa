-- One row, written again and again by a server that looks whether it can.
CREATE TABLE write_probes (
    id         integer PRIMARY KEY CHECK (id = 1),
    written_at timestamptz NOT NULL
);
