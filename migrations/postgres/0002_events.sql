-- The folded address by which the user is invited; NULL: none, or one that the issuer calls unverified.
ALTER TABLE users ADD COLUMN invite_email text COLLATE "C";
UPDATE users SET invite_email = lower(email) WHERE email <> '';
CREATE INDEX users_invite_email ON users (invite_email, tenant_id);

CREATE TABLE events (
    id                            uuid PRIMARY KEY,
    tenant_id                     uuid NOT NULL REFERENCES tenants (id),
    -- A room with an event can't be deleted before it.
    room_id                       uuid NOT NULL UNIQUE REFERENCES rooms (id),
    created_by                    uuid NOT NULL REFERENCES users (id),
    created_at                    timestamptz NOT NULL,
    updated_by                    uuid NOT NULL REFERENCES users (id),
    updated_at                    timestamptz NOT NULL,
    title                         text COLLATE "C" NOT NULL,
    description                   text COLLATE "C" NOT NULL,
    is_adhoc                      boolean NOT NULL,
    -- Of the first occurrence; all six or none (time-independent).
    is_all_day                    boolean,
    starts_at                     timestamptz,
    starts_at_tz                  text COLLATE "C",
    ends_at                       timestamptz,
    ends_at_tz                    text COLLATE "C",
    -- When the last occurrence ends; NULL: never, or time-independent.
    series_ends_at                timestamptz,
    -- A JSON list of RRULE, RDATE, EXRULE and EXDATE lines; NULL: a single event.
    recurrence                    jsonb,
    show_meeting_details          boolean NOT NULL,
    -- A JSON object; NULL: none.
    training_participation_report jsonb,
    -- SEQUENCE of iCalendar (RFC 5545, section 3.8.7.4).
    revision                      integer NOT NULL DEFAULT 0,
    CHECK ((starts_at IS NULL) = (ends_at IS NULL) AND (starts_at IS NULL) = (is_all_day IS NULL)
        AND (starts_at IS NULL) = (starts_at_tz IS NULL) AND (ends_at IS NULL) = (ends_at_tz IS NULL)
        AND (recurrence IS NULL OR starts_at IS NOT NULL))
);
CREATE INDEX events_created_by ON events (created_by, starts_at, created_at, id);
CREATE INDEX events_updated_by ON events (updated_by);
CREATE INDEX events_tenant ON events (tenant_id);

-- An occurrence of a series that differs from it; NULL: as in the series.
CREATE TABLE event_exceptions (
    id                 uuid PRIMARY KEY,
    event_id           uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    original_starts_at timestamptz NOT NULL,
    created_by         uuid NOT NULL REFERENCES users (id),
    created_at         timestamptz NOT NULL,
    updated_by         uuid NOT NULL REFERENCES users (id),
    updated_at         timestamptz NOT NULL,
    status             text COLLATE "C" NOT NULL CHECK (status IN ('ok', 'cancelled')),
    title              text COLLATE "C",
    description        text COLLATE "C",
    is_all_day         boolean,
    starts_at          timestamptz,
    starts_at_tz       text COLLATE "C",
    ends_at            timestamptz,
    ends_at_tz         text COLLATE "C",
    UNIQUE (event_id, original_starts_at)
);
CREATE INDEX event_exceptions_created_by ON event_exceptions (created_by);
CREATE INDEX event_exceptions_updated_by ON event_exceptions (updated_by);

-- Of a registered user or of an e-mail address that no user of the tenant has (folded); never of both.
CREATE TABLE event_invites (
    id         uuid PRIMARY KEY,
    event_id   uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    user_id    uuid REFERENCES users (id) ON DELETE CASCADE,
    email      text COLLATE "C",
    role       text COLLATE "C" NOT NULL CHECK (role IN ('user', 'guest', 'moderator')),
    status     text COLLATE "C" NOT NULL CHECK (status IN ('pending', 'accepted', 'tentative', 'declined')),
    created_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    UNIQUE (event_id, user_id),
    UNIQUE (event_id, email),
    CHECK ((user_id IS NULL) <> (email IS NULL))
);
CREATE INDEX event_invites_event ON event_invites (event_id, created_at, id);
CREATE INDEX event_invites_user ON event_invites (user_id, status);
CREATE INDEX event_invites_email ON event_invites (email);
CREATE INDEX event_invites_created_by ON event_invites (created_by);

CREATE TABLE event_favorites (
    user_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    event_id uuid NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, event_id)
);
CREATE INDEX event_favorites_event ON event_favorites (event_id);

-- A folder at the storage provider that the invitees of an event share.
CREATE TABLE shared_folders (
    event_id       uuid PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
    path           text COLLATE "C" NOT NULL,
    write_share_id text COLLATE "C" NOT NULL,
    write_url      text COLLATE "C" NOT NULL,
    write_password text COLLATE "C" NOT NULL,
    read_share_id  text COLLATE "C" NOT NULL,
    read_url       text COLLATE "C" NOT NULL,
    read_password  text COLLATE "C" NOT NULL
);
