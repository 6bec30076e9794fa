//! `rest`: operations are counted, failures are noticed, and the bare handler answers from a database.

use sqlx::{Connection as _, SqliteConnection};

use super::{
    mock::{Fault, Mock},
    run::drive,
};

const ME: [&str; 7] = [
    "rest",
    "--operation",
    "me",
    "--connections",
    "4",
    "--seconds",
    "1",
];

#[tokio::test]
async fn requests_are_counted_and_the_rooms_are_removed() {
    let mock = Mock::start(Fault::None).await;
    let run = drive(&mock, &ME).await;
    run.assert_passed();
    let (counted, seen) = (
        run.figure("/operations/GET ~1users~1me/count"),
        mock.seen(|seen| (seen.profiles, seen.deleted)),
    );
    assert!(counted > 0.0 && run.figure("/operations/GET ~1users~1me/p99_ms") > 0.0);
    // More were asked while it warmed up.
    assert!(
        u32::try_from(seen.0).is_ok_and(|asked| f64::from(asked) > counted),
        "{seen:?}"
    );
    assert_eq!(seen.1, 192);
    assert!(run.report["comparison"].is_null());
}

#[tokio::test]
async fn a_failure_is_noticed() {
    let mock = Mock::start(Fault::FailOneProfile).await;
    let run = drive(&mock, &ME).await;
    assert_eq!(run.output.status.code(), Some(1), "{}", run.text());
    let errors = &run.report["operations"]["GET /users/me"]["errors"];
    assert_eq!(errors["503 Service Unavailable"], 1, "{}", run.report);
}

#[tokio::test]
async fn the_bare_handler_answers_from_the_database() {
    const TABLE: &str = "CREATE TABLE users (id BLOB, email TEXT, title TEXT, firstname TEXT, lastname TEXT,
        display_name TEXT, issuer TEXT, subject TEXT, tenant_id BLOB, tariff_id BLOB, tariff_status TEXT,
        display_name_chosen BOOLEAN, language TEXT, language_chosen BOOLEAN, dashboard_theme TEXT, conference_theme TEXT,
        phone TEXT, used_storage INTEGER);
        INSERT INTO users VALUES (zeroblob(16), '', '', '', '', '', 'mock', 'alice', zeroblob(16), zeroblob(16), 'default',
        FALSE, 'en', FALSE, '', '', NULL, 0)";
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/users.sqlite?mode=rwc", folder.path().display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(TABLE).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mock = Mock::start(Fault::None).await;
    let compare = ["--database", &url, "--pairs", "2"];
    let run = drive(&mock, &[&ME[..], &compare].concat()).await;
    run.assert_passed();
    let pairs = run.report["comparison"]["requests_per_second"].as_array();
    assert_eq!(pairs.map(Vec::len), Some(2), "{}", run.report);
    assert!(run.figure("/comparison/median_ratio_per_second") > 0.0);
    // Nobody said which process to observe.
    assert!(run.report["comparison"]["median_ratio_per_cpu_second"].is_null());
}
