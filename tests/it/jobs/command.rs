//! `colloquy jobs`, beside a running server.

use colloquy::jobs::Job;
use serde_json::{Value, json};

use crate::support::server::Server;

on_both_databases!(Server: jobs_are_listed_and_run_by_hand, what_is_no_job_is_refused);

async fn jobs_are_listed_and_run_by_hand(server: &Server) {
    let listed = server.invoke(&["jobs", "list"]);
    assert!(listed.status.success());
    let listed = String::from_utf8(listed.stdout).expect("a text");
    for job in Job::ALL {
        assert!(listed.contains(job.name()), "{listed}");
    }
    let alice = server.anonymous().log_in("alice").await;
    let room = alice.post("/v1/rooms", json!({})).await.expect(201);
    let path = format!("/v1/rooms/{}", room["id"].as_str().expect("an id"));
    let job = |flags: &[&str]| -> Value {
        let mut arguments = vec!["jobs", "run", "room_cleanup", "--parameters", r#"{"days":0}"#];
        arguments.extend(flags);
        let done = server.invoke(&arguments);
        assert!(done.status.success(), "{done:?}");
        serde_json::from_slice(&done.stdout).expect("JSON")
    };
    let mut expected = json!({
        "job": "room_cleanup", "dry_run": true, "parameters": {"days": 0, "with_assets": false},
        "deleted": 1, "kept": 0, "examples": [room["id"]],
    });
    assert_eq!(job(&["--dry-run"]), expected);
    alice.get(&path).await.expect(200);
    expected["dry_run"] = json!(false);
    assert_eq!(job(&[]), expected);
    alice.get(&path).await.expect_error(404, "not_found");
}

async fn what_is_no_job_is_refused(server: &Server) {
    for (arguments, reason) in [
        (&["jobs", "run", "coffee"][..], "there is no job `coffee`"),
        (
            &["jobs", "run", "event_cleanup", "--parameters", "[]"],
            "parameters: not a JSON object",
        ),
        (
            &["jobs", "run", "event_cleanup", "--parameters", r#"{"weeks":1}"#],
            "unknown parameter `weeks`",
        ),
    ] {
        let refused = server.invoke(arguments);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = String::from_utf8(refused.stderr).expect("a text");
        assert!(said.contains(reason), "{said}");
    }
}
