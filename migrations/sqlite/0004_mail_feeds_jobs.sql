-- Mails that are still to be sent, written in the transaction of what they tell of.
CREATE TABLE outbox (
    id          BLOB PRIMARY KEY,
    created_at  TEXT NOT NULL,
    -- What to say to whom, as JSON; the text is made when it is sent.
    mail        TEXT NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    -- Not before; moved on by whoever takes it, so that nobody else does.
    due_at      TEXT NOT NULL,
    sent_at     TEXT,
    failed_at   TEXT,
    last_error  TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL AND failed_at IS NULL;

-- The private address of a user's calendar; only a hash of its token is kept.
CREATE TABLE calendar_feeds (
    user_id    BLOB PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_hash BLOB NOT NULL UNIQUE,
    created_at TEXT NOT NULL
) STRICT;

-- Who runs which maintenance job until when, so that two servers do not run it at once.
CREATE TABLE job_leases (
    job        TEXT PRIMARY KEY,
    holder     BLOB NOT NULL,
    expires_at TEXT NOT NULL,
    ran_at     TEXT
) STRICT;
