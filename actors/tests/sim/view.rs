//! What a client knows of the meeting: `join_success`, and every event since.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// A scope of the chat as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Room,
    Group(String),
    With(String),
}

#[derive(Debug, Clone)]
pub struct View {
    pub id: String,
    /// The breakout room that the client is in; none in the main room.
    pub space: Option<String>,
    pub name: Value,
    pub role: Value,
    /// Unknown until something is heard of it.
    pub hand: Option<bool>,
    /// Entries of all others, without what changes for all of them at once.
    pub others: BTreeMap<String, Value>,
    pub ready: BTreeSet<String>,
    /// Who waits: known to those who joined as moderators.
    pub waiting: Option<BTreeMap<String, Value>>,
    pub waiting_room: Option<bool>,
    pub raise_hands: bool,
    pub chat: bool,
    pub histories: BTreeMap<Scope, Vec<Value>>,
    /// Rooms and their end, while breakout rooms run.
    pub breakout: Option<Value>,
    pub elsewhere: BTreeMap<String, Value>,
    /// Whether everybody in other rooms is known: only those who join while breakout rooms run are told.
    pub knows_elsewhere: bool,
    pub timer: Option<Value>,
    pub poll: Option<Value>,
    /// Formal votes by their ids, those that are over too.
    pub votes: BTreeMap<String, Value>,
    /// Whether trainees are asked, and this one is.
    pub training: Value,
    /// A session of automod: its rules, its lists as far as they are shown, and who speaks.
    pub automod: Option<Value>,
    /// The folder as its role sees it. Of its end nobody is told.
    pub folder: Option<Value>,
    /// How far what is recorded and streamed has come, and what a recorder is told of it.
    pub targets: BTreeMap<String, Value>,
    pub orders: Option<Value>,
    /// The URL of the pad that it was told last, and whether it only reads there.
    pub notes: Option<(String, bool)>,
    /// The URL of the whiteboard, or null.
    pub whiteboard: Value,
    /// Whisper groups that it was told of.
    pub whispers: super::whispers::Whispers,
    pub restrictions: Value,
    /// The room of LiveKit, and what the token that came with it allows.
    pub media_room: Value,
    pub grant: Option<Value>,
    /// What never changes.
    pub fixed: Value,
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// An event's payload without its name.
pub fn content(payload: &Value) -> Map<String, Value> {
    let mut content = payload.as_object().cloned().unwrap_or_default();
    content.remove("message");
    content
}

impl View {
    /// What `join_success` tells.
    pub fn new(payload: &Value) -> Result<Self, String> {
        let breakout = payload.get("breakout");
        let (moderation, chat) = (&payload["moderation"], &payload["chat"]);
        let waiting = moderation.get("waiting_room_participants");
        if waiting.is_some() != (payload["role"] == "moderator" && !moderation.is_null()) {
            return Err(format!(
                "who waits is for moderators, this is for {}",
                payload["role"]
            ));
        }
        let mut view = Self {
            id: text(&payload["id"]),
            space: breakout.and_then(|breakout| breakout["current"].as_str().map(str::to_owned)),
            name: payload["display_name"].clone(),
            role: payload["role"].clone(),
            hand: None,
            others: BTreeMap::new(),
            ready: BTreeSet::new(),
            waiting: waiting.map(who_waits),
            waiting_room: moderation.get("waiting_room_enabled").and_then(Value::as_bool),
            raise_hands: moderation["raise_hands_enabled"].as_bool().unwrap_or(true),
            chat: chat["enabled"].as_bool().ok_or("chat is always there")?,
            histories: histories(chat),
            breakout: breakout
                .map(|breakout| json!({"rooms": breakout["rooms"], "expires": breakout["expires"]})),
            elsewhere: breakout.map(elsewhere).unwrap_or_default(),
            knows_elsewhere: breakout.is_some(),
            timer: payload.get("timer").cloned(),
            poll: payload.get("polls").cloned(),
            votes: votes(&payload["legal_vote"]),
            training: payload["training_participation_report"]["state"].clone(),
            automod: payload.get("automod").map(session),
            folder: payload.get("shared_folder").cloned(),
            targets: targets(&payload["recording"]),
            orders: payload.get("recording_service").cloned(),
            notes: None,
            whiteboard: payload["whiteboard"]["url"].clone(),
            whispers: BTreeMap::new(),
            restrictions: payload["livekit"]["microphone_restriction_state"].clone(),
            media_room: payload["livekit"]["room"].clone(),
            grant: super::media::grant(&payload["livekit"]),
            fixed: fixed(payload),
        };
        for entry in list(&payload["participants"]) {
            view.show(entry);
        }
        let mine = view
            .timer
            .as_mut()
            .and_then(|timer| timer.as_object_mut()?.remove("ready_status"));
        if mine == Some(Value::Bool(true)) {
            view.ready.insert(view.id.clone());
        }
        Ok(view)
    }

    /// What a client of today knew before, and does not read from `join_success` when it comes back.
    pub fn remember(&mut self, known: Self) {
        self.chat &= known.chat;
        self.histories.retain(|scope, _| !matches!(scope, Scope::With(_)));
        let private = known.histories.into_iter();
        self.histories
            .extend(private.filter(|(scope, _)| matches!(scope, Scope::With(_))));
    }

