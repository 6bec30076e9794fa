-- What is written down of each formal vote that is over, for the room's owner and who began it (`initiator`, a user's id of then). JSON;
-- no operation reads it.
CREATE TABLE vote_minutes (
    vote_id   uuid PRIMARY KEY,
    room_id   uuid NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    initiator uuid,
    ended_at  timestamptz NOT NULL,
    minutes   text COLLATE "C" NOT NULL
);
CREATE INDEX vote_minutes_room ON vote_minutes (room_id);
