//! Several nodes in one process, over real connections and a store in memory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what a test did not expect ends it"
)]

mod stage;

use std::{sync::Arc, time::Duration};

use colloquy_actors::{
    cluster::{
        ClusterSecrets, ClusterSettings,
        store::{Incarnation, NodeId, NodeProcess},
    },
    ids::{InviteCode, RoomId},
    live::{JournalMode, StartError},
    room::input::Notice,
};
use stage::{
    Guest, Stage,
    store::{CutOff, MemoryStore},
    until,
};
use tokio::time::sleep;
use uuid::Uuid;

/// Short, so that a death is noticed soon.
const LEASE: Duration = Duration::from_secs(1);

/// Some nodes, and what they have in common.
struct Nodes {
    store: Arc<MemoryStore>,
    room: RoomId,
    all: Vec<Stage>,
}

impl Nodes {
    async fn start(count: usize) -> Self {
        let mut this = Self {
            store: Arc::default(),
            room: RoomId(Uuid::new_v4()),
            all: Vec::new(),
        };
        for number in 0..count {
            this.add(&format!("n{number}")).await;
        }
        // Each has seen the others.
        sleep(LEASE * 3 / 2).await;
        this
    }

    fn settings(&self, name: &str, secret: &str) -> ClusterSettings {
        ClusterSettings {
            node: NodeId(name.to_owned()),
            listen: "127.0.0.1:0".parse().unwrap(),
            address: None,
            secrets: ClusterSecrets(vec![secret.to_owned()]),
            lease: LEASE,
            version: "1".to_owned(),
            store: Arc::clone(&self.store) as _,
        }
    }

    async fn add(&mut self, name: &str) {
        let journal = JournalMode::Cluster(self.settings(name, "a secret of the cluster"));
        self.all.push(Stage::revive(journal, self.room, Ok(())).await);
    }

    fn owner(&self) -> Option<String> {
        self.store.owner(self.room).map(|node| node.0)
    }
}

/// Both hear what one says, in order.
async fn talk(said: &str, speaker: &mut Guest, listener: &mut Guest) {
    speaker.say(said).await;
    for who in [speaker, listener] {
        assert_eq!(who.expect("message_sent").await["content"], said);
    }
}

#[tokio::test]
async fn people_at_different_nodes_meet() {
    let nodes = Nodes::start(3).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    assert_eq!(nodes.owner().as_deref(), Some("n0"));
    let mut bob = nodes.all[1].enter("Bob", None).await;
    let mut carol = nodes.all[2].enter("Carol", None).await;
    assert_eq!(carol.join_success["participants"].as_array().unwrap().len(), 2);
    for number in 0..50 {
        let content = format!("from b {number}");
        bob.say(&content).await;
        for who in [&mut alice, &mut bob, &mut carol] {
            assert_eq!(who.expect("message_sent").await["content"], *content);
        }
    }
    bob.close().await;
    for who in [&mut alice, &mut carol] {
        assert_eq!(who.expect("left").await["reason"], "quit");
    }
    assert_eq!(nodes.all[0].rooms().await, 1);
    assert_eq!(nodes.all[1].rooms().await, 0, "the room is at one node");
}

