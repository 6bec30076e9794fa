-- Whoever uploads looks for a name that no asset of the room has.
CREATE INDEX assets_name ON assets (room_id, filename);
