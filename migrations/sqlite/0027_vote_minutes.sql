-- What is written down of each formal vote that is over, for the room's owner and who began it (`initiator`, a user's id of then). JSON;
-- no operation reads it.
CREATE TABLE vote_minutes (
    vote_id   BLOB PRIMARY KEY,
    room_id   BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    initiator BLOB,
    ended_at  TEXT NOT NULL,
    minutes   TEXT NOT NULL
) STRICT;
CREATE INDEX vote_minutes_room ON vote_minutes (room_id);