#[tokio::test]
async fn a_room_outlives_the_node_that_owned_it() {
    let nodes = Nodes::start(3).await;
    nodes.all[0].issue(None).await.unwrap();
    let mut bob = nodes.all[1].enter("Bob", None).await;
    let mut carol = nodes.all[2].enter("Carol", None).await;
    for round in 0..2 {
        for number in 0..20 {
            bob.say(&format!("{round} {number}")).await;
            if number == 10 && round == 0 {
                nodes.all[0].live.crash();
            }
        }
        for number in 0..20 {
            for who in [&mut bob, &mut carol] {
                assert_eq!(
                    who.expect("message_sent").await["content"],
                    format!("{round} {number}")
                );
            }
        }
    }
    assert!(matches!(nodes.owner().as_deref(), Some("n1" | "n2")));
    // Who comes anew finds it too.
    let dave = nodes.all[2].enter("Dave", None).await;
    assert_eq!(dave.join_success["participants"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_is_noticed_by_nobody() {
    let nodes = Nodes::start(2).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let mut bob = nodes.all[1].enter("Bob", None).await;
    for round in 0..3 {
        for number in 0..20 {
            bob.say(&format!("{round} {number}")).await;
            if number == 10 {
                nodes.all[round % 2].live.cut_links();
            }
        }
        for number in 0..20 {
            for who in [&mut alice, &mut bob] {
                assert_eq!(
                    who.expect("message_sent").await["content"],
                    format!("{round} {number}")
                );
            }
        }
    }
    assert_eq!(nodes.owner().as_deref(), Some("n0"));
}

#[tokio::test]
async fn people_whose_node_died_are_lost_and_come_back_elsewhere() {
    let nodes = Nodes::start(3).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let bob = nodes.all[1].enter("Bob", None).await;
    nodes.all[1].live.crash();
    let again = nodes.all[2].enter("Bob", Some(bob.resumption.clone())).await;
    assert_eq!(again.id, bob.id);
    let mut again = again;
    talk("here again", &mut again, &mut alice).await;
}

#[tokio::test]
async fn a_store_that_was_away_has_stopped_rooms_and_ended_none() {
    let nodes = Nodes::start(2).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let mut bob = nodes.all[1].enter("Bob", None).await;
    nodes.store.set_away(true);
    bob.say("while it is away").await;
    sleep(LEASE * 3).await;
    assert_eq!(nodes.all[0].rooms().await, 1);
    nodes.store.set_away(false);
    for who in [&mut alice, &mut bob] {
        assert_eq!(who.expect("message_sent").await["content"], "while it is away");
    }
    assert_eq!(nodes.owner().as_deref(), Some("n0"));
    talk("and on", &mut alice, &mut bob).await;
}

#[tokio::test]
async fn a_store_that_has_lost_everything_gets_it_again() {
    let nodes = Nodes::start(3).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let mut bob = nodes.all[1].enter("Bob", None).await;
    talk("before", &mut bob, &mut alice).await;
    nodes.store.flush();
    talk("after", &mut bob, &mut alice).await;
    assert_eq!(nodes.owner().as_deref(), Some("n0"));
    nodes.store.lose_last(nodes.room, 1);
    talk("later", &mut alice, &mut bob).await;
    // What it got is the whole room.
    nodes.all[0].live.crash();
    bob.say("elsewhere").await;
    bob.expect("message_sent").await;
    let history = nodes.all[2].enter("Carol", None).await;
    let chat = history.join_success["chat"].to_string();
    for said in ["before", "after", "later", "elsewhere"] {
        assert!(chat.contains(said), "{said}: {chat}");
    }
}

/// Between the loss and the owner's next word nobody begins the room a second time.
#[tokio::test]
async fn a_room_whose_claim_is_lost_does_not_begin_twice() {
    let nodes = Nodes::start(3).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    nodes.store.flush();
    // At once, and when the owner may have made its claim again.
    for _ in 0..20 {
        match nodes.all[1].issue(None).await {
            Err(StartError::Unavailable) | Ok(_) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(nodes.all[1].rooms().await, 0, "it began twice");
        sleep(LEASE / 20).await;
    }
    alice.say("I am here").await;
    alice.expect("message_sent").await;
    let mut bob = nodes.all[1].enter("Bob", None).await;
    talk("together", &mut bob, &mut alice).await;
    assert_eq!(nodes.owner().as_deref(), Some("n0"));
}

#[tokio::test]
async fn an_owner_whose_claim_was_taken_writes_nothing_and_lets_go() {
    let nodes = Nodes::start(2).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    nodes.store.steal(
        nodes.room,
        NodeProcess {
            node: NodeId("thief".to_owned()),
            incarnation: Incarnation(1),
        },
    );
    alice.say("under an old claim").await;
    until("the room is let go", async || {
        !nodes.store.fenced.lock().unwrap().is_empty() && nodes.all[0].rooms().await == 0
    })
    .await;
    // The thief has no lease: whoever looks for the room takes it over, and what was said is handled there, once.
    assert_eq!(
        alice.expect("message_sent").await["content"],
        "under an old claim"
    );
    assert_eq!(nodes.owner().as_deref(), Some("n0"));
}

#[tokio::test]
async fn word_from_rest_reaches_the_owner() {
    let nodes = Nodes::start(2).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let mut bob = nodes.all[1].enter("Bob", None).await;
    // A token that is void is asked for at the database.
    let request = nodes.all[1].request(Some(bob.resumption.clone()));
    assert!(nodes.all[1].live.knows(&request).await);
    nodes.all[1]
        .live
        .notify(nodes.room, Notice::InviteWithdrawn(InviteCode(Uuid::nil())));
    until("it is void", async || !nodes.all[1].live.knows(&request).await).await;
    nodes.all[1].live.notify(nodes.room, Notice::RoomDeleted);
    for who in [&mut alice, &mut bob] {
        who.expect("room_deleted").await;
        assert_eq!(who.closed().await, 1000);
    }
    until("the room ends", async || nodes.all[0].rooms().await == 0).await;
    until("nobody owns it", async || nodes.owner().is_none()).await;
    assert!(matches!(
        nodes.all[0].issue(None).await,
        Err(StartError::Unavailable)
    ));
    assert!(matches!(
        nodes.all[1].issue(None).await,
        Err(StartError::Unavailable)
    ));
}

/// What a node read before somebody lost access at another one lets nobody in.
#[tokio::test]
async fn what_was_read_before_a_notice_is_read_again() {
    let nodes = Nodes::start(2).await;
    let _alice = nodes.all[0].enter("Alice", None).await;
    let request = nodes.all[1].request(None);
    nodes.all[0]
        .live
        .notify(nodes.room, Notice::InviteWithdrawn(InviteCode(Uuid::nil())));
    sleep(Duration::from_millis(300)).await;
    assert!(matches!(
        nodes.all[1].issue_as(&request).await,
        Err(StartError::Outdated)
    ));
    sleep(Duration::from_millis(1_200)).await;
    nodes.all[1].issue(None).await.unwrap();
}

/// Rooms that nobody asks for have deadlines too.
#[tokio::test]
async fn rooms_of_a_dead_node_are_taken_up_unasked() {
    let nodes = Nodes::start(2).await;
    let alice = nodes.all[0].enter("Alice", None).await;
    nodes.all[0].live.crash();
    until("it is taken up", async || nodes.owner().as_deref() == Some("n1")).await;
    until("it lives", async || nodes.all[1].rooms().await == 1).await;
    drop(alice);
}

#[tokio::test]
async fn who_does_not_know_the_secret_is_alone() {
    let mut nodes = Nodes::start(1).await;
    let alice = nodes.all[0].enter("Alice", None).await;
    let journal = JournalMode::Cluster(nodes.settings("stranger", "another secret of the cluster"));
    nodes.all.push(Stage::revive(journal, nodes.room, Ok(())).await);
    sleep(LEASE * 3 / 2).await;
    assert!(matches!(
        nodes.all[1].issue(None).await,
        Err(StartError::Unavailable)
    ));
    drop(alice);
}

/// A node that stops hands what it has to whoever asks, at once.
#[tokio::test]
async fn who_stops_leaves_its_rooms_to_others() {
    let nodes = Nodes::start(2).await;
    nodes.all[0].issue(None).await.unwrap();
    let mut bob = nodes.all[1].enter("Bob", None).await;
    bob.say("before").await;
    bob.expect("message_sent").await;
    nodes.all[0].stop().await;
    bob.say("after").await;
    assert_eq!(bob.expect("message_sent").await["content"], "after");
    assert_eq!(nodes.owner().as_deref(), Some("n1"));
}

/// Sockets stay where they are, and nothing is missed.
#[tokio::test]
async fn a_node_that_drains_gives_its_rooms_away_and_keeps_its_sockets() {
    let nodes = Nodes::start(3).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let mut bob = nodes.all[1].enter("Bob", None).await;
    for number in 0..40 {
        bob.say(&number.to_string()).await;
        if number == 20 {
            let live = nodes.all[0].live.clone();
            live.drain();
            tokio::spawn(async move { live.hand_over(Duration::from_secs(10)).await });
        }
        sleep(Duration::from_millis(5)).await;
    }
    for number in 0..40 {
        for who in [&mut alice, &mut bob] {
            assert_eq!(who.expect("message_sent").await["content"], number.to_string());
        }
    }
    assert!(matches!(nodes.owner().as_deref(), Some("n1" | "n2")));
    assert_eq!(
        (nodes.all[0].rooms().await, nodes.all[0].live.open_sessions()),
        (0, 1)
    );
    talk("and on", &mut alice, &mut bob).await;
    // It stops: who has a socket there is sent away, and the others stay.
    nodes.all[0].stop().await;
    assert_eq!(alice.closed().await, 1001);
    bob.say("still here").await;
    assert_eq!(bob.expect("message_sent").await["content"], "still here");
}

/// An owner that says nothing for long is told that the room is another's.
#[tokio::test]
async fn a_quiet_owner_that_lost_its_lease_lets_go() {
    let nodes = Nodes::start(2).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let thief = NodeProcess {
        node: NodeId("thief".to_owned()),
        incarnation: Incarnation(1),
    };
    nodes.store.steal(nodes.room, thief);
    // All leases are made again, as after a pause or a loss.
    nodes.store.lose_leases();
    until("the room is let go", async || {
        nodes.owner().as_deref() == Some("n0")
    })
    .await;
    alice.say("taken up again").await;
    assert_eq!(alice.expect("message_sent").await["content"], "taken up again");
}

/// The others go on while one edge takes nothing; its people look for their room and find it.
#[tokio::test]
async fn an_edge_that_was_given_up_is_of_use_again() {
    let nodes = Nodes::start(2).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    let mut bob = nodes.all[1].enter("Bob", None).await;
    nodes.all[0].live.give_up_edges();
    talk("after that", &mut alice, &mut bob).await;
    let mut carol = nodes.all[1].enter("Carol", None).await;
    talk("somebody new", &mut carol, &mut alice).await;
}

/// Nodes of another version read nothing of logs but snapshots.
#[tokio::test]
async fn while_some_have_other_rules_what_rooms_became_is_in_snapshots() {
    let nodes = Nodes::start(1).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    alice.say("before the update").await;
    alice.expect("message_sent").await;
    assert!(nodes.store.batches(nodes.room) > 0);
    nodes.store.add_node_with_other_rules();
    until("there is a snapshot", async || {
        nodes.store.batches(nodes.room) == 0
    })
    .await;
    alice.say("and on").await;
    alice.expect("message_sent").await;
}

/// A room that others have taken over and ended meanwhile does not live on where it was.
#[tokio::test]
async fn what_has_ended_elsewhere_is_not_claimed_again() {
    let mut nodes = Nodes::start(0).await;
    let cut_off = Arc::new(CutOff::new(Arc::clone(&nodes.store)));
    let settings = ClusterSettings {
        store: Arc::clone(&cut_off) as _,
        ..nodes.settings("n0", "a secret of the cluster")
    };
    let stage = Stage::revive(JournalMode::Cluster(settings), nodes.room, Ok(())).await;
    nodes.all.push(stage);
    nodes.add("n1").await;
    sleep(LEASE * 3 / 2).await;
    let mut alice = nodes.all[0].enter("Alice", None).await;
    cut_off.set(true);
    until("it is taken over", async || {
        nodes.owner().as_deref() == Some("n1")
    })
    .await;
    nodes.all[1].live.notify(nodes.room, Notice::RoomDeleted);
    until("it has ended there", async || nodes.owner().is_none()).await;
    nodes.store.forget_deleted();
    cut_off.set(false);
    until("it is let go", async || nodes.all[0].rooms().await == 0).await;
    assert_eq!(alice.closed().await, 1012);
    assert_eq!(nodes.owner(), None);
}
