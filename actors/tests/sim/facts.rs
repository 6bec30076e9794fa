//! What a meeting goes by is what was so when it began: nothing of an earlier meeting.

use colloquy_actors::{
    ids::Timestamp,
    protocol::meeting::MeetingFacts,
    room::input::{Input, Stamped},
};

use super::{
    plan,
    server::Server,
    world::{Step, World},
};

#[derive(Debug, Default)]
pub struct Facts {
    /// How many were drawn: each has its number.
    drawn: usize,
    /// The newest that the room was told.
    told: usize,
    /// Since when nobody takes part.
    empty_since: Option<Timestamp>,
    /// The newest facts when the last meeting had to be over.
    past: Option<usize>,
}

/// The number of facts.
fn number(facts: &MeetingFacts) -> usize {
    facts.tariff.name.parse().unwrap_or_default()
}

impl World {
    /// What a call of `start` finds in the database.
    pub fn draw_facts(&mut self) -> Box<MeetingFacts> {
        let mut facts = if self.plan.changes_facts {
            let mut facts = plan::facts(&mut self.later);
            plan::add_recording(&mut facts, &mut self.later);
            facts
        } else {
            self.plan.facts.clone()
        };
        self.facts.drawn += 1;
        facts.tariff.name = self.facts.drawn.to_string();
        facts.shared_folder.clone_from(&self.folder);
        Box::new(facts)
    }

    /// Once a meeting was left empty for its grace time, none goes by facts that were known before.
    pub fn check_facts(&mut self, stamped: &Stamped) -> Step {
        let room = self.server.as_ref().and_then(Server::room);
        let present = room
            .and_then(|room| room.room().facts())
            .filter(|(_, present)| *present);
        let known = &mut self.facts;
        match &stamped.input {
            // What the server has lost with the machine may be tried again.
            Input::Restarted => (known.empty_since, known.past) = (None, None),
            Input::Start(start) => {
                if let Some(facts) = &start.facts {
                    // It may have begun a meeting.
                    known.told = known.told.max(number(facts));
                    known.empty_since = None;
                }
            }
            _ => {}
        }
        let Some((facts, _)) = present else {
            let since = *known.empty_since.get_or_insert(stamped.at);
            let end = since.plus_secs(self.plan.settings.meeting_grace_secs);
            if matches!(stamped.input, Input::Tick) && end <= stamped.at {
                (known.past, known.empty_since) = (Some(known.told), None);
            }
            return Ok(());
        };
        known.empty_since = None;
        match known.past.take() {
            Some(past) if number(facts) <= past => Err(format!(
                "a meeting by facts {}, but the one before ended when {past} were known",
                number(facts)
            )),
            _ => Ok(()),
        }
    }
}
