//! What a client knows must be what is so: by the `join_success` that it would get now, and by the room's state.

use std::{collections::BTreeMap, fmt::Debug};

use serde_json::Value;

use super::view::{View, list, text};

type Compared = Result<(), String>;

fn same<T: PartialEq + Debug>(what: &str, known: &T, so: &T) -> Compared {
    if known == so {
        Ok(())
    } else {
        Err(format!("{what}: knows {known:?}, it is {so:?}"))
    }
}

/// Entries of those who left show what nobody here was told: when they last touched their hand, and what became of name and role
/// where they are now.
fn settled(entries: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut entries = entries.clone();
    for entry in entries
        .values_mut()
        .filter(|entry| !entry["control"]["left_at"].is_null())
    {
        for told_elsewhere in ["hand_updated_at", "role", "display_name"] {
            entry["control"][told_elsewhere] = Value::Null;
        }
        // Nobody is told that its access to the notes has ended.
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("meeting_notes");
        }
    }
    entries
}

/// Live results follow votes after a while: who joins may be told of votes that the others will hear of.
fn shown(poll: Option<&Value>) -> Option<Value> {
    let mut poll = poll.cloned()?;
    poll.as_object_mut()?.remove("results");
    Some(poll)
}

impl View {
    /// Compares with what somebody who joins in its place would be told. A scope keeps so many messages.
    pub fn agrees_with(&self, fresh: &Self, messages_max: usize) -> Compared {
        same("what never changes", &self.fixed, &fresh.fixed)?;
        same("its room", &self.space, &fresh.space)?;
        same("its name", &self.name, &fresh.name)?;
        same("its role", &self.role, &fresh.role)?;
        let (others, so) = (settled(&self.others), settled(&fresh.others));
        same(
            "who is here",
            &others.keys().collect::<Vec<_>>(),
            &so.keys().collect(),
        )?;
        for (id, entry) in &others {
            same("an entry", entry, &so[id])?;
        }
        same("who is ready", &self.ready, &fresh.ready)?;
        if let (Some(known), Some(so)) = (&self.waiting, &fresh.waiting) {
            same("who waits", known, so)?;
        }
        if let (Some(known), Some(so)) = (&self.waiting_room, &fresh.waiting_room) {
            same("the waiting room", known, so)?;
        }
        same("raising hands", &self.raise_hands, &fresh.raise_hands)?;
        same("the chat", &self.chat, &fresh.chat)?;
        same("the timer", &self.timer, &fresh.timer)?;
        same(
            "the poll",
            &shown(self.poll.as_ref()),
            &shown(fresh.poll.as_ref()),
        )?;
        same("formal votes", &self.votes, &fresh.votes)?;
        same("the training", &self.training, &fresh.training)?;
        same("who speaks, and who may", &self.automod, &fresh.automod)?;
        if fresh.folder.is_some() {
            same("the shared folder", &self.folder, &fresh.folder)?;
        }
        same("the whiteboard", &self.whiteboard, &fresh.whiteboard)?;
        same("microphones", &self.restrictions, &fresh.restrictions)?;
        self.agrees_on_targets(fresh)?;
        same("breakout rooms", &self.breakout, &fresh.breakout)?;
        self.agrees_on_elsewhere(fresh)?;
        self.agrees_on_messages(fresh, messages_max)
    }

    /// Nobody is told of what is about to start, nor of targets that came or went since.
    fn agrees_on_targets(&self, fresh: &Self) -> Compared {
        for (id, so) in &fresh.targets {
            if let Some(known) = self.targets.get(id).filter(|_| so["status"] != "starting") {
                same("a target", known, so)?;
            }
        }
        Ok(())
    }

