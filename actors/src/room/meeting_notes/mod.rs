//! Namespace `meeting_notes`: one pad at Etherpad per room of a meeting, opened when a moderator chooses who writes.
//!
//! Each participant reads or writes by a session of its own. The room knows a session by the task that made it; the URL that leads
//! there is put into events when they leave. Sessions are made a few at a time (`sessions.rs`), and nobody waits for them.

mod reader;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use self::{reader::Reader, sessions::Queue};
use super::{
    Room, RoomSettings,
    agenda::{Agenda, Due},
    effects::Cx,
    module::{Around, Module, PerSpace, State},
    rations::Rationed,
    refusal::Refusal,
    roster::Circle,
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space, SpaceName, TaskId},
    meeting_notes::NotesCall,
    protocol::{
        Namespace,
        control::LeaveReason,
        meeting_notes::{MeetingNotesCommand, MeetingNotesError, MeetingNotesEvent, MeetingNotesPeerState},
        names::Named,
    },
    task::{Outcome, Work},
};

/// The pads of a meeting, and what is to be done for them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    spaces: PerSpace<SpaceNotes>,
    queue: Queue,
}

/// The pad of a room.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SpaceNotes {
    stage: Stage,
    /// Those who have access, or are to have it.
    readers: BTreeMap<ParticipantId, Reader>,
    /// Who waits for the PDF that is being made.
    wait_for_pdf: BTreeSet<ParticipantId>,
}

/// How far a pad has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Absent,
    /// It could not be made, as far as is known: something of it may be there.
    Failed,
    /// It is being made; these will write.
    Asked { writers: BTreeSet<ParticipantId> },
    There {
        /// All sessions of a process that is gone are to end before new ones are made.
        #[serde(default)]
        clearing: bool,
    },
}

/// Deadlines: what failed is tried again (once for a meeting), and sessions of a room that are about to end are made anew.
const RETRY: u8 = 0;
const RENEWAL: u8 = 1;

impl Module for Notes {
    type Command = MeetingNotesCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: MeetingNotesCommand,
    ) -> Result<(), Refusal> {
        let Some((modules, mut around)) = room.modules() else {
            return Ok(());
        };
        Ok(modules.meeting_notes.obey(cx, &mut around, who, &command)?)
    }

    /// Whoever comes reads.
    fn joined(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        let space = around.people.space(who);
        if self.is_there(space) {
            self.want(around, (space, who), true);
            self.advance(cx, around);
        }
    }

    fn came_back(&mut self, cx: &mut Cx, around: &mut Around<'_>, who: ParticipantId) {
        let space = around.people.space(who);
        let reader = self.spaces.get(space).and_then(|here| here.readers.get(&who));
        if let Some((session, readonly)) = reader.and_then(Reader::told) {
            sessions::tell(cx, around, who, (session, readonly));
        }
    }

    fn left(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        space: Space,
        _reason: LeaveReason,
    ) {
        let Some(here) = self.spaces.get_mut(space) else {
            return;
        };
        if let Stage::Asked { writers } = &mut here.stage {
            writers.remove(&who);
        }
        if let Some(reader) = here.readers.remove(&who) {
            around.people.forget_entry(who);
            if reader.is_queued() {
                self.queue.leave(space, who);
            }
            self.queue.dismiss(space, reader.replaced());
            self.advance(cx, around);
        }
    }

    fn forgotten(&mut self, who: ParticipantId) {
        for here in self.spaces.values_mut() {
            here.wait_for_pdf.remove(&who);
            if let Stage::Asked { writers } = &mut here.stage {
                writers.remove(&who);
            }
        }
    }

    fn space_closed(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        self.close(cx, around, space);
    }

    fn meeting_over(&mut self, cx: &mut Cx, around: &mut Around<'_>, spaces: &[Space]) {
        for space in spaces {
            self.close(cx, around, *space);
        }
    }

    fn due(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space, tag: u8) {
        if tag == RETRY {
            self.queue.go_on();
        } else {
            self.renew(cx, around, space);
        }
        self.advance(cx, around);
    }

    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        let Work::MeetingNotes(call) = &task.work else {
            return;
        };
        let space = call.name().space;
        match call {
            NotesCall::Open { .. } => self.opened(cx, around, (space, task.asked_by), outcome),
            NotesCall::Admit(admittance) => {
                self.admitted(cx, around, (task.id, admittance), outcome);
            }
            NotesCall::Clear { .. } => self.cleared(cx, around, space, outcome),
            NotesCall::Pdf { session, .. } => {
                self.stored(cx, around, (space, task.id, *session), outcome);
            }
            NotesCall::Dismiss { session, .. } => {
                let has_ended = *outcome == Outcome::Done;
                let its = (space, *session);
                self.queue.dismissed(cx, around, its, has_ended);
            }
            NotesCall::Delete { .. } => {}
        }
        self.advance(cx, around);
    }

    /// The secrets that led to the sessions are gone with the process.
    fn restarted(&mut self, cx: &mut Cx, around: &mut Around<'_>, _spaces: &[Space]) {
        self.clear_all(cx, around);
    }

    fn still_wants(&self, _around: &Around<'_>, work: &Work) -> bool {
        let Work::MeetingNotes(call) = work else {
            return true;
        };
        matches!(
            call,
            NotesCall::Open { .. } | NotesCall::Delete { .. } | NotesCall::Pdf { .. }
        )
    }

    fn peer_state(&self, space: Space, who: ParticipantId) -> Option<Box<RawValue>> {
        let readonly = self.spaces.get(space)?.readers.get(&who)?.shown()?;
        Some(State::of(&MeetingNotesPeerState { readonly }).json)
    }

    fn check(&self, _settings: &RoomSettings, agenda: &Agenda) -> Result<(), String> {
        let renews = |due: Due| match due {
            Due::Module(Namespace::MeetingNotes, space, RENEWAL) => Some(space),
            _ => None,
        };
        if let Some(space) = agenda
            .all()
            .filter_map(renews)
            .find(|space| !self.is_there(*space))
        {
            return Err(format!(
                "sessions of {space:?} are to be renewed, where no pad is"
            ));
        }
        let queued = self.spaces.iter().flat_map(|(space, here)| {
            let queued = here.readers.iter().filter(|(_, reader)| reader.is_queued());
            queued.map(move |(who, _)| (space, *who))
        });
        self.queue.check(agenda, queued)
    }
}

