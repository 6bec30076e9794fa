//! The process dies in the middle of a chat, and comes back: so does everything that anybody had seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{Unlimited, assert_works, message, messages_seen, wait_until};
use crate::support::{meeting::Meeting, participant::Participant};

on_both_databases!(Unlimited: meetings_survive_kills_in_the_middle_of_a_chat, meetings_survive_an_orderly_restart);

const ROOMS: usize = 3;
/// The first is the owner; the last does not come back after the last kill.
const PEOPLE: [&str; 4] = ["Alice", "Bob", "Carol", "Dave"];
/// Messages that each sender has on their way at the same time.
const IN_FLIGHT: usize = 8;
/// Messages that senders must have got back before the process dies.
const SEEN_BEFORE_DEATH: usize = 150;
/// The grace time of 15 s, and time for a loaded machine.
const LEFT_DEADLINE: Duration = Duration::from_mins(1);

/// A room with its people, and what they have seen over all restarts.
struct Lively {
    meeting: Meeting,
    people: Vec<Participant>,
    waiting: Participant,
    waiting_id: String,
    /// Says nothing, and goes on from the number of the last event that it has seen.
    listener: Participant,
    heard: Vec<Value>,
    seen: Vec<Value>,
}

#[derive(Clone, Copy)]
enum Death {
    Kill,
    Stop,
}

async fn meetings_survive_kills_in_the_middle_of_a_chat(server: &Unlimited) {
    survive(server, Death::Kill, 3).await;
}

async fn meetings_survive_an_orderly_restart(server: &Unlimited) {
    survive(server, Death::Stop, 1).await;
}

async fn survive(server: &Unlimited, death: Death, rounds: usize) {
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(Lively::begin(server).await);
    }
    for round in 0..rounds {
        chat_until_death(server, death, round, &mut rooms).await;
        server.restart().await;
        let is_last = round == rounds - 1;
        for room in &mut rooms {
            room.come_back(if is_last { PEOPLE.len() - 1 } else { PEOPLE.len() })
                .await;
        }
    }
    for room in &mut rooms {
        room.expect_the_lost_one_to_leave().await;
    }
}

/// Everybody writes in every room until the process ends.
async fn chat_until_death(server: &Unlimited, death: Death, round: usize, rooms: &mut [Lively]) {
    let answered = Arc::new(AtomicUsize::new(0));
    let mut talks = Vec::new();
    for (number, room) in rooms.iter_mut().enumerate() {
        for (index, person) in room.people.drain(..).enumerate() {
            let name = format!("{round} {number} {index}");
            talks.push((number, tokio::spawn(talk(person, name, Arc::clone(&answered)))));
        }
    }
    wait_until("a lively chat", async || match answered.load(Relaxed) {
        SEEN_BEFORE_DEATH.. => Ok(()),
        fewer => Err(fewer),
    })
    .await;
    match death {
        Death::Kill => server.kill9(),
        Death::Stop => assert!(server.terminate().await.success()),
    }
    for (number, talk) in talks {
        let person = talk.await.expect("a participant");
        rooms[number].seen.extend(messages_seen(&person));
        rooms[number].people.push(person);
    }
    for room in rooms {
        while room.listener.try_next().await.is_some() {}
        room.heard.extend(messages_seen(&room.listener));
    }
}

/// Writes without waiting for more than it must, until the connection ends.
async fn talk(mut person: Participant, name: String, answered: Arc<AtomicUsize>) -> Participant {
    let mut sent = 0;
    let mut back = 0;
    loop {
        while sent < back + IN_FLIGHT {
            if !person.try_send("chat", message(&format!("{name} {sent}"))).await {
                break;
            }
            sent += 1;
        }
        let Some(frame) = person.try_next().await else {
            return person;
        };
        if frame["payload"]["message"] == "message_sent" && frame["payload"]["source"] == *person.id {
            back += 1;
            answered.fetch_add(1, Relaxed);
        }
    }
}

