//! A small recorder at work: it waits at the hand-out, comes in, says how far it is, and delivers a file.

use serde_json::{Value, json};

use super::{content, listed, query};
use crate::support::{
    meeting::Meeting,
    participant::Participant,
    quiet::Quiet,
    recorder::{Jobs, Upload},
    rest::Rest,
    server::Server,
};

on_both_databases!(Quiet:
    a_meeting_is_recorded_from_start_to_file, a_recorder_that_dies_is_replaced, streams_have_their_addresses_from_rest,
    nobody_comes, only_recorders_are_handed_work, an_encrypted_room_is_not_recorded);

const START: &str = "/v1/services/recording/start";

/// Somebody's view of the one recording of a room.
fn recording(joined: &Value) -> String {
    let targets = joined["recording"]["targets"].as_object().expect("targets");
    let mut found = targets
        .iter()
        .filter(|(_, target)| target["streaming_kind"] == "recording");
    let (id, target) = found.next().expect("a recording");
    assert_eq!(target["name"], "Recording");
    id.clone()
}

async fn starts(moderator: &mut Participant, target: &str) {
    let start = json!({"action": "start_stream", "target_ids": [target]});
    moderator.send("recording", start).await;
}

async fn reports(recorder: &mut Participant, target: &str, status: &str) {
    let report = json!({"message": "stream_updated", "target_id": target, "status": status});
    recorder.send("recording_service", report).await;
}

/// Comes into the room that it was sent to; tells what it is to do there.
async fn comes(service: &Rest, meeting: &Meeting, room: &str) -> (Participant, Value) {
    assert_eq!(room, meeting.room);
    let ticket = service.post(START, json!({"room_id": room})).await.expect(200);
    let mut recorder = meeting.connect(&ticket).await;
    let joined = recorder.join("Recorder").await;
    (recorder, joined["recording_service"]["streams"].clone())
}

async fn a_meeting_is_recorded_from_start_to_file(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let target = recording(&alice.join("Alice").await);
    let service = server.anonymous().log_in("recorder").await;
    let mut jobs = Jobs::open(server, &service).await.expect("a socket");
    let room = tokio::join!(jobs.take(), starts(&mut alice, &target)).0;
    let (mut recorder, streams) = comes(&service, &meeting, &room).await;
    assert_eq!(streams[&target]["stream_kind"], "recording");
    assert_eq!(streams[&target]["status"], json!({"status": "starting"}));
    reports(&mut recorder, &target, "active").await;
    let updated = alice.expect("recording", "stream_updated").await;
    assert_eq!(
        (&updated["target_id"], &updated["status"]),
        (&json!(target), &json!("active"))
    );
    // It sees who agrees.
    alice
        .send("recording", json!({"action": "set_consent", "consent": true}))
        .await;
    let seen = recorder.expect("control", "update").await;
    assert_eq!(seen["recording"], json!({"consents_recording": true}));
    let mut upload = Upload::open(server, &service, &query(&meeting))
        .await
        .expect("a socket");
    upload.chunk(0, b"sound and ").await;
    upload.chunk(1, b"pictures").await;
    alice
        .send(
            "recording",
            json!({"action": "stop_stream", "target_ids": [target]}),
        )
        .await;
    let order = recorder.expect("recording_service", "stop_streams").await;
    assert_eq!(order["target_ids"], json!([target]));
    assert_eq!(upload.close().await, Some(1000));
    reports(&mut recorder, &target, "inactive").await;
    assert_eq!(
        alice.expect("recording", "stream_updated").await["status"],
        "inactive"
    );
    let assets = listed(&meeting).await;
    let [asset] = &assets[..] else {
        panic!("one asset: {assets:?}")
    };
    assert_eq!(asset["kind"], "recording");
    assert_eq!(
        content(&meeting.alice, &meeting, asset).await,
        b"sound and pictures"
    );
}

