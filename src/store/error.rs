//! What can go wrong with the database. The only place that looks into its errors.

use std::path::PathBuf;

use sqlx::{error::DatabaseError, postgres::PgDatabaseError};
use thiserror::Error;

/// SQLite's primary code of a disk that fails.
const SQLITE_IOERR: u32 = 10;

/// Why the store could not do what was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The same once more may succeed: no connection, a lock, a restart.
    #[error("the database is not available at the moment")]
    Unavailable(#[source] sqlx::Error),
    /// The transaction was to be committed, and nobody knows whether it was: nothing may be undone because of this error.
    #[error("the database did not say whether it was done")]
    OutcomeUnknown(#[source] sqlx::Error),
    /// Another row has the same key.
    #[error("{0:?} exists already")]
    Duplicate(Unique),
    /// A row that is referred to is missing, or is still referred to by others.
    #[error("a reference between rows forbids it")]
    Referenced(#[source] sqlx::Error),
    #[error("the database refused a statement")]
    Failed(#[source] sqlx::Error),
    #[error("the database could not be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    #[error("the database was made by a newer version of this program (it has the migration {0})")]
    Newer(i64),
    #[error("the running server is of another version: use the program that it was started from")]
    OtherVersion,
    #[error("database.url: {0}")]
    Url(&'static str),
    #[error("database.url can not be parsed")]
    UrlSyntax(#[source] sqlx::Error),
    #[error("{} can not be made or written", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    #[error("the server is stopping")]
    Stopping,
    #[error("another server works with this database")]
    InUse,
    #[error("what is stored can not be understood: {0}")]
    Unreadable(String),
    #[error("no free SIP id was found")]
    NoFreeSipId,
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::VersionMissing(version) => Self::Newer(version),
            error => Self::Migration(error),
        }
    }
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

impl StoreError {
    /// The error of a COMMIT. What the database itself refuses it has rolled back; all else may have been done all the same, as after a
    /// write to a disk that failed.
    pub(super) fn of_commit(error: sqlx::Error) -> Self {
        let is_refusal = error.as_database_error().is_some_and(|refusal| {
            let sqlite = refusal.code().and_then(|code| code.parse::<u32>().ok());
            refusal.try_downcast_ref::<PgDatabaseError>().map_or_else(
                || sqlite.is_none_or(|code| code & 0xff != SQLITE_IOERR),
                |postgres| !postgres.code().starts_with("57"),
            )
        });
        if is_refusal {
            error.into()
        } else {
            Self::OutcomeUnknown(error)
        }
    }

    /// Whether what failed may have been done.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown(_))
    }
}

fn violated(error: &dyn DatabaseError) -> Option<Unique> {
    let columns = error.message().strip_prefix("UNIQUE constraint failed: ");
    CONSTRAINTS
        .iter()
        .find(|(_, name, of)| error.constraint() == Some(name) || columns == Some(of))
        .map(|(unique, ..)| *unique)
}

/// Whether PostgreSQL ended a transaction for the sake of another, whatever stands around its error: the same
/// transaction once more, from its beginning, may succeed at once.
pub(super) fn was_in_the_way(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut errors = causes.filter_map(|error| error.downcast_ref::<sqlx::Error>());
    errors.any(|error| {
        let postgres = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
        // SQLSTATE serialization_failure and deadlock_detected.
        postgres.is_some_and(|error| matches!(error.code(), "40001" | "40P01"))
    })
}

/// Whether the same statement may succeed a little later.
fn is_passing(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    if let Some(postgres) = error.try_downcast_ref::<PgDatabaseError>() {
        return is_passing_on_postgres(postgres.code());
    }
    // The low byte is the primary code: SQLITE_BUSY, _LOCKED, _IOERR, _FULL.
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

/// The same of a SQLSTATE (PostgreSQL's manual, appendix A).
fn is_passing_on_postgres(code: &str) -> bool {
    // Classes: connection, authorization (also of a server that refuses connections for now), rollback of a transaction,
    // resources, intervention by an operator, system.
    let class = code.get(..2).unwrap_or_default();
    matches!(class, "08" | "28" | "40" | "53" | "57" | "58")
        // A server that only reads, as one that is just taking over; a database that takes no connections; none of this
        // name, as while a copy is restored.
        || matches!(code, "25006" | "55000" | "3D000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_broke_in_the_middle_of_a_commit_may_have_been_done() {
        let broken = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(StoreError::of_commit(broken).is_outcome_unknown());
        assert!(StoreError::of_commit(sqlx::Error::WorkerCrashed).is_outcome_unknown());
    }

    #[test]
    fn a_postgres_that_refuses_for_now_passes() {
        for code in [
            "08006", "28P01", "28000", "40P01", "53300", "57P03", "58030", "25006", "55000", "3D000",
        ] {
            assert!(is_passing_on_postgres(code), "{code}");
        }
        for code in ["", "2", "42601", "23505", "22003", "25P02", "42P01"] {
            assert!(!is_passing_on_postgres(code), "{code}");
        }
    }

    #[test]
    fn what_is_no_error_of_postgres_was_in_nobodys_way() {
        for error in [StoreError::Stopping, sqlx::Error::PoolTimedOut.into()] {
            assert!(!was_in_the_way(&error), "{error}");
        }
    }
}
