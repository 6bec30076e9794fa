//! The schema and how it grew: SQL files in `migrations/`, applied in the order of their numbers, each once.

use std::{borrow::Cow, sync::LazyLock};

use sqlx::{
    AssertSqlSafe, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{Db, StoreError, events::patterns, text_forms};

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

static OF_SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(SQLITE));
static OF_POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(POSTGRES));

/// Of files `<number>_<description>.sql`.
fn migrator(files: &[(&'static str, &'static str)]) -> Migrator {
    let migration = |(name, sql): &(&'static str, &'static str)| {
        let (number, description) = name.split_once('_')?;
        let description = description.strip_suffix(".sql")?.replace('_', " ");
        Some(Migration::new(
            number.parse().ok()?,
            Cow::Owned(description),
            MigrationType::Simple,
            AssertSqlSafe(*sql).into_sql_str(),
            false,
        ))
    };
    Migrator::with_migrations(files.iter().filter_map(migration).collect())
}

impl Db {
    /// Every migration that this program knows, for this database.
    #[must_use]
    pub fn migrations(&self) -> &'static Migrator {
        match self {
            Self::Sqlite { .. } => &OF_SQLITE,
            Self::Postgres(_) => &OF_POSTGRES,
        }
    }

    /// Applies the migrations that are missing, and what of them SQL can't say.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { write, .. } => {
                // One transaction around all: sqlx locks out other servers that migrate on PostgreSQL only.
                let mut transaction = write.begin_with("BEGIN IMMEDIATE").await?;
                self.migrations().run(&mut *transaction).await?;
                transaction.commit().await?;
            }
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await?.detach();
                // A large table may take longer than a request has.
                sqlx::raw_sql("SET statement_timeout = 0")
                    .execute(&mut connection)
                    .await?;
                self.migrations().run(&mut connection).await?;
                sqlx::Connection::close(connection).await?;
            }
        }
        patterns::rewrite(self).await?;
        text_forms::renew(self).await
    }

    /// Fails unless exactly the migrations that this program knows have been applied.
    pub async fn check_migrations(&self) -> Result<(), StoreError> {
        const APPLIED: &str = "SELECT version FROM _sqlx_migrations WHERE success ORDER BY version";
        let known: Vec<i64> = self
            .migrations()
            .iter()
            .map(|migration| migration.version)
            .collect();
        let applied: Vec<i64> = read!(self, c => sqlx::query_scalar(APPLIED).fetch_all(c).await)?;
        if applied == known {
            Ok(())
        } else {
            Err(StoreError::OtherVersion)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_migration_with_a_number_of_its_own() {
        for (files, migrator) in [(SQLITE, &OF_SQLITE), (POSTGRES, &OF_POSTGRES)] {
            assert_eq!(migrator.iter().count(), files.len());
            assert!(
                migrator
                    .iter()
                    .is_sorted_by(|one, next| one.version < next.version)
            );
        }
        let names = |files: &[(&'static str, &str)]| files.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        assert_eq!(names(SQLITE), names(POSTGRES));
    }
}
