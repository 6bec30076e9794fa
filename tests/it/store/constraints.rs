//! Uniqueness and references are decided by the database and told alike by both.

use colloquy::store::{Db, StoreError, Unique};
use sqlx::AssertSqlSafe;

use super::Store;

on_both_databases!(Store: each_uniqueness_is_recognised, references_are_recognised, broken_statements_fail);

async fn refusal(store: &Store, sql: &str) -> StoreError {
    let sql = AssertSqlSafe(sql.to_owned());
    let result = match &store.db {
        Db::Sqlite { write, .. } => sqlx::query(sql).execute(&**write).await.map(drop),
        Db::Postgres(pool) => sqlx::query(sql).execute(&**pool).await.map(drop),
    };
    result.map_err(StoreError::from).expect_err("refused")
}

/// A value of the type of ids in the database's own notation.
fn id(store: &Store, number: u8) -> String {
    let digits = format!("{number:032x}");
    if store.settings.url.is_some() {
        format!("'{digits}'")
    } else {
        format!("X'{digits}'")
    }
}

const TENANT: &str = "(SELECT id FROM tenants LIMIT 1)";
const TARIFF: &str = "(SELECT id FROM tariffs LIMIT 1)";
const NOW: &str = "'2026-01-01T00:00:00+00:00'";

fn user(store: &Store, number: u8) -> String {
    format!(
        "INSERT INTO users (id, issuer, subject, tenant_id, tariff_id, tariff_status, email, title, firstname, lastname,
         display_name, display_name_chosen, language, language_chosen, dashboard_theme, conference_theme, used_storage,
         search_text, created_at, updated_at)
         SELECT {}, 'i', 's', {TENANT}, {TARIFF}, 'default', '', '', '', '', '', e2e_encryption, '', e2e_encryption, '',
         '', 0, '', {NOW}, {NOW} FROM rooms WHERE id = {}",
        id(store, number),
        id(store, 1)
    )
}

fn room(store: &Store, number: u8, owner: &str) -> String {
    let (id, no) = (
        id(store, number),
        if store.settings.url.is_some() {
            "FALSE"
        } else {
            "0"
        },
    );
    format!(
        "INSERT INTO rooms (id, tenant_id, created_by, created_at, waiting_room, e2e_encryption)
         VALUES ({id}, {TENANT}, {owner}, {NOW}, {no}, {no})"
    )
}

async fn each_uniqueness_is_recognised(store: &Store) {
    store.user("ada").await;
    let owner = "(SELECT id FROM users LIMIT 1)";
    store.execute(&room(store, 1, owner)).await;
    store.execute(&room(store, 2, owner)).await;
    let sip = |number| {
        format!(
            "INSERT INTO sip_configs (room_id, sip_id, password, lobby)
             SELECT id, '1', '1', waiting_room FROM rooms WHERE id = {}",
            id(store, number)
        )
    };
    let group = |number| {
        format!(
            "INSERT INTO groups (id, tenant_id, name) SELECT {}, id, 'g' FROM tenants",
            id(store, number)
        )
    };
    let tenant = |number| {
        format!(
            "INSERT INTO tenants (id, external_id, created_at) VALUES ({}, 'x', {NOW})",
            id(store, number)
        )
    };
    let tariff = |number| {
        format!(
            "INSERT INTO tariffs (id, name, quotas, disabled_modules, disabled_features, created_at, updated_at)
             VALUES ({}, 'T', '{{}}', '[]', '[]', {NOW}, {NOW})",
            id(store, number)
        )
    };
    let external_id = "INSERT INTO tariff_external_ids (external_id, tariff_id) SELECT 'e', id FROM tariffs WHERE name = 'T'";
    let doubles = [
        (Unique::SipId, sip(1), sip(2)),
        (Unique::UserIdentity, user(store, 1), user(store, 2)),
        (Unique::GroupName, group(1), group(2)),
        (Unique::TenantExternalId, tenant(1), tenant(2)),
        (Unique::TariffName, tariff(1), tariff(2)),
        (
            Unique::TariffExternalId,
            external_id.to_owned(),
            external_id.to_owned(),
        ),
    ];
    for (unique, first, second) in doubles {
        store.execute(&first).await;
        let error = refusal(store, &second).await;
        assert!(
            matches!(error, StoreError::Duplicate(found) if found == unique),
            "{unique:?}: {error:?}"
        );
    }
}

async fn references_are_recognised(store: &Store) {
    let orphan = room(store, 1, &id(store, 9));
    assert!(matches!(refusal(store, &orphan).await, StoreError::Referenced(_)));
    store.user("ada").await;
    store
        .execute(&room(store, 1, "(SELECT id FROM users LIMIT 1)"))
        .await;
    assert!(matches!(
        refusal(store, "DELETE FROM users").await,
        StoreError::Referenced(_)
    ));
}

async fn broken_statements_fail(store: &Store) {
    assert!(matches!(
        refusal(store, "DELETE FROM nowhere").await,
        StoreError::Failed(_)
    ));
}
