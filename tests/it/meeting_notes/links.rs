//! An Etherpad without plugins: all share two links.

use serde_json::json;

use super::{World, select, url};
use crate::{
    databases::Kind,
    support::{etherpad::Mood, meeting::Meeting},
};

#[tokio::test]
async fn everybody_gets_one_of_two_links() {
    let world = World::start_with(Kind::Sqlite, &[("COLLOQUY_ETHERPAD__ACCESS", "links")]).await;
    world.etherpad.be(Mood::Plain);
    let meeting = Meeting::create(&world.server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    let gus_id = gus.id.clone();
    select(&mut alice, "select_writer", &[&gus_id]).await;
    let (write, read) = (
        url(&mut gus, "write_url").await,
        url(&mut alice, "read_url").await,
    );
    let (write, read) = (write.as_str().expect("a URL"), read.as_str().expect("a URL"));
    assert!(
        write.ends_with("$meeting_notes") && read.contains("/p/r."),
        "{write} {read}"
    );
    select(&mut alice, "deselect_writer", &[&gus_id]).await;
    assert_eq!(url(&mut gus, "read_url").await, read);
    alice.leave().await;
    gus.leave().await;
    world.nothing_is_left().await;
    world.finish().await;
}
