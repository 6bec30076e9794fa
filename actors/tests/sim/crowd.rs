//! A room of a thousand people in a hundred groups each: what an input costs grows with who is there, and no faster.

use std::sync::Arc;

use colloquy_actors::{
    ids::{SessionNo, TokenHash},
    protocol::{
        limits::{CHAT_MESSAGE_BYTES_MAX, SEARCH_BYTES_PER_ROOM_SECOND, SEARCH_TERM_CHARS_MAX},
        meeting::Group,
    },
    room::{
        Room, RoomSettings,
        effects::Effects,
        input::{Input, Stamped},
    },
};

use super::trial::{self, Kind, Trial, bounds, id_of};

const PEOPLE: u64 = 1_000;
const GROUPS: usize = 100;
/// Kinds of membership: everybody shares some groups with anybody, and lacks others.
const KINDS: usize = 10;
/// Messages in the chat that is searched.
const MESSAGES: usize = 600;

/// The groups of a kind: half of them are common to all.
fn groups(kind: usize) -> Arc<[Group]> {
    let names = (0..GROUPS).map(|number| {
        if number % 2 == 0 {
            format!("common {number}")
        } else {
            format!("{kind} {number}")
        }
    });
    names
        .map(|name| Group {
            id: id_of(&name).into(),
            name: Arc::from(name),
        })
        .collect()
}

struct Crowd {
    trial: Trial,
    inputs: Vec<Stamped>,
}

impl Crowd {
    /// Handles an input, within its bounds. The frames of a thousand joins are too many to be kept.
    fn input(&mut self, input: Input) -> Effects {
        let stamped = self.trial.stamp(input);
        self.trial.now = stamped.at;
        self.inputs.push(stamped.clone());
        let effects = self.trial.room.handle(&self.trial.livekit, stamped);
        bounds::check(effects.cost, &self.trial.room, GROUPS).expect("an input within its bounds");
        effects
    }

    fn say(&mut self, session: u64, payload: &serde_json::Value) -> Effects {
        let text = serde_json::json!({"namespace": "chat", "payload": payload}).to_string();
        self.input(trial::command(SessionNo(session), &text))
    }
}

#[test]
fn a_thousand_people_in_a_hundred_groups_cost_what_they_are() {
    let trial = Trial::new(RoomSettings::default());
    let begin: Room = trial.room.clone();
    let mut crowd = Crowd {
        trial,
        inputs: Vec::new(),
    };
    let kinds: Vec<_> = (0..KINDS).map(groups).collect();
    for number in 1..=PEOPLE {
        let (kind, name) = (
            if number == 1 { Kind::Owner } else { Kind::User },
            format!("user {number}"),
        );
        let token = TokenHash::of(&name);
        let mut start = trial::start(kind, &name, token);
        if let Some(identity) = &mut start.identity {
            identity.groups = Arc::clone(&kinds[usize::try_from(number).unwrap_or_default() % KINDS]);
        }
        let id = trial::issued(&crowd.input(Input::Start(Box::new(start)))).expect("a place");
        crowd.input(trial::seat_taken(id, token, SessionNo(number)));
        crowd.input(trial::join(SessionNo(number), &name));
    }
    for number in 0..MESSAGES {
        let content = "a".repeat(CHAT_MESSAGE_BYTES_MAX);
        crowd.say(
            number as u64 % PEOPLE + 1,
            &serde_json::json!({"action": "send_message", "scope": "global", "content": content}),
        );
    }
    // All search at once, for what is nowhere.
    let term = format!("{}b", "a".repeat(SEARCH_TERM_CHARS_MAX - 1));
    let search = serde_json::json!({"action": "search_history", "scope": "global", "term": term});
    let first = crowd.inputs.len();
    let searched: u64 = (1..=PEOPLE)
        .map(|session| crowd.say(session, &search).cost.bytes)
        .sum();
    assert!(searched > 0, "nobody searched");
    assert!(
        searched <= SEARCH_BYTES_PER_ROOM_SECOND,
        "{searched} bytes were searched in a second"
    );
    replay(begin, &crowd, first);
}

/// Read again, the searches cost nothing.
fn replay(mut room: Room, crowd: &Crowd, first: usize) {
    for (index, stamped) in crowd.inputs.iter().enumerate() {
        let cost = room.replay(&crowd.trial.livekit, stamped.clone());
        assert!(
            index < first || cost.bytes == 0,
            "a search is done again: {cost:?}"
        );
    }
    assert!(room == crowd.trial.room, "a replay gives another room");
}
