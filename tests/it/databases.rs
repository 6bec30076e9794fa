//! Throw-away databases: each test gets its own file or its own schema.

use std::time::Duration;

use colloquy::{config, store::Db};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// Where the tests find PostgreSQL; `./test` starts one and sets it.
const POSTGRES_URL: &str = "COLLOQUY_TEST_POSTGRES_URL";

/// Runs each test once per database. A test is a function of `&$world`, which has `start(Kind)` and `finish()`.
macro_rules! on_both_databases {
    ($world:ident: $($test:ident),+ $(,)?) => {
        mod sqlite {
            use crate::databases::Kind;
            $(#[tokio::test]
            async fn $test() {
                let world = super::$world::start(Kind::Sqlite).await;
                super::$test(&world).await;
                world.finish().await;
            })+
        }
        mod postgres {
            use crate::databases::Kind;
            $(#[tokio::test]
            async fn $test() {
                let world = super::$world::start(Kind::Postgres).await;
                super::$test(&world).await;
                world.finish().await;
            })+
        }
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// An empty database with all migrations.
pub struct TestDatabase {
    pub db: Db,
    pub settings: config::Database,
    pub folder: TempDir,
    schema: Option<String>,
}

impl TestDatabase {
    pub async fn start(kind: Kind) -> Self {
        let database = Self::unmigrated(kind).await;
        database.db.migrate().await.expect("migrations");
        database
    }

    pub async fn unmigrated(kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = config::Database {
            connections_max: 4,
            ..config::Database::default()
        };
        let schema = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(format!("test_{}", Uuid::new_v4().simple())),
        };
        if let Some(schema) = &schema {
            on_postgres(format!("CREATE SCHEMA {schema}")).await;
            let url = postgres_url();
            let separator = if url.contains('?') { '&' } else { '?' };
            settings.url = Some(format!(
                "{url}{separator}options=-csearch_path%3D{schema}&application_name={schema}"
            ));
        }
        let db = Db::connect(&settings, folder.path()).await.expect("a database");
        Self {
            db,
            settings,
            folder,
            schema,
        }
    }

    /// Another set of connections to the same database.
    pub async fn again(&self) -> Db {
        Db::connect(&self.settings, self.folder.path())
            .await
            .expect("a database")
    }

    /// Executes a statement that the server itself never does.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.db {
            Db::Sqlite { write, .. } => sqlx::query(sql).execute(&**write).await.map(drop),
            Db::Postgres(pool) => sqlx::query(sql).execute(&**pool).await.map(drop),
        }
        .expect("a statement");
    }

    /// What makes a new id for each row of a statement.
    pub fn random_id(&self) -> &'static str {
        match &self.db {
            Db::Sqlite { .. } => "randomblob(16)",
            Db::Postgres(_) => "gen_random_uuid()",
        }
    }

    /// An id as it stands in a statement.
    pub fn literal(&self, id: Uuid) -> String {
        match &self.db {
            Db::Sqlite { .. } => format!("X'{}'", id.simple()),
            Db::Postgres(_) => format!("'{id}'"),
        }
    }

    /// Does `work` while somebody else has taken all users, and tells how many rows of a table are free as it waits for
    /// one of them. `None` on SQLite, which has one writer.
    pub async fn free_while_users_are_taken<T>(
        &self,
        table: &str,
        work: impl Future<Output = T>,
    ) -> Option<(i64, T)> {
        let Db::Postgres(pool) = &self.db else {
            return None;
        };
        let mut holder = pool.begin().await.expect("a transaction");
        let take = "UPDATE users SET updated_at = updated_at RETURNING pg_backend_pid()";
        let backend: i32 = sqlx::query_scalar(take)
            .fetch_one(&mut *holder)
            .await
            .expect("a user");
        let waiting =
            format!("SELECT count(*) FROM pg_stat_activity WHERE {backend} = ANY(pg_blocking_pids(pid))");
        let free = format!("SELECT count(*) FROM (SELECT id FROM {table} FOR UPDATE SKIP LOCKED) free");
        let look = async {
            while self.number(&waiting).await == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let free = self.number(&free).await;
            holder.rollback().await.expect("a rollback");
            free
        };
        Some(tokio::join!(look, work))
    }

    /// Asks for one number.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.db {
            Db::Sqlite { read, .. } => sqlx::query_scalar(sql).fetch_one(&**read).await,
            Db::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(&**pool).await,
        }
        .expect("a number")
    }

    /// Transactions that the server has begun and left to themselves, its closed connections included.
    pub async fn forgotten_transactions(&self) -> i64 {
        let Some(schema) = &self.schema else { return 0 };
        let open = format!(
            "SELECT count(*) FROM pg_stat_activity
             WHERE application_name = '{schema}' AND state LIKE 'idle in transaction%'"
        );
        self.number(&open).await
    }

    /// Closes the connections and removes what was stored.
    pub async fn finish(self) {
        self.db.close().await;
        if let Some(schema) = self.schema {
            on_postgres(format!("DROP SCHEMA {schema} CASCADE")).await;
        }
    }
}

pub fn postgres_url() -> String {
    std::env::var(POSTGRES_URL).unwrap_or_else(|_| {
        panic!("{POSTGRES_URL} is not set: run the tests by ./test, which starts PostgreSQL")
    })
}

async fn on_postgres(sql: String) {
    let mut connection = PgConnection::connect(&postgres_url())
        .await
        .expect("PostgreSQL answers");
    sqlx::query(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .expect("a statement");
    connection.close().await.expect("an end");
}
