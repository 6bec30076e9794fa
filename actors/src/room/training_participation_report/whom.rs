//! Who is the trainer, and who are trainees.

use super::logging::Logging;
use crate::{
    ids::{ParticipantId, SessionNo},
    room::{
        Place,
        effects::{Cx, Receivers},
        module::Around,
        roster::Participant,
    },
};

fn trains(participant: &Participant) -> bool {
    participant.is_room_owner && !participant.is_hidden()
}

fn is_trained(participant: &Participant) -> bool {
    !participant.is_room_owner && !participant.is_hidden()
}

/// Whether it is a session of the room's owner.
pub fn is_trainer(around: &Around<'_>, who: ParticipantId) -> bool {
    around.people.get(who).is_some_and(trains)
}

pub fn is_trainee(around: &Around<'_>, who: ParticipantId) -> bool {
    around.people.get(who).is_some_and(is_trained)
}

fn inside<'a>(around: &'a Around<'_>) -> impl Iterator<Item = (ParticipantId, &'a Participant)> {
    around.people.iter().filter(|(_, p)| p.place == Place::Inside)
}

pub fn is_any_trainee_here(around: &Around<'_>) -> bool {
    inside(around).any(|(_, p)| is_trained(p))
}

pub fn is_trainer_here(around: &Around<'_>) -> bool {
    inside(around).any(|(_, p)| trains(p))
}

/// Whether a session of the trainer that has left may go on.
pub fn may_trainer_return(around: &Around<'_>) -> bool {
    let mut sessions = around.people.iter().filter(|(_, p)| trains(p));
    sessions.any(|(id, _)| around.access.has_good_token(id))
}

fn lines(around: &Around<'_>, are_meant: impl Fn(&Participant) -> bool) -> Receivers {
    let meant = inside(around).filter(|(_, p)| are_meant(p));
    let lines: Vec<SessionNo> = meant.map(|(_, p)| p.line).collect();
    Receivers::from(lines)
}

/// All sessions of the trainer, in whatever room of the meeting.
pub fn trainers(around: &Around<'_>) -> Receivers {
    lines(around, trains)
}

pub fn trainees(around: &Around<'_>) -> Receivers {
    lines(around, is_trained)
}

/// Everybody else, recorders included.
pub fn others(around: &Around<'_>) -> Receivers {
    lines(around, |p| !trains(p))
}

/// A trainee stands in the report, as it is called now.
pub fn note(logging: &mut Logging, around: &Around<'_>, who: ParticipantId) {
    let people = &*around.people;
    let is_here = |id| people.get(id).is_some_and(|p| p.place == Place::Inside);
    if let Some(trainee) = people.get(who) {
        logging.note(who, &trainee.display_name, is_here);
    }
}

/// The same of all who are here.
pub fn note_all(cx: &mut Cx, logging: &mut Logging, around: &Around<'_>) {
    cx.cost.entries(around.people.iter().count());
    for (who, trainee) in inside(around).filter(|(_, p)| is_trained(p)) {
        logging.note(who, &trainee.display_name, |_| true);
    }
}
