-- What the identity provider says of people, since when, and whom it does not vouch for any more (docs/protocol/identity.md).

-- `iat` of what wrote the claims last, in Unix seconds; nothing older writes any more.
ALTER TABLE users ADD COLUMN claims_at bigint NOT NULL DEFAULT 0;
-- The address as addresses are compared.
ALTER TABLE users ADD COLUMN email_fold text COLLATE "C" NOT NULL DEFAULT '';
UPDATE users SET email_fold = lower(email);
CREATE INDEX users_email_fold ON users (email_fold, tenant_id);
-- Whether the address is the user's; absent: it was never said.
ALTER TABLE users ADD COLUMN email_verified boolean;
-- When the user was here last, to the hour.
ALTER TABLE users ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();
UPDATE users SET seen_at = updated_at;
ALTER TABLE users ADD COLUMN picture text COLLATE "C";

-- Who comes by link: straight in, into the waiting room, or not at all.
ALTER TABLE rooms ADD COLUMN guest_access text COLLATE "C" NOT NULL DEFAULT 'direct_access'
    CHECK (guest_access IN ('direct_access', 'waiting_room', 'disabled'));

-- Names that the identity provider knew for an address when it was invited.
ALTER TABLE event_invites ADD COLUMN firstname text COLLATE "C" CHECK (firstname IS NULL OR email IS NOT NULL);
ALTER TABLE event_invites ADD COLUMN lastname text COLLATE "C" CHECK (lastname IS NULL OR email IS NOT NULL);

-- Services that are locked out; people are, by their row in users.
CREATE TABLE disabled_subjects (
    issuer  text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- Logins that have ended before their tokens: those of a login (session), else all of a subject, made for that client and not
-- later than iat (Unix seconds).
CREATE TABLE void_sessions (
    id      uuid PRIMARY KEY,
    issuer  text COLLATE "C" NOT NULL,
    client  text COLLATE "C" NOT NULL,
    session text COLLATE "C",
    subject text COLLATE "C",
    iat     bigint NOT NULL,
    at      timestamptz NOT NULL,
    CHECK ((session IS NULL) <> (subject IS NULL))
);
CREATE INDEX void_sessions_at ON void_sessions (at, id);

-- Users whose rows went into others': servers forget their ids.
CREATE TABLE merged_users (
    id uuid PRIMARY KEY,
    into_id uuid NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX merged_users_at ON merged_users (at, id);
