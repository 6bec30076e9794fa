//! LiveKit: answers late, not at all, or with a failure; keeps ghosts, lets those in whom it removed; and what it is asked must make
//! sense when it does it.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use colloquy_actors::{
    ids::Space,
    livekit::{Call, Differences, MediaIdentity, MediaRoom, Permission, Removal, Seen, Source, Track},
    room::Room,
    task::Outcome,
};
use serde_json::{Value, json};

use super::{chance::Chance, whispers};

/// Tokens that somebody may come back with.
const TOKENS_MAX: usize = 64;

/// Somebody in a room of LiveKit.
#[derive(Debug, Clone)]
struct Guest {
    sid: u64,
    permission: Permission,
    /// Says that its voice is a camera.
    is_disguised: bool,
    /// LiveKit can't end it.
    is_ghost: bool,
}

/// Rooms of LiveKit, by name, and who is in them.
#[derive(Debug, Default)]
pub struct Media {
    rooms: BTreeMap<String, BTreeMap<String, Guest>>,
    /// Rooms and identities that there were tokens for, and what those allow.
    tokens: Vec<(String, String, Permission)>,
    sids: u64,
    /// Whether it tells by itself who comes.
    pub tells: bool,
}

impl Media {
    /// Somebody connects with a token.
    pub fn connect(&mut self, token: &Value) {
        let Some(claims) = claims(token) else {
            return;
        };
        let video = &claims["video"];
        let sources: Option<Vec<Source>> = serde_json::from_value(video["canPublishSources"].clone()).ok();
        let permission = Permission {
            can_subscribe: true,
            can_publish: video["canPublish"] == true,
            can_publish_data: false,
            sources,
            is_hidden: video["hidden"] == true,
        };
        let name = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let token = (name(&video["room"]), name(&claims["sub"]), permission);
        self.enter(token.clone());
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.remove(0);
        }
        self.tokens.push(token);
    }

    fn enter(&mut self, (room, identity, permission): (String, String, Permission)) {
        self.sids += 1;
        let guest = Guest {
            sid: self.sids,
            permission,
            is_disguised: false,
            is_ghost: false,
        };
        self.rooms.entry(room).or_default().insert(identity, guest);
    }

    /// Somebody comes (back) with an old token. Returns whom LiveKit would tell of.
    pub fn somebody_returns(&mut self, chance: &mut Chance) -> Option<(MediaRoom, Seen)> {
        let (room, identity, permission) = chance.pick(&self.tokens)?;
        self.enter((room.clone(), identity.clone(), permission));
        let guest = self.rooms.get_mut(&room)?.get_mut(&identity)?;
        guest.is_disguised = chance.one_in(4);
        guest.is_ghost = chance.one_in(6);
        let seen = seen(&identity, guest);
        Some((room.parse().ok()?, seen))
    }

    /// Does a call. `fails`: it may not come through, or its answer may not.
    pub fn perform(&mut self, call: &Call, fails: bool, chance: &mut Chance) -> Outcome {
        if fails && chance.one_in(3) {
            return Outcome::Unavailable;
        }
        let outcome = self.obey(call, fails, chance);
        if fails && chance.one_in(6) {
            Outcome::Unavailable
        } else {
            outcome
        }
    }

    fn obey(&mut self, call: &Call, fails: bool, chance: &mut Chance) -> Outcome {
        let name = call.room().to_string();
        match call {
            Call::Mute { participants, .. } => {
                let muted = participants.iter().copied().filter(|_| !chance.one_in(4));
                Outcome::Muted(muted.collect())
            }
            Call::Permit { participants, .. } => {
                for (id, sources) in participants {
                    let there = self.rooms.get_mut(&name);
                    if let Some(guest) = there.and_then(|there| there.get_mut(&id.to_string())) {
                        guest.permission = permission(sources);
                        // LiveKit ends the track whose source may not be used any more.
                        guest.is_disguised &= sources.contains(&Source::Camera);
                    }
                }
                Outcome::Done
            }
            Call::Remove(Removal { who, .. }) => {
                let mut stayed = Vec::new();
                for one in who {
                    let there = self.rooms.entry(name.clone()).or_default();
                    let identity = one.to_string();
                    let is_ghost = there.get(&identity).is_some_and(|guest| guest.is_ghost);
                    if is_ghost || fails && chance.one_in(4) {
                        stayed.push((*one, is_ghost));
                    } else {
                        there.remove(&identity);
                    }
                }
                Outcome::Removed { stayed }
            }
            Call::Create { .. } => {
                self.rooms.entry(name).or_default();
                Outcome::Done
            }
            Call::Delete { .. } => {
                self.rooms.remove(&name);
                Outcome::Done
            }
            Call::Look { brief, .. } => Outcome::Seen {
                found: Differences::of(brief, &self.seen(&name)),
                webhooks: self.tells,
            },
        }
    }

    /// What a look at a room shows.
    pub fn seen(&self, room: &str) -> Vec<Seen> {
        let there = self.rooms.get(room).into_iter().flatten();
        there.map(|(identity, guest)| seen(identity, guest)).collect()
    }

    /// The rooms that somebody is in, as far as they are ours.
    pub fn rooms(&self) -> BTreeSet<MediaRoom> {
        self.rooms.keys().filter_map(|name| name.parse().ok()).collect()
    }

    /// What somebody in a room may publish.
    pub fn granted(&self, room: &Value, id: &str) -> Option<Value> {
        let guest = self.rooms.get(room.as_str().unwrap_or_default())?.get(id)?;
        Some(json!(guest.permission.sources))
    }

    /// Whom LiveKit did not reach, it finds out about.
    pub fn get_well(&mut self) {
        for there in self.rooms.values_mut() {
            there.retain(|_, guest| !guest.is_ghost);
        }
    }
}

