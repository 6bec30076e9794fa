//! What was logged and what came of it: a replay must give the same.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use colloquy_actors::{
    livekit::Livekit,
    room::{
        Room,
        effects::{Effect, Effects},
        faults,
        input::{Input, Stamped},
    },
};

/// The inputs since a room was begun, also those before its process died.
#[derive(Debug)]
pub struct Ledger {
    begin: Room,
    inputs: Vec<Stamped>,
    /// Effects of those that were handled, by number.
    effects: BTreeMap<u64, Vec<Effect>>,
    /// The room as a process that reads the log anew has it.
    replayed: Room,
    pub livekit: Arc<Livekit>,
}

impl Ledger {
    pub fn new(begin: Room, livekit: Arc<Livekit>) -> Self {
        Self {
            replayed: begin.clone(),
            begin,
            inputs: Vec::new(),
            effects: BTreeMap::new(),
            livekit,
        }
    }

    /// A batch is about to be written: from now on it may be in the log.
    pub fn write(&mut self, batch: &[Stamped]) {
        self.inputs.extend_from_slice(batch);
    }

    /// What came after this input was lost with the tail of the log: it never happened.
    pub fn cut(&mut self, revived: &Room) {
        let last = revived.input_seq();
        self.inputs.retain(|stamped| stamped.seq <= last);
        self.effects.retain(|seq, _| *seq <= last);
        self.replayed = revived.clone();
    }

    /// An input was handled: read again, it must give the same room.
    pub fn handled(&mut self, room: &Room, stamped: &Stamped, effects: &Effects) -> Result<(), String> {
        self.effects.insert(stamped.seq, effects.list.clone());
        self.replayed.replay(&self.livekit, stamped.clone());
        if self.replayed == *room {
            return Ok(());
        }
        Err(format!(
            "{stamped:?} makes {room:?}, read again {:?}",
            self.replayed
        ))
    }

    /// An input made a rule panic, and is skipped.
    pub fn skipped(&mut self, stamped: &Stamped) {
        self.replayed.skip(stamped.seq, stamped.at);
    }

    /// Handles the inputs again, up to the one with this number: the effects must be the same.
    pub fn replay(&self, last: u64) -> Result<Room, String> {
        let mut room = self.begin.clone();
        for stamped in self.inputs.iter().take_while(|stamped| stamped.seq <= last) {
            let before = is_panic(stamped).then(|| room.clone());
            let again = catch_unwind(AssertUnwindSafe(|| {
                room.handle(&self.livekit, stamped.clone()).list
            }));
            match (again, self.effects.get(&stamped.seq), before) {
                (Ok(again), Some(first), _) if *first != again => {
                    return Err(format!("{stamped:?} brought {first:?}, again {again:?}"));
                }
                (Ok(_), _, _) => {}
                (Err(_), None, Some(before)) => {
                    room = before;
                    room.skip(stamped.seq, stamped.at);
                }
                (Err(_), _, _) => return Err(format!("a rule panics at {stamped:?}")),
            }
        }
        Ok(room)
    }

    /// A room that should be what its log says.
    pub fn compare(&self, room: &Room, what: &str) -> Result<(), String> {
        let again = self.replay(room.input_seq())?;
        if again == *room {
            return Ok(());
        }
        let text = |room: &Room| serde_json::to_string(room).unwrap_or_else(|error| error.to_string());
        Err(format!(
            "{what} is {}, the log gives {}",
            text(room),
            text(&again)
        ))
    }
}

/// Whether a rule panics on purpose.
fn is_panic(stamped: &Stamped) -> bool {
    use colloquy_actors::protocol::{Command, control::ControlCommand};
    let is_asked_for = matches!(
        stamped.input,
        Input::Command {
            command: Command::Control(ControlCommand::Panic),
            ..
        }
    );
    is_asked_for || faults::is_one(stamped.seq)
}
