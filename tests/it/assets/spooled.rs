//! Recordings that an earlier process has left, of rooms that this database does not know.

use std::{fs::File, time::SystemTime};

use chrono::{TimeDelta, Utc};
use colloquy::assets::{NewAsset, ORPHAN_AGE};
use uuid::Uuid;

use crate::rest::api::Api;

on_both_databases!(Api: a_recording_of_an_unknown_room_waits_for_its_database);

async fn a_recording_of_an_unknown_room_waits_for_its_database(api: &Api) {
    let recordings = &api.state.recordings;
    let asset = NewAsset {
        id: Uuid::from_u128(7),
        room: Uuid::from_u128(8),
        created_at: Utc::now(),
        namespace: "recording".to_owned(),
        kind: "recording".to_owned(),
        filename: "meeting.mkv".to_owned(),
    };
    let mut recording = recordings
        .begin(asset, Uuid::from_u128(9))
        .await
        .expect("a place");
    recording.begin_chunk(0).await.expect("a spool");
    recording.extend_chunk(b"an hour").await.expect("a spool");
    recording.end_chunk().await.expect("a spool");
    drop(recording);
    let folder = api.database.folder.path();
    let spool = folder.join("recordings").join(Uuid::from_u128(7).to_string());
    let look = async || {
        assert_eq!(recordings.store_left().await.expect("a folder"), 0);
        spool.exists()
    };
    assert!(look().await, "the database may be the wrong one");
    let long_ago = (ORPHAN_AGE + TimeDelta::hours(1)).to_std().expect("a time");
    let file = File::options().write(true).open(&spool).expect("a spool");
    file.set_modified(SystemTime::now() - long_ago).expect("a time");
    let of = folder.join("assets/database");
    std::fs::write(&of, "another's").expect("a file");
    assert!(look().await, "the store is another database's");
    std::fs::remove_file(&of).expect("no file");
    assert!(!look().await, "nobody has missed it for a week");
}
