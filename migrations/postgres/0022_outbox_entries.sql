-- What mails tell of an event, once for all receivers.
CREATE TABLE outbox_entries (
    -- The beginning of the SHA-256 of its text: the same is stored once.
    id         uuid PRIMARY KEY,
    -- When a mail with it was queued last.
    queued_at  timestamptz NOT NULL,
    entry      jsonb NOT NULL
);
-- NULL: the mail holds its entry itself, as all did before.
ALTER TABLE outbox ADD COLUMN entry_id uuid REFERENCES outbox_entries (id);
CREATE INDEX outbox_entry ON outbox (entry_id) WHERE entry_id IS NOT NULL;
-- Whoever brought the mail about; NULL where nobody knows any more.
ALTER TABLE outbox ADD COLUMN caused_by uuid;
