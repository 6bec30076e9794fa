//! A server that clears away by itself.

use chrono::{TimeDelta, Utc};
use serde_json::json;

use crate::support::quiet::{QuietWith, Settings};

on_both_databases!(TidyServer: a_server_runs_its_schedule_by_itself);

/// What is old at once is cleared away once an hour.
pub struct Tidy;

impl Settings for Tidy {
    const ENVIRONMENT: &'static [(&'static str, &'static str)] = &[(
        "COLLOQUY_JOBS__SCHEDULE",
        r#"[{job = "invite_cleanup", every_hours = 1, parameters = '{"days": 0}'}]"#,
    )];
}

type TidyServer = QuietWith<Tidy>;

async fn a_server_runs_its_schedule_by_itself(server: &TidyServer) {
    let alice = server.anonymous().log_in("alice").await;
    let room = alice.post("/v1/rooms", json!({})).await.expect(201);
    let invites = format!("/v1/rooms/{}/invites", room["id"].as_str().expect("an id"));
    let expiration = (Utc::now() + TimeDelta::days(1)).to_rfc3339();
    let invite = alice
        .post(&invites, json!({"expiration": expiration}))
        .await
        .expect(201);
    let invite = format!("{invites}/{}", invite["invite_code"].as_str().expect("a code"));
    alice.delete(&invite).await.expect(204);
    server.terminate().await;
    // An hour later.
    server.forget_when_jobs_ran().await;
    server.restart().await;
    server.wait_for_log("a job has ended", 2).await;
    alice.get(&invite).await.expect_error(404, "not_found");
}
