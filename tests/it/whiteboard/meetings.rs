//! Meetings that draw, over real sockets.

use serde_json::{Value, json};

use crate::{
    databases::Kind,
    support::{
        meeting::Meeting,
        participant::Participant,
        server::Server,
        spacedeck::{FakeSpacedeck, Mood, PDF},
    },
};

on_both_databases!(
    World: a_whiteboard_goes_from_its_making_to_a_pdf_and_is_deleted,
    a_spacedeck_that_fails_is_told_to_who_asked,
    a_lie_about_a_pdf_leaves_nothing,
    the_quota_is_the_owners,
    a_restart_leaves_nothing_behind,
    a_room_that_is_deleted_takes_its_whiteboard_along
);

struct World {
    server: Server,
    deck: FakeSpacedeck,
}

impl World {
    async fn start(kind: Kind) -> Self {
        let deck = FakeSpacedeck::start().await;
        let of_deck = deck.environment();
        let mut environment: Vec<_> = of_deck.iter().map(|(name, value)| (*name, &**value)).collect();
        environment.push(("COLLOQUY_ROOMS__GRACE_SECS", "1"));
        Self {
            server: Server::start_with(kind, &environment).await,
            deck,
        }
    }

    async fn finish(self) {
        self.server.finish_without_orphans().await;
    }

    /// No whiteboard is left at Spacedeck.
    async fn nothing_is_left(&self) {
        self.until("a whiteboard is left", |deck| deck.names().is_empty())
            .await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&FakeSpacedeck) -> bool) {
        let waiting = async {
            while !holds(&self.deck) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await;
        assert!(waited.is_ok(), "{what}: {:?}", self.deck.names());
    }
}

async fn initialize(who: &mut Participant) -> Value {
    who.act("whiteboard", "initialize").await;
    who.expect("whiteboard", "space_url").await["url"].clone()
}

async fn expect_error(who: &mut Participant, action: &str, error: &str) {
    who.act("whiteboard", action).await;
    let told = who.expect("whiteboard", "error").await;
    assert_eq!(told, json!({"message": "error", "error": error}));
}

async fn a_whiteboard_goes_from_its_making_to_a_pdf_and_is_deleted(world: &World) {
    let body = json!({
        "title": "Jour fixe: Bäume", "description": "", "is_time_independent": true, "waiting_room": false,
        "e2e_encryption": false, "streaming_targets": [], "has_shared_folder": false,
    });
    let (meeting, _) = Meeting::of_event(&world.server, body).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    expect_error(&mut gus, "initialize", "insufficient_permissions").await;
    let url = initialize(&mut alice).await;
    assert_eq!(gus.expect("whiteboard", "space_url").await["url"], url);
    assert_eq!(world.deck.names(), std::slice::from_ref(&meeting.room));
    expect_error(&mut alice, "initialize", "already_initialized").await;
    let late = meeting.guest().await.join("Late").await;
    assert_eq!(late["whiteboard"], json!({"status": "initialized", "url": url}));

    alice.act("whiteboard", "generate_pdf").await;
    let told = alice.expect("whiteboard", "pdf_asset").await;
    assert_eq!(gus.expect("whiteboard", "pdf_asset").await, told);
    let name = told["filename"].as_str().expect("a name");
    assert!(
        name.starts_with("Jour fixe_ Bäume_whiteboard_pdf_20") && name.ends_with("-UTC.pdf"),
        "{name}"
    );
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    assert_eq!(listed[0]["id"], told["asset_id"]);
    assert_eq!(listed[0]["filename"], told["filename"]);
    assert_eq!(
        (&listed[0]["namespace"], &listed[0]["kind"], &listed[0]["size"]),
        (&json!("whiteboard"), &json!("whiteboard_pdf"), &json!(PDF.len()))
    );
    for one in [alice, gus] {
        one.leave().await;
    }
    world.nothing_is_left().await;
}

async fn a_spacedeck_that_fails_is_told_to_who_asked(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let (mut alice, [mut gus]) = meeting.gather(["Gus"]).await;
    for mood in [Mood::Page, Mood::Broken, Mood::Half, Mood::Gateway] {
        world.deck.be(mood);
        expect_error(&mut alice, "initialize", "initialization_failed").await;
    }
    world.deck.be(Mood::Honest);
    // Nobody else has heard of it.
    let url = initialize(&mut alice).await;
    assert_eq!(
        gus.expect_next("whiteboard", "space_url").await["payload"]["url"],
        url
    );
    alice.leave().await;
    gus.leave().await;
    world.nothing_is_left().await;
}

async fn a_lie_about_a_pdf_leaves_nothing(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    initialize(&mut alice).await;
    for mood in [
        Mood::PdfPage,
        Mood::PdfHalf,
        Mood::PdfCut,
        Mood::PdfElsewhere,
        Mood::PdfHuge,
    ] {
        world.deck.be(mood);
        expect_error(&mut alice, "generate_pdf", "initialization_failed").await;
    }
    world.deck.be(Mood::Honest);
    let listed = meeting.alice.get(&meeting.path("/assets")).await.expect(200);
    assert_eq!(listed, json!([]));
    let used = meeting.alice.get("/v1/users/me").await.expect(200);
    assert_eq!(used["used_storage"], 0);
    alice.leave().await;
    world.nothing_is_left().await;
}

async fn the_quota_is_the_owners(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let edit = ["tariffs", "edit", "Default", "--quota", "max_storage=1"];
    let edited = world.server.invoke(&edit);
    assert!(edited.status.success(), "{edited:?}");
    let mut alice = meeting.joined_owner().await;
    initialize(&mut alice).await;
    alice.act("whiteboard", "generate_pdf").await;
    alice.expect("whiteboard", "pdf_asset").await;
    let fetched = world.deck.world().calls.len();
    expect_error(&mut alice, "generate_pdf", "storage_exceeded").await;
    assert_eq!(
        world.deck.world().calls.len(),
        fetched,
        "what has no place is not made"
    );
    alice.leave().await;
    world.nothing_is_left().await;
}

async fn a_restart_leaves_nothing_behind(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    world.deck.be(Mood::Silent);
    alice.act("whiteboard", "initialize").await;
    world
        .until("nobody asks", |deck| !deck.world().calls.is_empty())
        .await;
    world.server.kill9();
    world.deck.be(Mood::Honest);
    // What the process had made before it died, and of which nobody knows.
    let orphan = ("orphan".to_owned(), meeting.room.clone());
    world.deck.world().spaces.extend([orphan]);
    world.server.restart().await;
    let mut alice = meeting.returning_owner(&alice.resumption).await;
    let joined = alice.join("Alice").await;
    if joined["whiteboard"]["status"] == "initializing" {
        alice.expect("whiteboard", "space_url").await;
    }
    world
        .until("the orphan is left", |deck| {
            let world = deck.world();
            world.spaces.len() == 1 && !world.spaces.contains_key("orphan")
        })
        .await;
    expect_error(&mut alice, "initialize", "already_initialized").await;
    alice.leave().await;
    world.nothing_is_left().await;
}

async fn a_room_that_is_deleted_takes_its_whiteboard_along(world: &World) {
    let meeting = Meeting::create(&world.server, json!({})).await;
    let mut alice = meeting.joined_owner().await;
    initialize(&mut alice).await;
    meeting.alice.delete(&meeting.path("")).await.expect(204);
    alice.expect("control", "room_deleted").await;
    world.nothing_is_left().await;
}
