-- Moved on by whoever counts what the user has: it takes the row.
ALTER TABLE users ADD COLUMN quota_touched_at TEXT;

-- How much of what is limited per day or hour was used, by whom or by what.
CREATE TABLE usage_counters (
    -- An id, or the hash of an address.
    subject      BLOB NOT NULL,
    -- Of the quota.
    name         TEXT NOT NULL,
    -- Beginning of the day or hour, in UTC.
    period_start TEXT NOT NULL,
    value        INTEGER NOT NULL CHECK (value >= 0),
    PRIMARY KEY (subject, name, period_start)
) STRICT;
CREATE INDEX usage_counters_start ON usage_counters (period_start);