impl Notes {
    fn is_there(&self, space: Space) -> bool {
        let here = self.spaces.get(space);
        here.is_some_and(|here| matches!(here.stage, Stage::There { .. }))
    }

    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: &MeetingNotesCommand,
    ) -> Result<(), MeetingNotesError> {
        if !around.people.is_moderator(who) {
            return Err(MeetingNotesError::InsufficientPermissions);
        }
        let space = around.people.space(who);
        match command {
            MeetingNotesCommand::SelectWriter { participant_ids } => {
                self.select(cx, around, (space, who), participant_ids)?;
            }
            MeetingNotesCommand::DeselectWriter { participant_ids } => {
                self.require_pad(space)?;
                let is_known = |id| {
                    around
                        .people
                        .get(id)
                        .is_some_and(|p| !p.is_hidden() && p.is_listed(space))
                };
                if !participant_ids.iter().all(is_known) {
                    return Err(MeetingNotesError::InvalidParticipantSelection);
                }
                for id in participant_ids.iter() {
                    if self.reader(space, id).is_some_and(|reader| !reader.readonly()) {
                        self.want(around, (space, id), true);
                    }
                }
            }
            MeetingNotesCommand::GeneratePdf => self.make_pdf(cx, around, (space, who))?,
        }
        self.advance(cx, around);
        Ok(())
    }

    fn reader(&self, space: Space, who: ParticipantId) -> Option<&Reader> {
        self.spaces.get(space)?.readers.get(&who)
    }

    fn require_pad(&self, space: Space) -> Result<(), MeetingNotesError> {
        match self.spaces.get(space).map(|here| &here.stage) {
            Some(Stage::There { .. }) => Ok(()),
            Some(Stage::Asked { .. }) => Err(MeetingNotesError::CurrentlyInitializing),
            Some(Stage::Absent | Stage::Failed) | None => Err(MeetingNotesError::NotInitialized),
        }
    }

    fn select(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, who): (Space, ParticipantId),
        named: &Named,
    ) -> Result<(), MeetingNotesError> {
        let is_here = |id| {
            around
                .people
                .get(id)
                .is_some_and(|p| !p.is_hidden() && p.is_inside(space))
        };
        if !named.iter().all(is_here) {
            return Err(MeetingNotesError::InvalidParticipantSelection);
        }
        match self.require_pad(space) {
            Ok(()) => {
                for id in named.iter() {
                    if self.reader(space, id).is_none_or(Reader::readonly) {
                        self.want(around, (space, id), false);
                    }
                }
                Ok(())
            }
            Err(MeetingNotesError::NotInitialized) => {
                let name = name(around, space);
                // The pad of an earlier meeting is just being deleted: a new one must not meet that.
                let deletes = |work: &Work| matches!(work, Work::MeetingNotes(NotesCall::Delete { name: other }) if *other == name);
                if around.tasks.iter().any(deletes) {
                    return Err(MeetingNotesError::CurrentlyInitializing);
                }
                if !ask(cx, around, NotesCall::Open { name }, Some(who)) {
                    return Err(MeetingNotesError::FailedInitialization);
                }
                let writers = named.iter().collect();
                self.spaces.of(space).stage = Stage::Asked { writers };
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    /// The pad is there, or it is not: then it may be asked for again.
    fn opened(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, asked_by): (Space, Option<ParticipantId>),
        outcome: &Outcome,
    ) {
        let Some(here) = self.spaces.get_mut(space) else {
            return;
        };
        let Stage::Asked { writers } = std::mem::take(&mut here.stage) else {
            return;
        };
        if *outcome != Outcome::Done {
            here.stage = Stage::Failed;
            let line = asked_by.and_then(|who| around.people.line_inside(who));
            let error = MeetingNotesError::FailedInitialization;
            return cx.send_one(line, &MeetingNotesEvent::Error(error));
        }
        here.stage = Stage::There { clearing: false };
        let people = around.people.iter();
        let inside = people.filter(|(_, p)| p.is_inside(space) && !p.is_hidden());
        for id in inside.map(|(id, _)| id).collect::<Vec<_>>() {
            self.want(around, (space, id), !writers.contains(&id));
        }
    }

    fn make_pdf(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, who): (Space, ParticipantId),
    ) -> Result<(), MeetingNotesError> {
        self.require_pad(space)?;
        let session = self.reader(space, who).and_then(Reader::session);
        let session = session.ok_or(MeetingNotesError::NotInitialized)?;
        // One that is being made is for everybody who asks meanwhile.
        let will_be = is_printed(around, space)
            || around.rations.take(Rationed::NotesPdf, cx.at) && print(cx, around, space, session);
        if !will_be {
            return Err(MeetingNotesError::FailedInitialization);
        }
        self.spaces.of(space).wait_for_pdf.insert(who);
        Ok(())
    }

    fn stored(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, asset_id, used): (Space, TaskId, TaskId),
        outcome: &Outcome,
    ) {
        let Some(here) = self.spaces.get_mut(space) else {
            return;
        };
        // Who asked first may have gone, and its session with it: somebody else's serves. A session that lives is no reason to try again.
        let is_alive = here.readers.values().any(|reader| reader.session() == Some(used));
        if let Outcome::NotMade | Outcome::Unavailable = outcome
            && !is_alive
        {
            let mut waiting = here.wait_for_pdf.iter();
            let other = waiting.find_map(|who| here.readers.get(who)?.session());
            if other.is_some_and(|other| print(cx, around, space, other)) {
                return;
            }
        }
        let waiting = std::mem::take(&mut here.wait_for_pdf);
        let error = match outcome {
            Outcome::Stored { filename } => {
                let to = around.people.circle(Circle::In(space));
                return cx.send(to, &MeetingNotesEvent::PdfAsset { filename, asset_id });
            }
            Outcome::StorageExceeded => MeetingNotesError::StorageExceeded,
            _ => MeetingNotesError::FailedInitialization,
        };
        let to = around.people.these(waiting);
        cx.send(to, &MeetingNotesEvent::Error(error));
    }

    /// A room is gone: its pad goes with all sessions, also one that is just being made.
    fn close(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        around.forget((Namespace::MeetingNotes, space, RENEWAL));
        self.queue.forget(around, space);
        let stage = self.spaces.remove(space).map(|here| here.stage);
        if stage.is_none_or(|stage| stage == Stage::Absent) {
            return;
        }
        let name = name(around, space);
        around.tasks.cancel(
            cx,
            |work| matches!(work, Work::MeetingNotes(call) if call.name() == name),
        );
        // Where too much is under way, it stays until the next pad of this name.
        let _ = ask(cx, around, NotesCall::Delete { name }, None);
    }
}

/// Whether a PDF of a room's pad is being made.
fn is_printed(around: &Around<'_>, space: Space) -> bool {
    let name = name(around, space);
    let is_it = |work: &Work| matches!(work, Work::MeetingNotes(NotesCall::Pdf { name: other, .. }) if *other == name);
    around.tasks.iter().any(is_it)
}

/// Asks for a PDF of a room's pad, as this session sees it.
fn print(cx: &mut Cx, around: &mut Around<'_>, space: Space, session: TaskId) -> bool {
    let (name, at) = (name(around, space), cx.at);
    ask(cx, around, NotesCall::Pdf { name, session, at }, None)
}

fn ask(cx: &mut Cx, around: &mut Around<'_>, call: NotesCall, asked_by: Option<ParticipantId>) -> bool {
    around.tasks.ask(cx, Work::MeetingNotes(call), asked_by)
}

fn name(around: &Around<'_>, space: Space) -> SpaceName {
    SpaceName {
        room: around.room,
        space,
    }
}
