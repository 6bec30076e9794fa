//! A client that believes what it is told: what it then knows must be what is so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What a client sees of a participant.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub name: Value,
    pub role: Value,
    pub hand_is_up: Value,
    pub left_at: Value,
}

/// The end of one socket.
#[derive(Debug, Default)]
pub struct Witness {
    last_seq: u64,
    /// Its own id and entry, once inside.
    me: Option<(String, Seen)>,
    others: BTreeMap<String, Seen>,
    /// Who waits: known to those who joined as moderators.
    waiting: Option<BTreeSet<String>>,
}

/// What somebody outside or waiting may be told.
const OUTSIDE: [(&str, &str); 7] = [
    ("control", "error"),
    ("control", "join_success"),
    ("control", "room_deleted"),
    ("moderation", "in_waiting_room"),
    ("moderation", "accepted"),
    ("moderation", "kicked"),
    ("moderation", "error"),
];

fn seen(control: &Value) -> Seen {
    Seen {
        name: control["display_name"].clone(),
        role: control["role"].clone(),
        hand_is_up: control["hand_is_up"].clone(),
        left_at: control["left_at"].clone(),
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_default().to_owned()
}

impl Witness {
    /// Takes an event in.
    pub fn hear(&mut self, seq: u64, text: &str) -> Result<(), String> {
        if seq <= self.last_seq {
            return Err(format!("event {seq} after {}", self.last_seq));
        }
        self.last_seq = seq;
        let event: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        let payload = &event["payload"];
        let (namespace, message) = (event["namespace"].as_str(), payload["message"].as_str());
        let (Some(namespace), Some(message)) = (namespace, message) else {
            return Err(format!("not an event: {text}"));
        };
        if self.me.is_none() && !OUTSIDE.contains(&(namespace, message)) {
            return Err(format!("told somebody who is not inside: {text}"));
        }
        match (namespace, message) {
            ("control", "join_success") => return self.joined(payload),
            ("control", "joined" | "update") => {
                let known = self.others.insert(id(payload), seen(&payload["control"]));
                let was_here = known.is_some_and(|seen| seen.left_at.is_null());
                if was_here != (message == "update") {
                    return Err(format!("here before: {was_here}, and now: {text}"));
                }
            }
            ("control", "left") => match self.others.get_mut(&id(payload)) {
                Some(seen) if seen.left_at.is_null() => seen.left_at = event["timestamp"].clone(),
                other => return Err(format!("{other:?} cannot leave: {text}")),
            },
            ("moderation", "joined_waiting_room") => {
                // One who was inside before comes back under a name of its choice.
                if let Some(known) = self.others.get_mut(&id(payload)) {
                    *known = seen(&payload["control"]);
                }
                self.waits(&id(payload), true)?;
            }
            ("moderation", "left_waiting_room") => self.waits(&id(payload), false)?,
            _ => self.about_me(message, payload),
        }
        Ok(())
    }

    fn joined(&mut self, payload: &Value) -> Result<(), String> {
        if self.me.is_some() {
            return Err("joined twice".to_owned());
        }
        let me = Seen {
            name: payload["display_name"].clone(),
            role: payload["role"].clone(),
            hand_is_up: Value::Null,
            left_at: Value::Null,
        };
        self.me = Some((id(payload), me));
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for other in list(&payload["participants"]) {
            self.others.insert(id(&other), seen(&other["control"]));
        }
        let moderation = &payload["moderation"];
        let waiting = moderation.get("waiting_room_participants");
        if waiting.is_some() != (payload["role"] == "moderator") {
            return Err(format!("who waits is for moderators: {moderation}"));
        }
        self.waiting = waiting.map(|waiting| list(waiting).iter().map(id).collect());
        Ok(())
    }

    fn waits(&mut self, id: &str, begins: bool) -> Result<(), String> {
        let Some(waiting) = &mut self.waiting else {
            return Ok(());
        };
        let news = if begins {
            waiting.insert(id.to_owned())
        } else {
            waiting.remove(id)
        };
        if news {
            Ok(())
        } else {
            Err(format!("{id} waits: {begins}, as before"))
        }
    }

    fn about_me(&mut self, message: &str, payload: &Value) {
        let Some((_, me)) = &mut self.me else { return };
        match message {
            "hand_raised" => me.hand_is_up = Value::Bool(true),
            "hand_lowered" => me.hand_is_up = Value::Bool(false),
            "role_updated" => me.role = payload["new_role"].clone(),
            _ => {}
        }
    }

    /// Compares what it knows with a snapshot of the room.
    pub fn agrees(&self, room: &Value) -> Result<(), String> {
        let Some((me, my)) = &self.me else { return Ok(()) };
        let empty = serde_json::Map::new();
        let people = room["meeting"]["people"].as_object().unwrap_or(&empty);
        let mut listed: BTreeMap<_, _> = people
            .iter()
            .filter(|(_, p)| p["ever_inside"] == true && p["kind"] != "recorder")
            .map(|(id, p)| (id.clone(), seen(p)))
            .collect();
        let mut now = seen(&people[me]);
        listed.remove(me);
        if my.hand_is_up.is_null() {
            now.hand_is_up = Value::Null;
        }
        if now != *my {
            return Err(format!("{me} knows of itself {my:?}, it is {now:?}"));
        }
        // Nobody is told that the hand of someone who left is down.
        let without_hands = |list: &BTreeMap<String, Seen>| {
            let mut list = list.clone();
            for seen in list.values_mut().filter(|seen| !seen.left_at.is_null()) {
                seen.hand_is_up = Value::Null;
            }
            list
        };
        if without_hands(&listed) != without_hands(&self.others) {
            return Err(format!("{me} knows {:?}, there are {listed:?}", self.others));
        }
        let waiting = people.iter().filter(|(_, p)| p["place"] == "waiting");
        let waiting: BTreeSet<_> = waiting.map(|(id, _)| id.clone()).collect();
        match &self.waiting {
            Some(known) if *known != waiting => {
                Err(format!("{me} sees waiting {known:?}, there are {waiting:?}"))
            }
            _ => Ok(()),
        }
    }
}
