//! Spacedeck: answers late, not at all, or with a failure; and what it is asked to delete must not be in use.

use std::collections::BTreeMap;

use colloquy_actors::{
    ids::SpaceName,
    room::Room,
    task::Outcome,
    whiteboard::{Board, BoardCall},
};

use super::chance::Chance;

/// Whiteboards by their ids.
#[derive(Debug, Default)]
pub struct Boards {
    all: BTreeMap<String, SpaceName>,
    made: u64,
}

impl Boards {
    /// Does a call. `fails`: it may not come through, or its answer may not.
    pub fn perform(&mut self, call: &BoardCall, fails: bool, chance: &mut Chance) -> Outcome {
        if fails && chance.one_in(3) {
            return Outcome::Unavailable;
        }
        let outcome = self.obey(call, chance);
        if fails && chance.one_in(6) {
            Outcome::Unavailable
        } else {
            outcome
        }
    }

    fn obey(&mut self, call: &BoardCall, chance: &mut Chance) -> Outcome {
        match call {
            BoardCall::Create { name } => {
                self.all.retain(|_, other| other != name);
                self.made += 1;
                let id = format!("board {}", self.made);
                self.all.insert(id.clone(), *name);
                let url = format!("https://board.example/{}", self.made);
                Outcome::BoardMade(Board { id, url })
            }
            BoardCall::Delete { name, id: None } => {
                self.all.retain(|_, other| other != name);
                Outcome::Done
            }
            BoardCall::Delete { id: Some(id), .. } => {
                self.all.remove(id);
                Outcome::Done
            }
            BoardCall::Pdf { id, .. } if !self.all.contains_key(id) => Outcome::NotMade,
            BoardCall::Pdf { .. } if chance.one_in(4) => Outcome::StorageExceeded,
            BoardCall::Pdf { .. } => Outcome::Stored {
                filename: "whiteboard.pdf".to_owned(),
            },
        }
    }
}

/// What people draw on must not be deleted.
pub fn check(call: &BoardCall, now: &Room) -> Result<(), String> {
    let BoardCall::Delete { name, id } = call else {
        return Ok(());
    };
    let room = serde_json::to_value(now).map_err(|error| error.to_string())?;
    let space = serde_json::to_value(name.space).map_err(|error| error.to_string())?;
    let boards = room["meeting"]["modules"]["whiteboard"].as_array();
    let here = boards.into_iter().flatten().find(|board| board[0] == space);
    let stage = here.map(|board| &board[1]["stage"]["there"]["id"]);
    let is_in_use = stage.is_some_and(|used| id.as_deref().map_or(!used.is_null(), |id| used == id));
    if is_in_use {
        Err(format!("{call:?}, on which people draw: {here:?}"))
    } else {
        Ok(())
    }
}
