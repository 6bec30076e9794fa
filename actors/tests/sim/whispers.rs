//! Whisper groups: what clients know of theirs, what they ask for, and who is in their rooms of LiveKit.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    chance::Chance,
    hear::Event,
    view::{View, list, text},
};

/// Groups by their ids, and their members with their parts.
pub type Whispers = BTreeMap<String, BTreeMap<String, String>>;

/// Nobody has a group of this id.
const NO_GROUP: &str = "00000000-0000-4000-8000-00000000000e";

impl View {
    /// Nobody is told that it has left by itself: of such a group it knows too much, until it is invited anew.
    pub fn hear_whisper(&mut self, event: &Event<'_>) -> Result<(), String> {
        let id = text(&event.payload["whisper_id"]);
        let who = text(&event.payload["participant_id"]);
        match event.message {
            "whisper_group_created" | "whisper_invite" => {
                let members: BTreeMap<_, _> = list(&event.payload["participants"])
                    .iter()
                    .map(|member| (text(&member["participant_id"]), text(&member["state"])))
                    .collect();
                let part = match event.message {
                    "whisper_invite" => "invited",
                    _ => "creator",
                };
                // Who has come back and is invited once more may have accepted, or made it.
                if members.get(&self.id).map(String::as_str) != Some(part) && part == "creator" {
                    return Err(format!("{} of {members:?}", event.message));
                }
                self.whispers.insert(id, members);
                return Ok(());
            }
            "error" => return Ok(()),
            _ => {}
        }
        let my_id = self.id.clone();
        let group = self
            .whispers
            .get_mut(&id)
            .ok_or_else(|| format!("{} of an unknown whisper group", event.message))?;
        let is_news = match event.message {
            "kicked" => self.whispers.remove(&id).is_some(),
            "whisper_token" => {
                let part = group.entry(my_id).or_default();
                if part != "creator" {
                    "accepted".clone_into(part);
                }
                true
            }
            "whisper_invite_accepted" => {
                group.insert(who, "accepted".to_owned()).as_deref() == Some("invited")
            }
            "whisper_invite_declined" => group.remove(&who).as_deref() == Some("invited"),
            "left_whisper_group" => group.remove(&who).is_some(),
            "participants_invited" => list(&event.payload["participant_ids"])
                .iter()
                .all(|one| group.insert(text(one), "invited".to_owned()).is_none()),
            other => return Err(format!("an event {other} of whisper groups")),
        };
        is_news
            .then_some(())
            .ok_or_else(|| format!("{}: it is so already", event.payload))
    }
}

/// A command of somebody (`me`), mostly one that makes sense for it; `people` are named in it.
pub fn deed(known: &Whispers, chance: &mut Chance, me: &str, people: &[String]) -> Value {
    let ids: Vec<_> = known.keys().cloned().collect();
    let id = chance
        .pick(&ids)
        .filter(|_| !chance.one_in(8))
        .unwrap_or_else(|| NO_GROUP.to_owned());
    let is_invited = known
        .get(&id)
        .is_some_and(|group| group.get(me).is_some_and(|part| part == "invited"));
    let often = |is_it: bool| if is_it { 12 } else { 1 };
    let choices = [
        (if ids.is_empty() { 60 } else { 2 }, "create_whisper_group"),
        (often(!is_invited), "invite_to_whisper_group"),
        (3, "kick_whisper_participants"),
        (often(is_invited), "accept_whisper_invite"),
        (often(is_invited), "decline_whisper_invite"),
        (2, "leave_whisper_group"),
    ];
    let action = chance.weighted(&choices).unwrap_or("create_whisper_group");
    json!({"action": action, "whisper_id": id, "participant_ids": people})
}

fn groups(state: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let groups = state["meeting"]["modules"]["subroom_audio"].as_object();
    groups.into_iter().flatten()
}

/// A client that is inside knows each group that it is in, with all members, as far as the room thinks that it does.
pub fn check(view: &View, state: &Value) -> Result<(), String> {
    for (id, group) in groups(state).filter(|(_, group)| group["is_being_made"] != true) {
        let members = group["members"].as_object().ok_or("members")?;
        let Some(mine) = members.get(&view.id).filter(|mine| mine["has_forgotten"] != true) else {
            continue;
        };
        let members = members
            .iter()
            .map(|(id, member)| (id.clone(), text(&member["state"])))
            .collect();
        if view.whispers.get(id) != Some(&members) {
            return Err(format!(
                "it is {mine} of the whisper group {id} with {members:?}, and knows {:?}",
                view.whispers.get(id)
            ));
        }
    }
    Ok(())
}

/// Whether somebody talks in the group that this is the id of; none where there is no such group.
pub fn is_inside(state: &Value, group: &str, who: &str) -> Option<bool> {
    let (_, group) = groups(state).find(|(id, _)| *id == group)?;
    let part = group["members"][who]["state"].as_str();
    Some(matches!(part, Some("creator" | "accepted")))
}
