//! Who was asked when, and who said then to be there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ParticipantId, Timestamp},
    protocol::{
        limits::{CHECKPOINTS_MAX, CONFIRMATIONS_MAX, TRAINEES_MAX},
        names::DisplayName,
        training_participation_report::TrainingParameters,
    },
    report::{Trainee, Training},
};

/// What is written down while trainees are asked, or wait to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logging {
    pub since: Timestamp,
    pub parameters: TrainingParameters,
    /// The next checkpoint; none while no trainee is there.
    pub next: Option<Timestamp>,
    /// Those of the next report, in order.
    checkpoints: Vec<Timestamp>,
    /// All who were there since it began.
    trainees: BTreeMap<ParticipantId, Trainee>,
}

impl Logging {
    pub fn new(since: Timestamp, parameters: TrainingParameters) -> Self {
        Self {
            since,
            parameters,
            next: None,
            checkpoints: Vec::new(),
            trainees: BTreeMap::new(),
        }
    }

    /// Whether trainees are there who are asked, or will be.
    pub fn is_running(&self) -> bool {
        self.next.is_some()
    }

    /// Whether they were asked: then there is something to report.
    pub fn is_tracking(&self) -> bool {
        !self.checkpoints.is_empty()
    }

    /// Somebody is to stand in the report, under this name. Where too many do, those go who never said to be there and are not.
    pub fn note(&mut self, who: ParticipantId, name: &DisplayName, is_here: impl Fn(ParticipantId) -> bool) {
        if let Some(known) = self.trainees.get_mut(&who) {
            known.name = Some(name.clone());
            return;
        }
        if self.trainees.len() >= TRAINEES_MAX {
            self.trainees
                .retain(|id, one| !one.confirmed.is_empty() || is_here(*id));
        }
        if self.trainees.len() < TRAINEES_MAX {
            let trainee = Trainee {
                name: Some(name.clone()),
                confirmed: Vec::new(),
            };
            self.trainees.insert(who, trainee);
        }
    }

    /// They are asked now.
    pub fn add_checkpoint(&mut self, at: Timestamp) {
        self.checkpoints.push(at);
    }

    /// Whether one more checkpoint would be too much for one report.
    pub fn is_full(&self) -> bool {
        let confirmations = self.trainees.values().map(|one| one.confirmed.len());
        self.checkpoints.len() >= CHECKPOINTS_MAX || confirmations.sum::<usize>() >= CONFIRMATIONS_MAX
    }

    fn newest(&self) -> Option<u32> {
        u32::try_from(self.checkpoints.len().checked_sub(1)?).ok()
    }

    /// Whether somebody is asked and has not answered yet.
    pub fn waits_for(&self, who: ParticipantId) -> bool {
        let Some(newest) = self.newest() else { return false };
        let last = self.trainees.get(&who).and_then(|one| one.confirmed.last());
        last.is_none_or(|(checkpoint, _)| *checkpoint != newest)
    }

    /// Somebody says to be there: the first time counts. False when nobody is asked, or this one is not known.
    pub fn confirm(&mut self, who: ParticipantId, at: Timestamp) -> bool {
        let waits = self.waits_for(who);
        let Some((newest, one)) = self.newest().zip(self.trainees.get_mut(&who)) else {
            return false;
        };
        if waits {
            one.confirmed.push((newest, at));
        }
        true
    }

    /// What was written down until now; trainees keep their place, and it begins anew with the next checkpoint.
    pub fn take(
        &mut self,
        now: Timestamp,
        name_of: impl Fn(ParticipantId) -> Option<DisplayName>,
    ) -> Training {
        let trainees = self.trainees.iter_mut().map(|(id, one)| Trainee {
            name: name_of(*id).or_else(|| one.name.clone()),
            confirmed: std::mem::take(&mut one.confirmed),
        });
        Training {
            begin: self.since,
            end: now,
            trainees: trainees.collect(),
            checkpoints: std::mem::take(&mut self.checkpoints),
        }
    }

    /// Describes what is wrong with what is written down.
    pub fn check(&self) -> Result<(), String> {
        let newest = self.newest();
        for (id, one) in &self.trainees {
            let checkpoints: Vec<_> = one.confirmed.iter().map(|(checkpoint, _)| *checkpoint).collect();
            let is_known = checkpoints
                .last()
                .is_none_or(|last| newest.is_some_and(|newest| *last <= newest));
            if !checkpoints.is_sorted_by(|one, next| one < next) || !is_known {
                return Err(format!("{id} has confirmed {checkpoints:?} of {newest:?}"));
            }
        }
        if self.is_tracking() && !self.is_running() {
            return Err("checkpoints without trainees".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(number: usize) -> ParticipantId {
        ParticipantId(Uuid::from_u128(number as u128))
    }

    fn logging() -> Logging {
        Logging::new(Timestamp::from_micros(0), TrainingParameters::DEFAULT)
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn the_first_confirmation_of_the_newest_checkpoint_counts() {
        let (mut logging, name) = (logging(), DisplayName::of_a_guest());
        logging.note(id(1), &name, |_| true);
        assert!(!logging.waits_for(id(1)) && !logging.confirm(id(1), at(1)));
        logging.add_checkpoint(at(2));
        assert!(logging.waits_for(id(1)) && logging.confirm(id(1), at(3)));
        assert!(!logging.waits_for(id(1)) && logging.confirm(id(1), at(4)));
        logging.add_checkpoint(at(5));
        logging.add_checkpoint(at(6));
        assert!(logging.confirm(id(1), at(7)) && !logging.confirm(id(2), at(7)));
        let training = logging.take(at(8), |_| None);
        assert_eq!(training.checkpoints, [at(2), at(5), at(6)]);
        assert_eq!(training.trainees[0].confirmed, [(0, at(3)), (2, at(7))]);
        assert!(!logging.is_tracking() && !logging.confirm(id(1), at(9)));
    }

    #[test]
    fn what_is_written_down_is_bounded() {
        let (mut logging, name) = (logging(), DisplayName::of_a_guest());
        for number in 0..TRAINEES_MAX {
            logging.note(id(number), &name, |_| true);
        }
        logging.add_checkpoint(at(1));
        logging.confirm(id(7), at(2));
        logging.note(id(TRAINEES_MAX), &name, |_| true);
        assert!(!logging.confirm(id(TRAINEES_MAX), at(3)), "there is no place");
        logging.note(id(TRAINEES_MAX), &name, |other| other == id(8));
        assert!(logging.confirm(id(TRAINEES_MAX), at(3)));
        let known: Vec<_> = logging.trainees.keys().copied().collect();
        assert_eq!(known, [id(7), id(8), id(TRAINEES_MAX)]);
        for _ in 1..CHECKPOINTS_MAX {
            assert!(!logging.is_full());
            logging.add_checkpoint(at(4));
        }
        assert!(logging.is_full());
    }
}
