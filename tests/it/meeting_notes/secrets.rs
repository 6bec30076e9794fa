//! The secrets of meeting notes stand in no file of the server, and in no log however talkative.

use std::{fs, path::Path};

use serde_json::json;

use super::{World, select, url};
use crate::{
    databases::Kind,
    support::{etherpad::API_KEY, meeting::Meeting},
};

#[tokio::test]
async fn no_secret_of_the_notes_is_kept_or_logged() {
    let everything = ("COLLOQUY_LOG__LEVEL", "trace,hyper::proto=trace");
    let world = World::start_with(Kind::Sqlite, &[everything]).await;
    let meeting = Meeting::create(&world.server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let gus_id = gus.id.clone();
    select(&mut alice, "select_writer", &[&gus_id]).await;
    let mut secrets = vec![API_KEY.to_owned()];
    for told in [
        url(&mut gus, "write_url").await,
        url(&mut alice, "read_url").await,
    ] {
        secrets.push(world.etherpad.session_of(&told).0);
    }
    secrets.extend(world.etherpad.world().groups.values().cloned());
    alice.act("meeting_notes", "generate_pdf").await;
    alice.expect("meeting_notes", "pdf_asset").await;
    // The journal as it is written, and what a stop leaves: snapshot and ring.
    assert_absent(&world, &secrets);
    let status = world.server.terminate().await;
    assert!(status.success());
    assert_absent(&world, &secrets);
    world.server.restart().await;
    let mut gus = meeting.returning_guest(&gus.resumption).await;
    gus.join("Gus").await;
    secrets.push(world.etherpad.session_of(&url(&mut gus, "write_url").await).0);
    assert_absent(&world, &secrets);
    gus.leave().await;
    world.finish().await;
}

fn assert_absent(world: &World, secrets: &[String]) {
    let log = world.server.log();
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "{secret}");
    }
    let mut looked_at = 0;
    look_into(&world.server.data_dir(), secrets, &mut looked_at);
    assert!(looked_at > 1, "journal and database are looked into");
}

fn look_into(folder: &Path, secrets: &[String], looked_at: &mut usize) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            look_into(&path, secrets, looked_at);
        } else if let Ok(bytes) = fs::read(&path) {
            *looked_at += 1;
            for secret in secrets {
                let found = bytes
                    .windows(secret.len())
                    .any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} in {}", path.display());
            }
        }
    }
}