async fn a_recorder_that_dies_is_replaced(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let target = recording(&alice.join("Alice").await);
    let service = server.anonymous().log_in("recorder").await;
    let (mut one, mut two) = (
        Jobs::open(server, &service).await.expect("a socket"),
        Jobs::open(server, &service).await.expect("a socket"),
    );
    let room = tokio::join!(one.take(), starts(&mut alice, &target)).0;
    let (mut recorder, _) = comes(&service, &meeting, &room).await;
    reports(&mut recorder, &target, "active").await;
    assert_eq!(
        alice.expect("recording", "stream_updated").await["status"],
        "active"
    );
    let (room, _) = tokio::join!(two.take(), recorder.leave());
    assert_eq!(
        alice.expect("recording", "stream_updated").await["status"],
        "inactive"
    );
    let (mut recorder, streams) = comes(&service, &meeting, &room).await;
    assert_eq!(
        streams[&target]["status"],
        json!({"status": "starting"}),
        "under the same id"
    );
    reports(&mut recorder, &target, "active").await;
    let updated = alice.expect("recording", "stream_updated").await;
    assert_eq!(
        (&updated["target_id"], &updated["status"]),
        (&json!(target), &json!("active"))
    );
}

async fn streams_have_their_addresses_from_rest(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    let target = recording(&joined);
    assert_eq!(
        joined["recording"]["targets"]
            .as_object()
            .map(serde_json::Map::len),
        Some(1)
    );
    let targets = meeting.path("/streaming_targets");
    let stage = json!({
        "name": "Stage", "kind": "custom", "streaming_endpoint": "rtmp://ingest.example.org/app/",
        "streaming_key": "s3cret key", "public_url": "https://watch.example.org/stage",
    });
    let stage = meeting.alice.post(&targets, stage).await.expect(201);
    let stage = stage["id"].as_str().expect("an id").to_owned();
    // The meeting asks the database for it: who joins a moment later is told.
    let shown = loop {
        let ticket = meeting.started(json!({})).await.expect(200);
        let joined = meeting.connect(&ticket).await.join("Alice").await;
        if let Some(shown) = joined["recording"]["targets"].get(&stage) {
            assert!(!joined.to_string().contains("s3cret"), "{joined}");
            break shown.clone();
        }
    };
    assert_eq!(
        shown,
        json!({"name": "Stage", "streaming_kind": "livestream", "public_url": "https://watch.example.org/stage", "status": "inactive"})
    );
    let service = server.anonymous().log_in("recorder").await;
    let mut jobs = Jobs::open(server, &service).await.expect("a socket");
    let room = tokio::join!(jobs.take(), starts(&mut alice, &stage)).0;
    let (recorder, streams) = comes(&service, &meeting, &room).await;
    assert_eq!(
        streams[&stage]["location"],
        "rtmp://ingest.example.org/app/s3cret%20key"
    );
    assert_eq!(streams[&target].get("location"), None);
    drop(recorder);
    let journal = server.data_dir().join("journal");
    let mut text = String::new();
    for entry in std::fs::read_dir(journal).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).expect("a file")));
        }
    }
    assert!(
        text.contains("Stage") && !text.contains("s3cret"),
        "no key in a journal"
    );
    assert!(!server.log().contains("s3cret"), "no key in the log");
}

async fn nobody_comes(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let mut alice = meeting.owner().await;
    let target = recording(&alice.join("Alice").await);
    let service = server.anonymous().log_in("recorder").await;
    let mut jobs = Jobs::open(server, &service).await.expect("a socket");
    jobs.say(&json!({"action": "ready"})).await;
    starts(&mut alice, &target).await;
    let job = jobs.hear().await["job"].clone();
    // It does not answer.
    assert_eq!(jobs.hear().await, json!({"message": "withdrawn", "job": job}));
    let error = alice.expect("recording", "recorder_error").await;
    assert_eq!(error["error"], "timeout");
}

async fn only_recorders_are_handed_work(server: &Server) {
    let meeting = Meeting::create(server, json!({})).await;
    let gateway = server.anonymous().log_in("call-in").await;
    for (who, status) in [(&meeting.alice, 403), (&gateway, 403), (&server.anonymous(), 401)] {
        let refused = Jobs::open(server, who).await.err().map(|(status, _)| status);
        assert_eq!(refused, Some(status));
    }
}

async fn an_encrypted_room_is_not_recorded(server: &Server) {
    let meeting = Meeting::create(server, json!({"e2e_encryption": true})).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(joined["recording"], json!({"targets": {}}));
    for module in ["recording", "recording_service"] {
        assert_eq!(joined["tariff"]["modules"].get(module), None, "{module}");
    }
    alice
        .send("recording", json!({"action": "start_stream", "target_ids": []}))
        .await;
    alice.expect_error("control", "invalid_namespace").await;
    let service = server.anonymous().log_in("recorder").await;
    let refused = service.post(START, json!({"room_id": meeting.room})).await;
    refused.expect_error(403, "service_unavailable");
}
