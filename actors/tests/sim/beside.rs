//! What LiveKit and the maker of reports do beside the room, and what must hold there a while after LiveKit is well.

use colloquy_actors::{
    report::{Report, ReportContent},
    room::Room,
    task::{Outcome, Work},
};

use super::{
    boards,
    chance::Chance,
    client::Stage,
    media, pads, plan,
    process::Mail,
    server::Server,
    view::View,
    world::{Step, World},
};

/// In so many seconds all is as it should be, once LiveKit is well.
const SECONDS: usize = 100;
/// Where inputs may be lost because rules panic, the room looks after itself once a minute, and that may be lost too.
const SECONDS_WITH_PANICS: usize = 1_000;

impl World {
    /// LiveKit, or whoever makes reports, does something that it was asked to do.
    pub fn media_answers(&mut self) -> Step {
        let fails = self.plan.media_fails;
        self.media_answers_one(fails).map(|_| ())
    }

    fn media_answers_one(&mut self, fails: bool) -> Result<bool, String> {
        let Some(server) = &mut self.server else {
            return Ok(false);
        };
        let ids: Vec<_> = server.outside.tasks.keys().copied().collect();
        let (Some(id), Some(room)) = (self.chance.pick(&ids), server.room()) else {
            return Ok(false);
        };
        let outcome = match server.outside.tasks[&id].clone() {
            Work::Livekit(call) | Work::Whisper(call) => {
                media::check(&call, room.room())?;
                self.media.perform(&call, fails, &mut self.chance)
            }
            Work::Report(report) => {
                check_report(&report, room.room())?;
                make_report(&mut self.later)
            }
            // The shell counts itself.
            Work::Ballots(_) => return Err("ballots are counted outside".to_owned()),
            Work::Whiteboard(call) => {
                boards::check(&call, room.room())?;
                self.boards.perform(&call, fails, &mut self.chance)
            }
            Work::MeetingNotes(call) => {
                pads::check(&call, room.room())?;
                self.pads.borrow_mut().perform(id, &call, fails, &mut self.chance)
            }
            Work::AskRecorder { .. } | Work::ReadLivestreams { .. } if fails && self.later.one_in(3) => {
                Outcome::Unavailable
            }
            Work::AskRecorder { .. } | Work::Minutes(_) => Outcome::Done,
            Work::ReadLivestreams { .. } => Outcome::Livestreams(plan::livestreams(&mut self.later)),
        };
        server.task_done(id, outcome);
        Ok(true)
    }

    /// Somebody comes into LiveKit with a token of before, and maybe LiveKit tells.
    pub fn somebody_returns(&mut self) {
        let Some((room, seen)) = self.media.somebody_returns(&mut self.later) else {
            return;
        };
        self.tell(|_| format!("{} is in {room} with a token of before", seen.identity));
        self.count("token of before");
        if self.media.tells
            && let Some(server) = &mut self.server
        {
            let seen = self.later.coin().then_some(&seen);
            server.sighted(room, seen);
        }
    }

    /// LiveKit is well, and nobody comes with an old token: soon those are in it who are inside, and may do what they should.
    pub fn media_rests(&mut self) -> Step {
        self.media.get_well();
        let may_lose = self.plan.panic > 0 || !self.plan.panics_at.is_empty() || self.plan.disk_fault > 0;
        let seconds = if may_lose { SECONDS_WITH_PANICS } else { SECONDS };
        for second in 0..=seconds {
            self.settle()?;
            while self.media_answers_one(false)? {
                self.settle()?;
            }
            if second % 60 == 59 {
                self.process.borrow().mailbox.put(Mail::Sweep);
            }
            if may_lose && self.media_is_wrong().is_none() {
                break;
            }
            self.clock.pass(1_000_000);
            self.process.borrow_mut().pass(1_000_000);
        }
        self.settle()?;
        while self.media_answers_one(false)? {
            self.settle()?;
        }
        self.count("media compared");
        self.media_is_wrong().map_or(Ok(()), Err)
    }

    fn media_is_wrong(&self) -> Option<String> {
        let room = self.server.as_ref().and_then(Server::room)?.room();
        let state = match serde_json::to_value(room) {
            Ok(state) => state,
            Err(error) => return Some(error.to_string()),
        };
        for media_room in self.media.rooms() {
            // Where nobody of the meeting is, nobody is heard, and the next one who comes has LiveKit looked at.
            let is_used = room.has_media_room(media_room) && media::is_used(&state, media_room);
            if media_room.room != room.id() || !is_used {
                continue;
            }
            for seen in self.media.seen(&media_room.to_string()) {
                if let Some(told) = room.sighting(media_room, Some(&seen)) {
                    return Some(format!("LiveKit shows {seen:?}: {told:?}"));
                }
            }
        }
        (0..self.clients.len()).find_map(|index| self.grant_is_wrong(index, room))
    }

    /// LiveKit lets people publish what a new token would.
    fn grant_is_wrong(&self, index: usize, room: &Room) -> Option<String> {
        let client = &self.clients[index];
        let view = client.view.as_ref().filter(|_| client.stage == Stage::Inside)?;
        let fresh: View = self.told_now(index, view, room)?.ok()?;
        let granted = self.media.granted(&fresh.media_room, &fresh.id)?;
        let is_right = fresh.grant.as_ref() == Some(&granted);
        (!is_right).then(|| format!("LiveKit grants {granted}, the room {:?}", fresh.grant))
    }
}

/// What comes of a report.
fn make_report(chance: &mut Chance) -> Outcome {
    let outcomes = [
        Outcome::StorageExceeded,
        Outcome::NotMade,
        Outcome::NotStored,
        Outcome::Unavailable,
    ];
    let fails = chance.one_in(3).then(|| chance.pick(&outcomes)).flatten();
    fails.unwrap_or_else(|| Outcome::Stored {
        filename: "report.pdf".to_owned(),
    })
}

/// A report is of this room, and nobody in it went before it came.
fn check_report(report: &Report, room: &Room) -> Result<(), String> {
    let is_right = match &report.content {
        ReportContent::Attendance(attendance) => {
            let mut all = attendance.participants.iter();
            all.all(|one| one.joined <= report.at && one.left.is_none_or(|left| one.joined <= left))
        }
        ReportContent::Vote(vote) => {
            let counted = vote
                .results
                .map(|count| count.yes + count.no + count.abstain.unwrap_or(0));
            counted.is_none_or(|counted| counted == vote.votes.len() as u64) && vote.begin <= vote.end
        }
        ReportContent::Training(training) => {
            let count = training.checkpoints.len();
            let mut all = training.trainees.iter().flat_map(|one| &one.confirmed);
            training.begin <= training.end
                && training.checkpoints.is_sorted()
                && count > 0
                && all.all(|(index, at)| {
                    usize::try_from(*index).is_ok_and(|index| index < count) && *at <= training.end
                })
        }
    };
    if is_right && report.room == room.id() {
        Ok(())
    } else {
        Err(format!("a strange report: {report:?}"))
    }
}
