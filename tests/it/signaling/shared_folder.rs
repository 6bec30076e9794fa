//! Section 14: the folder of an event, in its meeting.

use serde_json::{Value, json};

use crate::{
    databases::Kind,
    support::{
        meeting::Meeting,
        nextcloud::{FakeNextcloud, PASSWORD, USERNAME},
        participant::Participant,
        server::Server,
    },
};

on_both_databases!(World:
    a_folder_comes_and_goes_during_a_meeting, a_folder_that_changed_while_the_room_slept,
    no_journal_holds_its_passwords);

/// A server with a storage provider.
struct World {
    server: Server,
    _cloud: FakeNextcloud,
}

impl World {
    async fn start(kind: Kind) -> Self {
        let cloud = FakeNextcloud::start().await;
        let url = cloud.settings().url.expect("a URL").to_string();
        let environment = [
            ("COLLOQUY_SHARED_FOLDER__URL", &*url),
            ("COLLOQUY_SHARED_FOLDER__USERNAME", USERNAME),
            ("COLLOQUY_SHARED_FOLDER__PASSWORD", PASSWORD),
        ];
        Self {
            server: Server::start_with(kind, &environment).await,
            _cloud: cloud,
        }
    }

    async fn finish(self) {
        self.server.finish().await;
    }
}

/// A meeting of an event without a folder, and the path of that.
async fn begin(world: &World) -> (Meeting, String) {
    let (meeting, event) = Meeting::of_event(
        &world.server,
        json!({"title": "Plans", "description": "", "is_time_independent": true}),
    )
    .await;
    let event = event["id"].as_str().expect("an id");
    let path = format!("/v1/events/{event}/shared_folder");
    (meeting, path)
}

async fn updated(who: &mut Participant) -> Value {
    let mut folder = who.expect("shared_folder", "updated").await;
    folder.as_object_mut().expect("an object").remove("message");
    folder
}

async fn a_folder_comes_and_goes_during_a_meeting(world: &World) {
    let (meeting, path) = begin(world).await;
    let mut alice = meeting.owner().await;
    let joined = alice.join("Alice").await;
    assert_eq!(
        joined["tariff"]["modules"]["shared_folder"],
        json!({"features": []})
    );
    assert_eq!(joined.get("shared_folder"), None);
    let mut gus = meeting.joined_guest("Gus").await;
    let folder = meeting.alice.put(&path, json!({})).await.expect(201);
    assert_eq!(updated(&mut alice).await, folder, "moderators may write");
    assert_eq!(updated(&mut gus).await, json!({"read": folder["read"]}));
    let mut gwen = meeting.guest().await;
    let joined = gwen.join("Gwen").await;
    assert_eq!(joined["shared_folder"], json!({"read": folder["read"]}));
    let id = joined["id"].as_str().expect("an id").to_owned();
    alice.act_on("control", "grant_moderator_role", &id).await;
    gwen.expect_next("shared_folder", "updated").await;
    gwen.expect_next("control", "role_updated").await;
    gwen.send("shared_folder", json!({"action": "delete"})).await;
    gwen.expect_error("control", "invalid_json").await;
    meeting.alice.delete(&path).await.expect(204);
    let mut hal = meeting.guest().await;
    assert_eq!(hal.join("Hal").await.get("shared_folder"), None);
}

async fn a_folder_that_changed_while_the_room_slept(world: &World) {
    let (meeting, path) = begin(world).await;
    let mut alice = meeting.joined_owner().await;
    let folder = meeting.alice.put(&path, json!({})).await.expect(201);
    updated(&mut alice).await;
    let token = alice.resumption.clone();
    world.server.kill9();
    world.server.restart().await;
    let mut alice = meeting.returning_owner(&token).await;
    assert_eq!(alice.join("Alice").await["shared_folder"], folder);
}

async fn no_journal_holds_its_passwords(world: &World) {
    let (meeting, path) = begin(world).await;
    let folder = meeting.alice.put(&path, json!({})).await.expect(201);
    let mut alice = meeting.owner().await;
    assert_eq!(alice.join("Alice").await["shared_folder"], folder);
    meeting.alice.delete(&path).await.expect(204);
    let other = meeting.alice.put(&path, json!({})).await.expect(201);
    updated(&mut alice).await;
    let mut looked_at = 0;
    for file in std::fs::read_dir(world.server.data_dir().join("journal")).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        let text = String::from_utf8_lossy(&bytes);
        looked_at += usize::from(text.contains("https://cloud.example.org"));
        for password in [&folder, &other].map(|folder| &folder["read_write"]["password"]) {
            let password = password.as_str().expect("a password");
            assert!(!text.contains(password), "in a journal");
        }
    }
    assert!(looked_at > 0, "no journal knows of the folder");
}
