CREATE TABLE tenants (
    id          BLOB PRIMARY KEY,
    external_id TEXT UNIQUE,
    created_at  TEXT NOT NULL
) STRICT;

CREATE TABLE tariffs (
    id                BLOB PRIMARY KEY,
    name              TEXT NOT NULL UNIQUE,
    quotas            TEXT NOT NULL,
    disabled_modules  TEXT NOT NULL,
    disabled_features TEXT NOT NULL,
    created_at        TEXT NOT NULL,
    updated_at        TEXT NOT NULL
) STRICT;

CREATE TABLE tariff_external_ids (
    external_id TEXT PRIMARY KEY,
    tariff_id   BLOB NOT NULL REFERENCES tariffs (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX tariff_external_ids_tariff ON tariff_external_ids (tariff_id);

CREATE TABLE users (
    id                  BLOB PRIMARY KEY,
    issuer              TEXT NOT NULL,
    subject             TEXT NOT NULL,
    tenant_id           BLOB NOT NULL REFERENCES tenants (id),
    tariff_id           BLOB NOT NULL REFERENCES tariffs (id),
    tariff_status       TEXT NOT NULL CHECK (tariff_status IN ('default', 'paid', 'downgraded')),
    email               TEXT NOT NULL,
    title               TEXT NOT NULL,
    firstname           TEXT NOT NULL,
    lastname            TEXT NOT NULL,
    display_name        TEXT NOT NULL,
    display_name_chosen INTEGER NOT NULL,
    language            TEXT NOT NULL,
    language_chosen     INTEGER NOT NULL,
    dashboard_theme     TEXT NOT NULL,
    conference_theme    TEXT NOT NULL,
    phone               TEXT,
    used_storage        INTEGER NOT NULL CHECK (used_storage >= 0),
    disabled_at         TEXT,
    search_text         TEXT NOT NULL,
    created_at          TEXT NOT NULL,
    updated_at          TEXT NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;
CREATE INDEX users_tenant ON users (tenant_id, created_at, id);
CREATE INDEX users_tariff ON users (tariff_id);

CREATE TABLE groups (
    id        BLOB PRIMARY KEY,
    tenant_id BLOB NOT NULL REFERENCES tenants (id),
    name      TEXT NOT NULL,
    UNIQUE (tenant_id, name)
) STRICT;

CREATE TABLE user_groups (
    user_id  BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id BLOB NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
) STRICT;
CREATE INDEX user_groups_group ON user_groups (group_id);

CREATE TABLE rooms (
    id             BLOB PRIMARY KEY,
    tenant_id      BLOB NOT NULL REFERENCES tenants (id),
    created_by     BLOB NOT NULL REFERENCES users (id),
    created_at     TEXT NOT NULL,
    password       TEXT,
    waiting_room   INTEGER NOT NULL,
    e2e_encryption INTEGER NOT NULL,
    -- When a meeting began here, to a day; NULL: never yet.
    used_at        TEXT
) STRICT;
CREATE INDEX rooms_created_by ON rooms (created_by, created_at, id);
CREATE INDEX rooms_tenant ON rooms (tenant_id);

CREATE TABLE invites (
    code       BLOB PRIMARY KEY,
    room_id    BLOB NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    created_by BLOB NOT NULL REFERENCES users (id),
    created_at TEXT NOT NULL,
    updated_by BLOB NOT NULL REFERENCES users (id),
    updated_at TEXT NOT NULL,
    active     INTEGER NOT NULL,
    expiration TEXT
) STRICT;
CREATE INDEX invites_room ON invites (room_id, created_at, code);
CREATE INDEX invites_created_by ON invites (created_by);
CREATE INDEX invites_updated_by ON invites (updated_by);

CREATE TABLE sip_configs (
    room_id  BLOB PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    sip_id   TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    lobby    INTEGER NOT NULL
) STRICT;

INSERT INTO tenants (id, external_id, created_at)
VALUES (X'7f1c5b1e9d0a4c558f7e0a4f5c1d2e01', NULL, '2026-01-01T00:00:00+00:00');

INSERT INTO tariffs (id, name, quotas, disabled_modules, disabled_features, created_at, updated_at)
VALUES (X'7f1c5b1e9d0a4c558f7e0a4f5c1d2e02', 'Default', '{}', '[]', '[]',
        '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00');
