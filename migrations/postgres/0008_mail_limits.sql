-- What a mail is about and to whom it goes: a newer one takes the place of an unsent one, and nobody gets too many.
ALTER TABLE outbox ADD COLUMN event_id uuid;
-- 'invite', 'change' or 'end'.
ALTER TABLE outbox ADD COLUMN purpose text COLLATE "C";
-- The occurrence, of a mail about one.
ALTER TABLE outbox ADD COLUMN instance_at timestamptz;
ALTER TABLE outbox ADD COLUMN has_lost_times boolean;
-- SHA-256 of the receiver's folded address.
ALTER TABLE outbox ADD COLUMN address_hash bytea;
-- When it was to go at first; what counts for limits per hour.
ALTER TABLE outbox ADD COLUMN slot_at timestamptz;
UPDATE outbox SET slot_at = created_at;
CREATE INDEX outbox_event ON outbox (event_id, purpose);
CREATE INDEX outbox_address ON outbox (address_hash, slot_at);

-- Who wants no mail about events. Only a hash (SHA-256) of the folded address is kept.
CREATE TABLE mail_refusals (
    address_hash bytea PRIMARY KEY,
    refused_at   timestamptz NOT NULL
);

-- Keys that all servers with this database share. Each is made when it is first needed.
CREATE TABLE server_keys (
    name       text COLLATE "C" PRIMARY KEY,
    value      bytea NOT NULL,
    created_at timestamptz NOT NULL
);
