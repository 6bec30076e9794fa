-- Rooms that were deleted a while ago: what LiveKit still keeps of them is known to be ours. In seconds since 1970.
CREATE TABLE deleted_rooms (
    id         uuid PRIMARY KEY,
    deleted_at bigint NOT NULL
);
CREATE INDEX deleted_rooms_deleted_at ON deleted_rooms (deleted_at);

CREATE FUNCTION remember_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO deleted_rooms (id, deleted_at) VALUES (OLD.id, extract(epoch FROM now())::bigint) ON CONFLICT (id) DO NOTHING;
    RETURN OLD;
END
$$;
CREATE TRIGGER rooms_are_remembered AFTER DELETE ON rooms FOR EACH ROW EXECUTE FUNCTION remember_room();