impl Lively {
    async fn begin(server: &Unlimited) -> Self {
        let meeting = Meeting::create(server, json!({})).await;
        let mut people = vec![meeting.joined_owner().await];
        for name in &PEOPLE[1..] {
            people.push(meeting.joined_guest(name).await);
        }
        let listener = meeting.joined_guest("Lisa").await;
        people[0]
            .send("moderation", json!({"action": "enable_waiting_room"}))
            .await;
        people[0].expect("moderation", "waiting_room_enabled").await;
        let mut waiting = meeting.guest().await;
        waiting.ask_to_join("Walter").await;
        waiting.expect("moderation", "in_waiting_room").await;
        let joined = people[0].expect("moderation", "joined_waiting_room").await;
        let waiting_id = joined["id"].as_str().expect("an id").to_owned();
        Self {
            meeting,
            people,
            waiting,
            waiting_id,
            listener,
            heard: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// The first `count` people and the waiting one come back with their tokens.
    async fn come_back(&mut self, count: usize) {
        self.waiting = self.meeting.returning_guest(&self.waiting.resumption).await;
        self.waiting.ask_to_join("Walter").await;
        self.waiting.expect("moderation", "in_waiting_room").await;
        self.listen_again().await;
        let mut ids: Vec<_> = self.people.iter().map(|person| person.id.clone()).collect();
        ids.push(self.listener.id.clone());
        for (index, name) in PEOPLE[..count].iter().enumerate() {
            let token = &self.people[index].resumption;
            let mut person = match index {
                0 => self.meeting.returning_owner(token).await,
                _ => self.meeting.returning_guest(token).await,
            };
            let joined = person.join(name).await;
            assert_eq!(person.id, ids[index], "{name} keeps the id");
            assert_all_listed(&joined, &ids, index);
            if index == 0 {
                self.assert_waiting_room(&joined);
                self.listener.events_so_far().await;
                self.assert_history(&mut person, &joined).await;
            }
            self.people[index] = person;
        }
        for person in &mut self.people[..count] {
            let since = person.events_so_far().await;
            let heard = since.iter().chain(person.everything_seen());
            let come_or_gone = |frame: &&Value| {
                frame["payload"]["message"] == "left" || frame["payload"]["message"] == "joined"
            };
            assert_eq!(
                heard.filter(come_or_gone).collect::<Vec<_>>(),
                Vec::<&Value>::new()
            );
        }
    }

    /// What was missed comes, and nothing else.
    async fn listen_again(&mut self) {
        let (token, seen) = (&self.listener.resumption, self.listener.last_seq());
        let mut back = self.meeting.resuming_guest(token, seen).await;
        back.ask_to_join("Lisa").await;
        let resumed = back.expect_next("control", "resumed").await;
        assert_eq!(resumed["payload"], json!({"message": "resumed", "from": seen}));
        back.id = self.listener.id.clone();
        self.listener = back;
    }

    fn assert_waiting_room(&self, joined: &Value) {
        let moderation = &joined["moderation"];
        assert_eq!(moderation["waiting_room_enabled"], true);
        let waiting = moderation["waiting_room_participants"]
            .as_array()
            .expect("a list");
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        assert_eq!(waiting[0]["id"], *self.waiting_id);
        assert_eq!(waiting[0]["waiting_room_state"], "waiting");
    }

    /// Every message that anybody had seen is in the history, exactly once and unchanged.
    async fn assert_history(&self, person: &mut Participant, joined: &Value) {
        let history = self.meeting.history(person, joined).await;
        let mut by_id = BTreeMap::new();
        let mut said = BTreeSet::new();
        for message in &history {
            assert!(by_id.insert(id(message), message).is_none(), "twice: {message}");
            assert!(
                said.insert(message["content"].as_str()),
                "said once, kept twice: {message}"
            );
        }
        let since = messages_seen(&self.listener);
        let heard = self.heard.iter().chain(&since);
        assert_eq!(
            heard.map(id).collect::<Vec<_>>(),
            history.iter().map(id).collect::<Vec<_>>(),
            "who listens hears everything once, and in order"
        );
        assert!(!self.seen.is_empty());
        for seen in &self.seen {
            let kept = by_id
                .get(id(seen))
                .unwrap_or_else(|| panic!("seen and lost: {seen}"));
            for field in ["source", "content", "scope"] {
                assert_eq!(kept[field], seen[field]);
            }
        }
    }

    async fn expect_the_lost_one_to_leave(&mut self) {
        let lost = self.people.pop().expect("somebody");
        for person in &mut self.people {
            let left = person.expect_within(LEFT_DEADLINE, "control", "left").await;
            assert_eq!(
                (&left["id"], &left["reason"]),
                (&json!(lost.id), &json!("timeout"))
            );
        }
        self.waiting.expect_nothing().await;
        let (meeting, alice) = (&self.meeting, &mut self.people[0]);
        alice
            .send("moderation", json!({"action": "disable_waiting_room"}))
            .await;
        alice.expect("moderation", "waiting_room_disabled").await;
        assert_works(meeting, alice).await;
    }
}

fn id(message: &Value) -> &str {
    message["id"].as_str().expect("an id")
}

fn assert_all_listed(joined: &Value, ids: &[String], index: usize) {
    let listed = joined["participants"].as_array().expect("a list");
    let present = listed
        .iter()
        .filter(|entry| entry["control"]["left_at"].is_null());
    let present: BTreeSet<_> = present
        .map(|entry| entry["id"].as_str().unwrap_or_default())
        .collect();
    let others = ids.iter().enumerate().filter(|(other, _)| *other != index);
    assert_eq!(present, others.map(|(_, id)| id.as_str()).collect(), "{listed:?}");
}