fn permission(sources: &[Source]) -> Permission {
    Permission {
        can_subscribe: true,
        can_publish: !sources.is_empty(),
        can_publish_data: false,
        sources: Some(sources.to_vec()),
        is_hidden: false,
    }
}

fn seen(identity: &str, guest: &Guest) -> Seen {
    let voice = Track {
        sid: format!("TR_{}", guest.sid),
        is_audio: true,
        source: Some(Source::Camera),
        is_muted: false,
    };
    Seen {
        identity: identity.to_owned(),
        sid: format!("PA_{}", guest.sid),
        is_standard: true,
        permission: Some(guest.permission.clone()),
        tracks: guest.is_disguised.then_some(voice).into_iter().collect(),
    }
}

/// What a token lets its bearer publish.
pub fn grant(credentials: &Value) -> Option<Value> {
    claims(&credentials["token"]).map(|claims| claims["video"]["canPublishSources"].clone())
}

/// What a token says.
pub fn claims(token: &Value) -> Option<Value> {
    let body = token.as_str()?.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
}

fn is_in(person: &Value, space: Space) -> bool {
    person["place"] == "inside" && serde_json::to_value(space).is_ok_and(|space| person["space"] == space)
}

/// The whisper group that a room of LiveKit would be of: what is the id of a breakout room is that of no whisper group.
fn group(room: MediaRoom) -> String {
    room.space.0.map_or_else(String::new, |id| id.to_string())
}

/// Whether somebody should be in a room of LiveKit.
pub fn is_used(state: &Value, room: MediaRoom) -> bool {
    let people = state["meeting"]["people"].as_object();
    let mut people = people.into_iter().flat_map(|people| people.values());
    people.any(|person| is_in(person, room.space)) || whispers::is_inside(state, &group(room), "").is_some()
}

/// Somebody who is there must not be removed, nor a room deleted in which somebody is.
pub fn check(call: &Call, now: &Room) -> Result<(), String> {
    let state = serde_json::to_value(now).map_err(|error| error.to_string())?;
    let empty = serde_json::Map::new();
    let people = state["meeting"]["people"].as_object().unwrap_or(&empty);
    let is_here = |one: &MediaIdentity, room: &MediaRoom| {
        let who = one.participant.to_string();
        if let Some(is_inside) = whispers::is_inside(&state, &group(*room), &who) {
            return one.popout.is_none() && is_inside;
        }
        let person = people.get(&one.participant.to_string());
        one.popout.is_none() && person.is_some_and(|person| is_in(person, room.space))
    };
    let harm = match call {
        Call::Remove(Removal { room, who, .. }) => who.iter().any(|one| is_here(one, room)),
        Call::Delete { room } => {
            whispers::is_inside(&state, &group(*room), "").is_some()
                || people.values().any(|person| is_in(person, room.space))
        }
        Call::Create { .. } | Call::Mute { .. } | Call::Permit { .. } | Call::Look { .. } => false,
    };
    // The rooms of a meeting of before have other names.
    if harm && now.has_media_room(call.room()) {
        Err(format!("LiveKit does {call:?} while people are: {people:?}"))
    } else {
        Ok(())
    }
}
