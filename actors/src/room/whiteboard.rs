//! Namespace `whiteboard`: one whiteboard at Spacedeck per room of a meeting. It is made when a moderator asks for it, and deleted with
//! its room.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Room,
    effects::Cx,
    module::{Around, Module, PerSpace, State},
    rations::Rationed,
    refusal::Refusal,
    roster::Circle,
    tasks::Pending,
};
use crate::{
    ids::{ParticipantId, Space, SpaceName, TaskId},
    protocol::{
        Namespace,
        whiteboard::{WhiteboardCommand, WhiteboardError, WhiteboardEvent, WhiteboardState},
    },
    task::{Outcome, Work},
    whiteboard::{Board, BoardCall},
};

/// The whiteboards of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Whiteboards(PerSpace<OfSpace>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfSpace {
    stage: Stage,
    /// Who waits for the PDF that is being made.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    wait_for_pdf: BTreeSet<ParticipantId>,
}

/// How far a whiteboard has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stage {
    #[default]
    Absent,
    /// It could not be made, as far as is known: it may be there.
    Failed,
    Asked,
    There(Board),
}

impl Module for Whiteboards {
    type Command = WhiteboardCommand;

    fn command(
        room: &mut Room,
        cx: &mut Cx,
        who: ParticipantId,
        command: WhiteboardCommand,
    ) -> Result<(), Refusal> {
        let Some((modules, mut around)) = room.modules() else {
            return Ok(());
        };
        Ok(modules.whiteboard.obey(cx, &mut around, who, &command)?)
    }

    fn forgotten(&mut self, who: ParticipantId) {
        for here in self.0.values_mut() {
            here.wait_for_pdf.remove(&who);
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

    fn task_done(&mut self, cx: &mut Cx, around: &mut Around<'_>, task: Pending, outcome: &Outcome) {
        let Work::Whiteboard(call) = &task.work else {
            return;
        };
        let space = call.name().space;
        let Some(here) = self.0.get_mut(space) else {
            return;
        };
        match call {
            BoardCall::Create { .. } => here.created(cx, around, (space, task.asked_by), outcome),
            BoardCall::Pdf { .. } => here.stored(cx, around, (space, task.id), outcome),
            BoardCall::Delete { .. } => {}
        }
    }

    fn join_state(&mut self, _cx: &Cx, around: &Around<'_>, who: ParticipantId) -> Option<State> {
        if !around.has(Namespace::Whiteboard) {
            return None;
        }
        let here = self.0.get(around.people.space(who)).map(|here| &here.stage);
        Some(State::of(&match here {
            None | Some(Stage::Absent | Stage::Failed) => WhiteboardState::NotInitialized,
            Some(Stage::Asked) => WhiteboardState::Initializing,
            Some(Stage::There(board)) => WhiteboardState::Initialized(&board.url),
        }))
    }
}

impl Whiteboards {
    fn obey(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        who: ParticipantId,
        command: &WhiteboardCommand,
    ) -> Result<(), WhiteboardError> {
        if !around.people.is_moderator(who) {
            return Err(WhiteboardError::InsufficientPermissions);
        }
        let space = around.people.space(who);
        let here = self.0.of(space);
        match (command, &here.stage) {
            (WhiteboardCommand::Initialize, Stage::There(_)) => Err(WhiteboardError::AlreadyInitialized),
            (WhiteboardCommand::Initialize, Stage::Asked) => Err(WhiteboardError::CurrentlyInitializing),
            (WhiteboardCommand::Initialize, Stage::Absent | Stage::Failed) => {
                let name = name(around, space);
                // Whoever makes it deletes what is left under its name. A deletion of all that have it must not meet the new one.
                around.tasks.cancel(cx, |work| {
                    matches!(work, Work::Whiteboard(BoardCall::Delete { name: other, id: None }) if *other == name)
                });
                let call = BoardCall::Create { name };
                if !around.tasks.ask(cx, Work::Whiteboard(call), Some(who)) {
                    return Err(WhiteboardError::InitializationFailed);
                }
                here.stage = Stage::Asked;
                Ok(())
            }
            (WhiteboardCommand::GeneratePdf, Stage::There(board)) => {
                // One that is being made is for everybody who asks meanwhile.
                let name = name(around, space);
                let is_printed = |work: &Work| matches!(work, Work::Whiteboard(BoardCall::Pdf { name: other, .. }) if *other == name);
                if !around.tasks.iter().any(is_printed) {
                    let call = BoardCall::Pdf {
                        name,
                        id: board.id.clone(),
                        at: cx.at,
                    };
                    let is_asked = around.rations.take(Rationed::WhiteboardPdf, cx.at)
                        && around.tasks.ask(cx, Work::Whiteboard(call), None);
                    if !is_asked {
                        return Err(WhiteboardError::InitializationFailed);
                    }
                }
                here.wait_for_pdf.insert(who);
                Ok(())
            }
            (WhiteboardCommand::GeneratePdf, _) => Err(WhiteboardError::InitializationFailed),
        }
    }

    /// A room is gone: its whiteboard goes too, also one that is just being made.
    fn close(&mut self, cx: &mut Cx, around: &mut Around<'_>, space: Space) {
        let id = match self.0.remove(space).map(|here| here.stage) {
            None | Some(Stage::Absent) => return,
            Some(Stage::Asked | Stage::Failed) => None,
            Some(Stage::There(board)) => Some(board.id),
        };
        let name = name(around, space);
        around.tasks.cancel(
            cx,
            |work| matches!(work, Work::Whiteboard(call) if call.name() == name),
        );
        // Where too much is under way, the next whiteboard of this name deletes it.
        let _ = around
            .tasks
            .ask(cx, Work::Whiteboard(BoardCall::Delete { name, id }), None);
    }
}

impl OfSpace {
    fn created(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, asked_by): (Space, Option<ParticipantId>),
        outcome: &Outcome,
    ) {
        if let Outcome::BoardMade(board) = outcome {
            let to = around.people.circle(Circle::In(space));
            cx.send(to, &WhiteboardEvent::SpaceUrl { url: &board.url });
            self.stage = Stage::There(board.clone());
            return;
        }
        self.stage = Stage::Failed;
        let line = asked_by.and_then(|who| around.people.line_inside(who));
        cx.send_one(
            line,
            &WhiteboardEvent::Error(WhiteboardError::InitializationFailed),
        );
    }

    fn stored(
        &mut self,
        cx: &mut Cx,
        around: &mut Around<'_>,
        (space, asset_id): (Space, TaskId),
        outcome: &Outcome,
    ) {
        let waiting = std::mem::take(&mut self.wait_for_pdf);
        let error = match outcome {
            Outcome::Stored { filename } => {
                let to = around.people.circle(Circle::In(space));
                return cx.send(to, &WhiteboardEvent::PdfAsset { filename, asset_id });
            }
            Outcome::StorageExceeded => WhiteboardError::StorageExceeded,
            _ => WhiteboardError::InitializationFailed,
        };
        let to = around.people.these(waiting);
        cx.send(to, &WhiteboardEvent::Error(error));
    }
}

fn name(around: &Around<'_>, space: Space) -> SpaceName {
    SpaceName {
        room: around.room,
        space,
    }
}