    fn agrees_on_elsewhere(&self, fresh: &Self) -> Compared {
        if fresh.breakout.is_none() {
            return Ok(());
        }
        let seen = |entry: &Value| {
            [
                text(&entry["breakout_room"]),
                text(&entry["display_name"]),
                text(&entry["joined_at"]),
            ]
        };
        // Whoever lingers in a room that is closed is not told of any more.
        let elsewhere = || {
            let all = self.elsewhere.iter();
            all.filter(|(_, entry)| fresh.is_open(&entry["breakout_room"]))
        };
        for (id, entry) in elsewhere() {
            let so = fresh.elsewhere.get(id).map(seen);
            same("who is in another room", &Some(seen(entry)), &so)?;
        }
        if self.knows_elsewhere {
            same(
                "how many are in other rooms",
                &elsewhere().count(),
                &fresh.elsewhere.len(),
            )?;
        }
        Ok(())
    }

    fn agrees_on_messages(&self, fresh: &Self, messages_max: usize) -> Compared {
        let none = Vec::new();
        for scope in self.histories.keys().chain(fresh.histories.keys()) {
            let known = self.histories.get(scope).unwrap_or(&none);
            let so = fresh.histories.get(scope).unwrap_or(&none);
            let kept = known.len().min(messages_max).max(so.len());
            let newest = known.len().checked_sub(kept).map(|first| &known[first..]);
            same(&format!("the chat of {scope:?}"), &newest, &Some(so.as_slice()))?;
        }
        Ok(())
    }

    /// Whether something that changed in the session of automod is yet to be told: long lists take their time.
    pub fn waits_for_automod(&self, room: &Value) -> bool {
        let sessions = list(&room["meeting"]["modules"]["automod"]).iter();
        let mut here = sessions.filter(|of| of[0].as_str() == self.space.as_deref());
        here.any(|of| !of[1]["running"]["news"].is_null())
    }

    /// Compares with a snapshot of the room.
    pub fn agrees_with_state(&self, room: &Value) -> Compared {
        let meeting = &room["meeting"];
        let people = meeting["people"].as_object().ok_or("no meeting")?;
        let me = &people[&self.id];
        same(
            "where it is",
            &"inside",
            &me["place"].as_str().unwrap_or("nowhere"),
        )?;
        same("its room", &self.space.as_deref(), &me["space"].as_str())?;
        same("its role", &self.role, &me["role"])?;
        if let Some(hand) = self.hand {
            same("its hand", &Value::Bool(hand), &me["hand_is_up"])?;
        }
        let visit = |person: &Value| {
            let mut visits = list(&person["visits"]).iter();
            visits
                .find(|visit| visit["space"].as_str() == self.space.as_deref())
                .cloned()
        };
        let listed = people
            .iter()
            .filter(|(id, p)| **id != self.id && p["kind"] != "recorder");
        let so: BTreeMap<_, _> = listed
            .filter_map(|(id, p)| {
                let left_at = visit(p)?["left_at"].clone();
                Some((id, listed_as(&p["display_name"], &p["role"], &left_at)))
            })
            .collect();
        let known = self.others.iter().map(|(id, entry)| {
            let control = &entry["control"];
            let seen = listed_as(&control["display_name"], &control["role"], &control["left_at"]);
            (id, seen)
        });
        same("who is listed", &known.collect(), &so)?;
        if let Some(waiting) = &self.waiting {
            let so = people.iter().filter(|(_, p)| p["place"] == "waiting");
            same(
                "who is in the waiting room",
                &waiting.keys().collect::<Vec<_>>(),
                &so.map(|(id, _)| id).collect(),
            )?;
        }
        let has_chat = !self.fixed["tariff"]["modules"]["chat"].is_null();
        same(
            "the chat",
            &self.chat,
            &(has_chat && meeting["modules"]["chat"]["enabled"] == true),
        )
    }
}

/// What is known of somebody who was ever in a room: name and role of those who are there. Changes of those who have left it are
/// told where they are now.
fn listed_as(name: &Value, role: &Value, left_at: &Value) -> (Value, Value, Value) {
    if left_at.is_null() {
        (name.clone(), role.clone(), Value::Null)
    } else {
        (Value::Null, Value::Null, left_at.clone())
    }
}
