CREATE TABLE tenants (
    id          uuid PRIMARY KEY,
    external_id text COLLATE "C" CONSTRAINT tenants_external_id_key UNIQUE,
    created_at  timestamptz NOT NULL
);

CREATE TABLE tariffs (
    id                uuid PRIMARY KEY,
    name              text COLLATE "C" NOT NULL CONSTRAINT tariffs_name_key UNIQUE,
    quotas            jsonb NOT NULL,
    disabled_modules  jsonb NOT NULL,
    disabled_features jsonb NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);

CREATE TABLE tariff_external_ids (
    external_id text COLLATE "C" PRIMARY KEY,
    tariff_id   uuid NOT NULL REFERENCES tariffs (id) ON DELETE CASCADE
);
CREATE INDEX tariff_external_ids_tariff ON tariff_external_ids (tariff_id);

CREATE TABLE users (
    id                  uuid PRIMARY KEY,
    issuer              text COLLATE "C" NOT NULL,
    subject             text COLLATE "C" NOT NULL,
    tenant_id           uuid NOT NULL REFERENCES tenants (id),
    tariff_id           uuid NOT NULL REFERENCES tariffs (id),
    tariff_status       text COLLATE "C" NOT NULL CHECK (tariff_status IN ('default', 'paid', 'downgraded')),
    email               text COLLATE "C" NOT NULL,
    title               text COLLATE "C" NOT NULL,
    firstname           text COLLATE "C" NOT NULL,
    lastname            text COLLATE "C" NOT NULL,
    display_name        text COLLATE "C" NOT NULL,
    display_name_chosen boolean NOT NULL,
    language            text COLLATE "C" NOT NULL,
    language_chosen     boolean NOT NULL,
    dashboard_theme     text COLLATE "C" NOT NULL,
    conference_theme    text COLLATE "C" NOT NULL,
    phone               text COLLATE "C",
    used_storage        bigint NOT NULL CHECK (used_storage >= 0),
    disabled_at         timestamptz,
    search_text         text COLLATE "C" NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT users_issuer_subject_key UNIQUE (issuer, subject)
);
CREATE INDEX users_tenant ON users (tenant_id, created_at, id);
CREATE INDEX users_tariff ON users (tariff_id);

CREATE TABLE groups (
    id        uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    name      text COLLATE "C" NOT NULL,
    CONSTRAINT groups_tenant_id_name_key UNIQUE (tenant_id, name)
);

CREATE TABLE user_groups (
    user_id  uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id uuid NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX user_groups_group ON user_groups (group_id);

CREATE TABLE rooms (
    id             uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL REFERENCES tenants (id),
    created_by     uuid NOT NULL REFERENCES users (id),
    created_at     timestamptz NOT NULL,
    password       text COLLATE "C",
    waiting_room   boolean NOT NULL,
    e2e_encryption boolean NOT NULL,
    -- When a meeting began here, to a day; NULL: never yet.
    used_at        timestamptz
);
CREATE INDEX rooms_created_by ON rooms (created_by, created_at, id);
CREATE INDEX rooms_tenant ON rooms (tenant_id);

CREATE TABLE invites (
    code       uuid PRIMARY KEY,
    room_id    uuid NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    created_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    updated_by uuid NOT NULL REFERENCES users (id),
    updated_at timestamptz NOT NULL,
    active     boolean NOT NULL,
    expiration timestamptz
);
CREATE INDEX invites_room ON invites (room_id, created_at, code);
CREATE INDEX invites_created_by ON invites (created_by);
CREATE INDEX invites_updated_by ON invites (updated_by);

CREATE TABLE sip_configs (
    room_id  uuid PRIMARY KEY REFERENCES rooms (id) ON DELETE CASCADE,
    sip_id   text COLLATE "C" NOT NULL CONSTRAINT sip_configs_sip_id_key UNIQUE,
    password text COLLATE "C" NOT NULL,
    lobby    boolean NOT NULL
);

INSERT INTO tenants (id, external_id, created_at)
VALUES ('7f1c5b1e-9d0a-4c55-8f7e-0a4f5c1d2e01', NULL, '2026-01-01T00:00:00Z');

INSERT INTO tariffs (id, name, quotas, disabled_modules, disabled_features, created_at, updated_at)
VALUES ('7f1c5b1e-9d0a-4c55-8f7e-0a4f5c1d2e02', 'Default', '{}', '[]', '[]',
        '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');