    /// Takes in the entry of a participant; what was known of it is returned.
    pub fn show(&mut self, entry: &Value) -> Option<Value> {
        let id = text(&entry["id"]);
        let mut known = Value::Object(content(entry));
        let timer = known.as_object_mut().and_then(|known| known.remove("timer"));
        if timer.is_some_and(|timer| timer["ready_status"] == true) {
            self.ready.insert(id.clone());
        } else {
            self.ready.remove(&id);
        }
        self.others.insert(id, known)
    }

    /// The formal vote that runs.
    pub fn running_vote(&self) -> Option<&Value> {
        self.votes.values().find(|vote| vote["state"] == "started")
    }

    /// Somebody who is here now, the client itself included.
    pub fn is_here(&self, id: &str) -> bool {
        id == self.id
            || self
                .others
                .get(id)
                .is_some_and(|entry| entry["control"]["left_at"].is_null())
    }

    /// Whether the room that the client is in still takes people in: a breakout room that was stopped does not.
    pub fn may_come_back(&self) -> bool {
        self.is_open(&json!(self.space))
    }

    /// Whether it is the main room (null), or a breakout room that runs.
    pub fn is_open(&self, space: &Value) -> bool {
        let rooms = self
            .breakout
            .as_ref()
            .map_or(&[][..], |breakout| list(&breakout["rooms"]));
        space.is_null() || rooms.iter().any(|room| room["id"] == *space)
    }

    pub fn is_moderator(&self) -> bool {
        self.role == "moderator"
    }

    /// A name was changed by a moderator: it may stand in several lists.
    pub fn rename(&mut self, id: &str, name: &Value) {
        if id == self.id {
            self.name = name.clone();
        }
        if let Some(entry) = self.others.get_mut(id) {
            entry["control"]["display_name"] = name.clone();
        }
        if let Some(entry) = self.elsewhere.get_mut(id) {
            entry["display_name"] = name.clone();
        }
        if let Some(entry) = self.waiting.as_mut().and_then(|waiting| waiting.get_mut(id)) {
            entry["display_name"] = name.clone();
        }
    }

    /// The scope under which the client keeps a message.
    pub fn scope_of(&self, message: &Value) -> Scope {
        match message["scope"].as_str() {
            Some("group") => Scope::Group(text(&message["target"])),
            Some("private") if message["source"] == *self.id => Scope::With(text(&message["target"])),
            Some("private") => Scope::With(text(&message["source"])),
            _ => Scope::Room,
        }
    }
}

/// What never changes.
fn fixed(payload: &Value) -> Value {
    let fields = [
        "tariff",
        "room_info",
        "event_info",
        "closes_at",
        "is_room_owner",
        "id",
    ];
    let mut fixed = json!({});
    for field in fields {
        fixed[field] = payload[field].clone();
    }
    fixed
}

fn who_waits(waiting: &Value) -> BTreeMap<String, Value> {
    let entries = list(waiting).iter();
    entries
        .map(|entry| (text(&entry["id"]), entry["control"].clone()))
        .collect()
}

/// A session of automod.
fn session(state: &Value) -> Value {
    let mut session = state["config"].clone();
    session["speaker"] = state["speaker"].clone();
    session
}

fn targets(recording: &Value) -> BTreeMap<String, Value> {
    let targets = recording["targets"].as_object().into_iter().flatten();
    let status = |target: &Value| {
        let mut status = json!({"status": target["status"]});
        if let Some(reason) = target.get("reason") {
            status["reason"] = reason.clone();
        }
        status
    };
    targets.map(|(id, target)| (id.clone(), status(target))).collect()
}

fn elsewhere(breakout: &Value) -> BTreeMap<String, Value> {
    let entries = list(&breakout["participants"]).iter();
    entries.map(|entry| (text(&entry["id"]), entry.clone())).collect()
}

/// The messages of a history, in chunks or as a plain list.
fn messages(history: &Value) -> Vec<Value> {
    let messages = history.get("messages").unwrap_or(history);
    list(messages).to_vec()
}

fn histories(chat: &Value) -> BTreeMap<Scope, Vec<Value>> {
    let mut histories = BTreeMap::from([(Scope::Room, messages(&chat["room_history"]))]);
    for group in list(&chat["groups_history"]) {
        histories.insert(Scope::Group(text(&group["name"])), messages(&group["history"]));
    }
    for private in list(&chat["private_history"]) {
        let scope = Scope::With(text(&private["correspondent"]));
        histories.insert(scope, messages(&private["history"]));
    }
    histories
}

/// Formal votes, as far as those know them who were there.
fn votes(state: &Value) -> BTreeMap<String, Value> {
    let votes = list(&state["votes"]).iter().cloned();
    votes
        .map(|mut vote| {
            // Events name participants.
            for users in ["stopped_by", "issuer"] {
                vote.as_object_mut().and_then(|vote| vote.remove(users));
            }
            (text(&vote["legal_vote_id"]), vote)
        })
        .collect()
}
