-- What the identity provider says of people, since when, and whom it does not vouch for any more (docs/protocol/identity.md).

-- `iat` of what wrote the claims last, in Unix seconds; nothing older writes any more.
ALTER TABLE users ADD COLUMN claims_at INTEGER NOT NULL DEFAULT 0;
-- The address as addresses are compared.
ALTER TABLE users ADD COLUMN email_fold TEXT NOT NULL DEFAULT '';
UPDATE users SET email_fold = lower(email);
CREATE INDEX users_email_fold ON users (email_fold, tenant_id);
-- Whether the address is the user's; absent: it was never said.
ALTER TABLE users ADD COLUMN email_verified INTEGER;
-- When the user was here last, to the hour.
ALTER TABLE users ADD COLUMN seen_at TEXT NOT NULL DEFAULT '1970-01-01T00:00:00+00:00';
UPDATE users SET seen_at = updated_at;
ALTER TABLE users ADD COLUMN picture TEXT;

-- Who comes by link: straight in, into the waiting room, or not at all.
ALTER TABLE rooms ADD COLUMN guest_access TEXT NOT NULL DEFAULT 'direct_access'
    CHECK (guest_access IN ('direct_access', 'waiting_room', 'disabled'));

-- Names that the identity provider knew for an address when it was invited.
ALTER TABLE event_invites ADD COLUMN firstname TEXT CHECK (firstname IS NULL OR email IS NOT NULL);
ALTER TABLE event_invites ADD COLUMN lastname TEXT CHECK (lastname IS NULL OR email IS NOT NULL);

-- Services that are locked out; people are, by their row in users.
CREATE TABLE disabled_subjects (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    at      TEXT NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT;

-- Logins that have ended before their tokens: those of a login (session), else all of a subject, made for that client and not
-- later than iat (Unix seconds).
CREATE TABLE void_sessions (
    id      BLOB PRIMARY KEY,
    issuer  TEXT NOT NULL,
    client  TEXT NOT NULL,
    session TEXT,
    subject TEXT,
    iat     INTEGER NOT NULL,
    at      TEXT NOT NULL,
    CHECK ((session IS NULL) <> (subject IS NULL))
) STRICT;
CREATE INDEX void_sessions_at ON void_sessions (at, id);

-- Users whose rows went into others': servers forget their ids.
CREATE TABLE merged_users (
    id BLOB PRIMARY KEY,
    into_id BLOB NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX merged_users_at ON merged_users (at, id);
