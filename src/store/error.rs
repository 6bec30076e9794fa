//! What can go wrong with the database. The only place that looks into its errors.

use sqlx::error::DatabaseError;
use thiserror::Error;

/// Why the store could not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The same once more may succeed: no connection, a lock, a restart.
    #[error("the database is not available at the moment")]
    Unavailable(#[source] sqlx::Error),
    /// Another row has the same key.
    #[error("{0:?} exists already")]
    Duplicate(Unique),
    /// A row that is referred to is missing, or is still referred to by others.
    #[error("a reference between rows forbids it")]
    Referenced(#[source] sqlx::Error),
    #[error("the database refused a statement")]
    Failed(#[source] sqlx::Error),
    #[error("the database could not be migrated")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("database.url: {0}")]
    Url(&'static str),
    #[error("database.url can not be parsed")]
    UrlSyntax(#[source] sqlx::Error),
    #[error("the folder or file of the database can not be made")]
    Folder(#[source] std::io::Error),
    #[error("the server is stopping")]
    Stopping,
    #[error("another server works with this database")]
    InUse,
    #[error("what is stored can not be understood: {0}")]
    Unreadable(String),
    #[error("no free SIP id was found")]
    NoFreeSipId,
}

/// Every uniqueness that constraints decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    TenantExternalId,
    TariffName,
    TariffExternalId,
    UserIdentity,
    GroupName,
    SipId,
}

/// Per constraint: its name on PostgreSQL, its columns on SQLite (which knows no names).
const CONSTRAINTS: [(Unique, &str, &str); 6] = [
    (
        Unique::TenantExternalId,
        "tenants_external_id_key",
        "tenants.external_id",
    ),
    (Unique::TariffName, "tariffs_name_key", "tariffs.name"),
    (
        Unique::TariffExternalId,
        "tariff_external_ids_pkey",
        "tariff_external_ids.external_id",
    ),
    (
        Unique::UserIdentity,
        "users_issuer_subject_key",
        "users.issuer, users.subject",
    ),
    (
        Unique::GroupName,
        "groups_tenant_id_name_key",
        "groups.tenant_id, groups.name",
    ),
    (Unique::SipId, "sip_configs_sip_id_key", "sip_configs.sip_id"),
];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Io(_) | E::Tls(_) => {
                Self::Unavailable(error)
            }
            E::Database(database) => {
                if let Some(unique) = violated(&**database) {
                    Self::Duplicate(unique)
                } else if database.is_foreign_key_violation() {
                    Self::Referenced(error)
                } else if is_passing(&**database) {
                    Self::Unavailable(error)
                } else {
                    Self::Failed(error)
                }
            }
            _ => Self::Failed(error),
        }
    }
}

fn violated(error: &dyn DatabaseError) -> Option<Unique> {
    let columns = error.message().strip_prefix("UNIQUE constraint failed: ");
    CONSTRAINTS
        .iter()
        .find(|(_, name, of)| error.constraint() == Some(name) || columns == Some(of))
        .map(|(unique, ..)| *unique)
}

/// Whether the same statement may succeed a little later.
fn is_passing(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    if let Some(postgres) = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        // SQLSTATE classes: connection, rollback of a transaction, resources, intervention by an operator, system.
        let class = postgres.code().get(..2).unwrap_or_default();
        return matches!(class, "08" | "40" | "53" | "57" | "58");
    }
    // The low byte is the primary code: SQLITE_BUSY, _LOCKED, _IOERR, _FULL.
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}
