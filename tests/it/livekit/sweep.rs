//! Rooms of LiveKit that no meeting has any more: who waits there with an old token is sent away.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use colloquy::{
    assets::{Assets, Objects},
    config::{Config, Outgoing},
    livekit::{CallError, RoomService, Sweep, SweepError},
    meetings::{self, Tasks},
    origins::Origins,
    recorders::Recorders,
    reports::Renderer,
    seals::Seals,
    store::Db,
};
use colloquy_actors::live::Live;
use serde_json::json;

use super::{open_breakout_rooms, room_of};
use crate::{
    databases::Kind,
    support::{
        livekit::{FakeLivekit, Person},
        meeting::Meeting,
        server::Server,
    },
};

on_both_databases!(Swept:
    rooms_that_no_meeting_has_are_deleted, deleted_rooms_are_known_for_a_day, what_is_seen_once_only_stays,
    a_room_on_a_dead_node_keeps_no_other, a_sweep_in_vain_says_so);

/// An id that no room has and nobody.
const STRANGER: &str = "00000000-0000-4000-8000-000000000001";

/// Between the two looks, where the test does nothing meanwhile.
const AT_ONCE: Duration = Duration::from_millis(10);

struct Swept {
    server: Server,
    livekit: FakeLivekit,
}

/// A sweep of a process that has taken over the rooms of another one.
struct Successor {
    sweep: Sweep,
    db: Db,
}

impl Swept {
    async fn start(kind: Kind) -> Self {
        let livekit = FakeLivekit::start().await;
        let known = livekit.environment();
        let environment: Vec<_> = known.iter().map(|(name, value)| (*name, &**value)).collect();
        Self {
            server: Server::start_with(kind, &environment).await,
            livekit,
        }
    }

    async fn finish(self) {
        self.server.finish().await;
    }

    /// Ends the server's process and revives its meetings in this one.
    async fn succeed(&self, twice: Duration) -> Successor {
        // Its own sweep, of a LiveKit in which there was nothing yet.
        let (number, _) = self.livekit.expect("ListRooms").await;
        self.livekit.end_of(number).await;
        self.server.kill9();
        let config = Config {
            livekit: self.livekit.settings(),
            ..Config::default()
        };
        let db = Db::connect(&self.server.database(), &self.server.data_dir()).await;
        let db = db.expect("a database");
        let media = RoomService::new(&Outgoing::default(), &config.livekit).expect("a client");
        let media = Arc::new(media);
        let settings = meetings::live_settings(&config, &self.server.data_dir());
        let origins = Origins::new(b"key", &config);
        let of_rooms = (origins, Seals::new(&[7; 32]).expect("a key"));
        let objects = Objects::open(&config.outgoing, &config.assets, &self.server.data_dir());
        let assets = Assets::new(db.clone(), objects.expect("an asset store"), &config.assets);
        let renderer = Renderer::new("/no/such/program".into(), ["render"]);
        let outside = (Arc::clone(&media), Recorders::new(&config.recording));
        let tasks = Tasks::new(&config, &db, outside, (&assets, renderer)).expect("clients");
        let ports = meetings::ports(db.clone(), tasks, &config.call_in, of_rooms);
        let live = Live::start(settings, ports).await.expect("the live core");
        let sweep = Sweep {
            twice,
            ..Sweep::new(db.clone(), live, media)
        };
        Successor { sweep, db }
    }

    /// Somebody is in each of these rooms.
    fn enter(&self, rooms: &[String]) {
        for room in rooms {
            self.livekit.enter(room, STRANGER, &[]);
        }
    }

    fn assert_left(&self, rooms: &[&[String]]) {
        let left: BTreeSet<_> = rooms.iter().flat_map(|some| some.iter().cloned()).collect();
        assert_eq!(self.livekit.rooms(), left);
    }
}

impl Successor {
    async fn once(&self) -> usize {
        self.sweep.once().await.expect("a sweep")
    }

    async fn finish(self) {
        self.sweep.live.stop().await;
        self.db.close().await;
    }
}

