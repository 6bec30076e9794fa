-- Moved on by whoever counts what the user has: it takes the row.
ALTER TABLE users ADD COLUMN quota_touched_at timestamptz;

-- How much of what is limited per day or hour was used, by whom or by what.
CREATE TABLE usage_counters (
    -- An id, or the hash of an address.
    subject      bytea NOT NULL,
    -- Of the quota.
    name         text COLLATE "C" NOT NULL,
    -- Beginning of the day or hour, in UTC.
    period_start timestamptz NOT NULL,
    value        bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (subject, name, period_start)
);
CREATE INDEX usage_counters_start ON usage_counters (period_start);
