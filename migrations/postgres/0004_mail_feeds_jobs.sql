-- Mails that are still to be sent, written in the transaction of what they tell of.
CREATE TABLE outbox (
    id          uuid PRIMARY KEY,
    created_at  timestamptz NOT NULL,
    -- What to say to whom, as JSON; the text is made when it is sent.
    mail        jsonb NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    -- Not before; moved on by whoever takes it, so that nobody else does.
    due_at      timestamptz NOT NULL,
    sent_at     timestamptz,
    failed_at   timestamptz,
    last_error  text COLLATE "C"
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL AND failed_at IS NULL;

-- The private address of a user's calendar; only a hash of its token is kept.
CREATE TABLE calendar_feeds (
    user_id    uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

-- Who runs which maintenance job until when, so that two servers do not run it at once.
CREATE TABLE job_leases (
    job        text COLLATE "C" PRIMARY KEY,
    holder     uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    ran_at     timestamptz
);
