//! Etherpad: answers late, not at all, or with a failure; and who is let in gets its own link, with the right to write or without.

use std::collections::BTreeMap;

use colloquy_actors::{
    ids::{SpaceName, TaskId},
    meeting_notes::{Admittance, NotesCall},
    room::Room,
    task::Outcome,
};
use serde_json::Value;

use super::{chance::Chance, view::View};

/// How every link begins: none may stand in the state of a room.
pub const LINK_BEGIN: &str = "https://pad.example/";

/// A session, as Etherpad has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Session {
    name: SpaceName,
    participant: String,
    readonly: bool,
}

/// Pads, and who may go there.
#[derive(Debug, Default)]
pub struct Pads {
    open: Vec<SpaceName>,
    sessions: BTreeMap<TaskId, Session>,
    /// What the server's process knows of them.
    known: BTreeMap<TaskId, Session>,
}

impl Pads {
    /// Does a call. `fails`: it may not come through, or its answer may not.
    pub fn perform(&mut self, task: TaskId, call: &NotesCall, fails: bool, chance: &mut Chance) -> Outcome {
        if fails && chance.one_in(3) {
            return Outcome::Unavailable;
        }
        let outcome = self.obey(task, call, chance);
        if fails && chance.one_in(6) {
            Outcome::Unavailable
        } else {
            outcome
        }
    }

    fn obey(&mut self, task: TaskId, call: &NotesCall, chance: &mut Chance) -> Outcome {
        let name = call.name();
        match call {
            NotesCall::Open { .. } => {
                self.delete(name);
                self.open.push(name);
            }
            NotesCall::Admit(Admittance {
                participant,
                readonly,
                replaces,
                ..
            }) => {
                if !self.open.contains(&name) {
                    return Outcome::NotMade;
                }
                if let Some(before) = replaces {
                    self.forget(*before);
                }
                let session = Session {
                    name,
                    participant: participant.to_string(),
                    readonly: *readonly,
                };
                self.sessions.insert(task, session.clone());
                self.known.insert(task, session);
            }
            NotesCall::Dismiss { session, .. } => self.forget(*session),
            NotesCall::Clear { .. } => {
                self.sessions.retain(|_, session| session.name != name);
                self.known.retain(|_, session| session.name != name);
            }
            NotesCall::Delete { .. } => self.delete(name),
            NotesCall::Pdf { session, .. } if !self.known.contains_key(session) => return Outcome::NotMade,
            NotesCall::Pdf { .. } if chance.one_in(4) => return Outcome::StorageExceeded,
            NotesCall::Pdf { .. } => {
                return Outcome::Stored {
                    filename: "notes.pdf".to_owned(),
                };
            }
        }
        Outcome::Done
    }

    fn forget(&mut self, session: TaskId) {
        self.sessions.remove(&session);
        self.known.remove(&session);
    }

    fn delete(&mut self, name: SpaceName) {
        self.open.retain(|other| *other != name);
        self.sessions.retain(|_, session| session.name != name);
        self.known.retain(|_, session| session.name != name);
    }

    /// The process that knew the links is gone.
    pub fn process_gone(&mut self) {
        self.known.clear();
    }

    pub fn link(&self, task: TaskId) -> Option<String> {
        self.known.get(&task)?;
        Some(format!("{LINK_BEGIN}{task}"))
    }

    /// A client that is inside was told of the session that the room thinks it has, and that session is its own.
    pub fn check(&self, view: &View, state: &Value) -> Result<(), String> {
        let space = view
            .space
            .as_ref()
            .map_or(Value::Null, |space| Value::from(&**space));
        let spaces = state["meeting"]["modules"]["meeting_notes"]["spaces"].as_array();
        let here = spaces.into_iter().flatten().find(|of| of[0] == space);
        let reader = here.map(|here| &here[1]["readers"][&view.id]);
        let session = reader.and_then(|reader| reader["session"][0].as_str());
        let (Some(session), Some(readonly)) = (session, reader.and_then(|reader| reader["shown"].as_bool()))
        else {
            return Ok(());
        };
        if reader.is_none_or(|reader| reader["is_told"] != true) {
            return Ok(());
        }
        let told = view.notes.as_ref();
        if told != Some(&(format!("{LINK_BEGIN}{session}"), readonly)) {
            return Err(format!("its notes: knows {told:?}, it is {reader:?}"));
        }
        let task = session
            .parse::<uuid::Uuid>()
            .map(TaskId)
            .map_err(|error| error.to_string())?;
        match self.sessions.get(&task) {
            Some(session) if session.participant == view.id && session.readonly == readonly => Ok(()),
            // It ends first, before another one is made.
            None => Ok(()),
            other => Err(format!("its session is {other:?}, readonly should be {readonly}")),
        }
    }
}

/// A pad in use must not be deleted, nor made anew.
pub fn check(call: &NotesCall, now: &Room) -> Result<(), String> {
    let (NotesCall::Open { name } | NotesCall::Delete { name }) = call else {
        return Ok(());
    };
    let room = serde_json::to_value(now).map_err(|error| error.to_string())?;
    let space = serde_json::to_value(name.space).map_err(|error| error.to_string())?;
    let spaces = room["meeting"]["modules"]["meeting_notes"]["spaces"].as_array();
    let here = spaces.into_iter().flatten().find(|of| of[0] == space);
    match here.filter(|here| !here[1]["stage"]["there"].is_null()) {
        Some(here) => Err(format!("{call:?}, where people write: {here:?}")),
        None => Ok(()),
    }
}
