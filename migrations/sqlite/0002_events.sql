-- The folded address by which the user is invited; NULL: none, or one that the issuer calls unverified.
ALTER TABLE users ADD COLUMN invite_email TEXT;
UPDATE users SET invite_email = lower(email) WHERE email <> '';
CREATE INDEX users_invite_email ON users (invite_email, tenant_id);

CREATE TABLE events (
    id                            BLOB PRIMARY KEY,
    tenant_id                     BLOB NOT NULL REFERENCES tenants (id),
    -- A room with an event can't be deleted before it.
    room_id                       BLOB NOT NULL UNIQUE REFERENCES rooms (id),
    created_by                    BLOB NOT NULL REFERENCES users (id),
    created_at                    TEXT NOT NULL,
    updated_by                    BLOB NOT NULL REFERENCES users (id),
    updated_at                    TEXT NOT NULL,
    title                         TEXT NOT NULL,
    description                   TEXT NOT NULL,
    is_adhoc                      INTEGER NOT NULL,
    -- Of the first occurrence; all six or none (time-independent).
    is_all_day                    INTEGER,
    starts_at                     TEXT,
    starts_at_tz                  TEXT,
    ends_at                       TEXT,
    ends_at_tz                    TEXT,
    -- When the last occurrence ends; NULL: never, or time-independent.
    series_ends_at                TEXT,
    -- A JSON list of RRULE, RDATE, EXRULE and EXDATE lines; NULL: a single event.
    recurrence                    TEXT,
    show_meeting_details          INTEGER NOT NULL,
    -- A JSON object; NULL: none.
    training_participation_report TEXT,
    -- SEQUENCE of iCalendar (RFC 5545, section 3.8.7.4).
    revision                      INTEGER NOT NULL DEFAULT 0,
    CHECK ((starts_at IS NULL) = (ends_at IS NULL) AND (starts_at IS NULL) = (is_all_day IS NULL)
        AND (starts_at IS NULL) = (starts_at_tz IS NULL) AND (ends_at IS NULL) = (ends_at_tz IS NULL)
        AND (recurrence IS NULL OR starts_at IS NOT NULL))
) STRICT;
CREATE INDEX events_created_by ON events (created_by, starts_at, created_at, id);
CREATE INDEX events_updated_by ON events (updated_by);
CREATE INDEX events_tenant ON events (tenant_id);

-- An occurrence of a series that differs from it; NULL: as in the series.
CREATE TABLE event_exceptions (
    id                 BLOB PRIMARY KEY,
    event_id           BLOB NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    original_starts_at TEXT NOT NULL,
    created_by         BLOB NOT NULL REFERENCES users (id),
    created_at         TEXT NOT NULL,
    updated_by         BLOB NOT NULL REFERENCES users (id),
    updated_at         TEXT NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('ok', 'cancelled')),
    title              TEXT,
    description        TEXT,
    is_all_day         INTEGER,
    starts_at          TEXT,
    starts_at_tz       TEXT,
    ends_at            TEXT,
    ends_at_tz         TEXT,
    UNIQUE (event_id, original_starts_at)
) STRICT;
CREATE INDEX event_exceptions_created_by ON event_exceptions (created_by);
CREATE INDEX event_exceptions_updated_by ON event_exceptions (updated_by);

-- Of a registered user or of an e-mail address that no user of the tenant has (folded); never of both.
CREATE TABLE event_invites (
    id         BLOB PRIMARY KEY,
    event_id   BLOB NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    user_id    BLOB REFERENCES users (id) ON DELETE CASCADE,
    email      TEXT,
    role       TEXT NOT NULL CHECK (role IN ('user', 'guest', 'moderator')),
    status     TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'tentative', 'declined')),
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (event_id, user_id),
    UNIQUE (event_id, email),
    CHECK ((user_id IS NULL) <> (email IS NULL))
) STRICT;
CREATE INDEX event_invites_event ON event_invites (event_id, created_at, id);
CREATE INDEX event_invites_user ON event_invites (user_id, status);
CREATE INDEX event_invites_email ON event_invites (email);
CREATE INDEX event_invites_created_by ON event_invites (created_by);

CREATE TABLE event_favorites (
    user_id  BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    event_id BLOB NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, event_id)
) STRICT;
CREATE INDEX event_favorites_event ON event_favorites (event_id);

-- A folder at the storage provider that the invitees of an event share.
CREATE TABLE shared_folders (
    event_id       BLOB PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    path           TEXT NOT NULL,
    write_share_id TEXT NOT NULL,
    write_url      TEXT NOT NULL,
    write_password TEXT NOT NULL,
    read_share_id  TEXT NOT NULL,
    read_url       TEXT NOT NULL,
    read_password  TEXT NOT NULL
) STRICT;
