//! How a database would carry a statement out.

use colloquy::store::Db;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::databases::TestDatabase;

/// Parameters of a statement.
const PARAMETERS_MAX: usize = 100;

/// What takes longer the more rows a table has, whatever is asked for.
#[derive(Debug, Default)]
pub struct Plan {
    /// Reading a whole table or a whole index.
    pub scans: Vec<String>,
    pub sorts: Vec<String>,
    /// Reading everything of a tenant. Looked at in SQLite alone: PostgreSQL knows how many rows there are, and chooses by that.
    pub tenants: Vec<String>,
}

/// Asks the database for its plan.
pub async fn plan(database: &TestDatabase, sql: &str) -> Plan {
    match &database.db {
        Db::Sqlite { read, .. } => {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&**read)
                .await
                .expect("a plan");
            let steps: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            of_sqlite(&steps)
        }
        Db::Postgres(pool) => {
            // The settings end with the connection.
            let mut connection = pool.acquire().await.expect("a connection").detach();
            let parameters = (1..=PARAMETERS_MAX)
                .take_while(|number| sql.contains(&format!("${number}")))
                .count();
            let arguments = vec!["NULL"; parameters].join(", ");
            let arguments = if parameters == 0 {
                arguments
            } else {
                format!("({arguments})")
            };
            // Small tables are scanned and sorted whatever the indexes are, unless that is made expensive.
            let prepare = format!(
                "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = off;
                 PREPARE asked AS {sql}"
            );
            sqlx::raw_sql(AssertSqlSafe(prepare))
                .execute(&mut connection)
                .await
                .expect("a statement");
            let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE asked{arguments}");
            let row = sqlx::raw_sql(AssertSqlSafe(explain))
                .fetch_one(&mut connection)
                .await
                .expect("a plan");
            connection.close().await.expect("an end");
            let text: String = row.try_get_unchecked(0).expect("a text");
            let plan: Value = serde_json::from_str(&text).expect("JSON");
            let mut found = Plan::default();
            look_at_nodes(&plan[0]["Plan"], &mut found);
            found
        }
    }
}

fn of_sqlite(steps: &[String]) -> Plan {
    // What was computed before is read as a whole.
    let computed: Vec<&str> = steps
        .iter()
        .filter_map(|step| {
            step.strip_prefix("CO-ROUTINE ")
                .or(step.strip_prefix("MATERIALIZE "))
        })
        .collect();
    let mut plan = Plan::default();
    for step in steps {
        let scanned = step.strip_prefix("SCAN ").filter(|rest| *rest != "CONSTANT ROW");
        if scanned.is_some_and(|rest| !computed.contains(&rest) && !rest.starts_with('(')) {
            plan.scans.push(step.clone());
        } else if step.contains("TEMP B-TREE FOR ORDER BY") {
            plan.sorts.push(step.clone());
        } else if step.contains("(tenant_id=?)") || step.contains("(tenant_id=? AND created_at>?)") {
            plan.tenants.push(step.clone());
        }
    }
    plan
}

fn look_at_nodes(node: &Value, plan: &mut Plan) {
    let kind = node["Node Type"].as_str().unwrap_or_default();
    let of = || {
        let fields = ["Relation Name", "Index Name", "Sort Key"].map(|field| node[field].to_string());
        format!("{kind} {}", fields.join(" "))
    };
    match kind {
        "Seq Scan" => plan.scans.push(of()),
        "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" if node["Index Cond"].is_null() => {
            plan.scans.push(of());
        }
        "Sort" | "Incremental Sort" => plan.sorts.push(of()),
        _ => {}
    }
    for inner in node["Plans"].as_array().into_iter().flatten() {
        look_at_nodes(inner, plan);
    }
}