async fn rooms_that_no_meeting_has_are_deleted(world: &Swept) {
    let running = Meeting::create(&world.server, json!({})).await;
    let mut alice = running.joined_owner().await;
    let gus = running.joined_guest("Gus").await;
    let breakout = open_breakout_rooms(&mut alice, &["Red"]).await.remove(0);
    let mut there = running.moving_guest(&gus.resumption, &json!(breakout)).await;
    there.join("Gus").await;
    let ended = Meeting::create(&world.server, json!({})).await;
    let deleted = Meeting::create(&world.server, json!({})).await;
    deleted.alice.delete(&deleted.path("")).await.expect(204);

    let used = [room_of(&alice), room_of(&there)];
    let unused = [
        // Of earlier meetings, and as an earlier version has named them.
        format!("{}~1000", running.room),
        running.room.clone(),
        format!("{}:{STRANGER}", running.room),
        format!("{}~1000", ended.room),
        format!("{}:{STRANGER}", ended.room),
        format!("{}~1000", deleted.room),
        format!("{}:{STRANGER}", deleted.room),
    ];
    let of_others = [
        format!("{STRANGER}~1000"),
        STRANGER.to_owned(),
        "lobby".to_owned(),
        format!("{}~1000-copy", ended.room),
    ];
    let successor = world.succeed(AT_ONCE).await;
    for rooms in [&used[..], &unused, &of_others] {
        world.enter(rooms);
    }
    assert_eq!(successor.once().await, unused.len());
    world.assert_left(&[&used, &of_others]);
    assert_eq!(successor.once().await, 0);
    successor.finish().await;
}

async fn deleted_rooms_are_known_for_a_day(world: &Swept) {
    let deleted = Meeting::create(&world.server, json!({})).await;
    deleted.alice.delete(&deleted.path("")).await.expect(204);
    let rooms = [format!("{}~1000", deleted.room)];
    let successor = world.succeed(AT_ONCE).await;
    world.enter(&rooms);
    world.server.let_deleted_rooms_age(86_000).await;
    assert_eq!(successor.once().await, 1);
    world.assert_left(&[]);
    world.enter(&rooms);
    world.server.let_deleted_rooms_age(1_000).await;
    assert_eq!(successor.once().await, 0);
    world.assert_left(&[&rooms]);
    successor.finish().await;
}

/// One that LiveKit can't delete keeps no other from going.
async fn a_room_on_a_dead_node_keeps_no_other(world: &Swept) {
    world
        .livekit
        .change_habits(|habits| habits.unavailable_after = AT_ONCE);
    let ended = Meeting::create(&world.server, json!({})).await;
    let [dead, first, last] = [2, 1, 3].map(|second| [format!("{}~{second}", ended.room)]);
    let successor = world.succeed(AT_ONCE).await;
    for rooms in [&first, &last] {
        world.enter(rooms);
    }
    let ghost = Person {
        is_ghost: true,
        ..Person::of(STRANGER, &[])
    };
    world.livekit.enter_as(&dead[0], STRANGER, ghost);
    let swept = successor.sweep.once().await;
    assert!(
        matches!(swept, Err(SweepError::Livekit(CallError::Unavailable))),
        "{swept:?}"
    );
    world.assert_left(&[&dead]);
    successor.finish().await;
}

/// A meeting may be about to begin.
async fn what_is_seen_once_only_stays(world: &Swept) {
    let ended = Meeting::create(&world.server, json!({})).await;
    let [before, between] = [1, 2].map(|second| [format!("{}~{second}", ended.room)]);
    let successor = world.succeed(Duration::from_secs(1)).await;
    world.enter(&before);
    let meanwhile = async {
        let (number, _) = world.livekit.expect("ListRooms").await;
        world.livekit.end_of(number).await;
        world.enter(&between);
    };
    let (deleted, ()) = tokio::join!(successor.once(), meanwhile);
    assert_eq!(deleted, 1);
    world.assert_left(&[&between]);
    successor.finish().await;
}

async fn a_sweep_in_vain_says_so(world: &Swept) {
    let successor = world.succeed(AT_ONCE).await;
    world.livekit.die().await;
    let swept = successor.sweep.once().await;
    assert!(
        matches!(swept, Err(SweepError::Livekit(CallError::Unreachable))),
        "{swept:?}"
    );
    successor.finish().await;
}
