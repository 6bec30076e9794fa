//! A PostgreSQL database for one test. A schema would not do: the lock that keeps a second server out is per database.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use url::Url;
use uuid::Uuid;

use crate::databases::postgres_url;

/// An empty database, gone when this is dropped.
pub struct PostgresDatabase {
    name: String,
    pub url: Url,
}

impl PostgresDatabase {
    pub async fn create() -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        execute(format!("CREATE DATABASE {name}")).await;
        let mut url = Url::parse(&postgres_url()).expect("a URL");
        url.set_path(&name);
        Self { name, url }
    }

    /// Makes it one that takes nothing that is written, as a standby does, or one that does again. Sessions end.
    pub async fn only_reads(&self, only_reads: bool) {
        let (name, state) = (&self.name, if only_reads { "on" } else { "off" });
        execute(format!(
            "ALTER DATABASE {name} SET default_transaction_read_only = {state}"
        ))
        .await;
        execute(format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await;
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        // A runtime of its own: this may happen while the test's one unwinds.
        let removal = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(execute(statement));
        });
        if removal.join().is_err() {
            eprintln!("the database {} stays behind", self.name);
        }
    }
}

async fn execute(statement: String) {
    let mut connection = PgConnection::connect(&postgres_url())
        .await
        .expect("PostgreSQL answers");
    let outcome = sqlx::query(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await;
    outcome.expect("a statement");
    connection.close().await.expect("an end");
}
