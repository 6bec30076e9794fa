//! What rooms want of LiveKit, as calls of `RoomService`. Whoever has gone already needs nothing.

use std::future::Future;

use colloquy_actors::{
    ids::ParticipantId,
    livekit::{Call, Source, identity},
    task::Outcome,
};
use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use super::{
    messages::{Participant, Permission},
    room_service::{CallError, RoomService},
};

/// Calls at the same time for one wish: others shall get through too.
const CALLS_PER_WISH_MAX: usize = 8;

impl RoomService {
    /// Does what a room wants, within the time for that.
    pub async fn do_for_room(&self, call: Call) -> Outcome {
        match timeout(self.timeouts().wish, self.perform(call)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Outcome::Unavailable,
        }
    }

    async fn perform(&self, call: Call) -> Result<Outcome, CallError> {
        match call {
            Call::Mute { room, participants } => {
                let muted = self.mute_microphones(&room.to_string(), &participants).await?;
                return Ok(Outcome::Muted(muted));
            }
            Call::Permit { room, participants } => {
                let room = &*room.to_string();
                let permit = async |(id, sources): (ParticipantId, Vec<Source>)| {
                    let (name, permission) = (identity(id, None), permission(&sources));
                    absent_is_fine(self.permit(room, &name, &permission).await)
                };
                all(participants.into_iter().map(permit)).await?;
            }
            Call::Remove {
                room,
                participant,
                popouts,
            } => {
                let room = &*room.to_string();
                let remove = async |popout: Option<u32>| {
                    absent_is_fine(self.remove(room, &identity(participant, popout)).await)
                };
                let windows = std::iter::once(None).chain((1..=popouts).map(Some));
                all(windows.map(remove)).await?;
            }
            Call::Delete { room } => absent_is_fine(self.delete(&room.to_string()).await)?,
        }
        Ok(Outcome::Done)
    }

    /// Who had a microphone that could be heard.
    async fn mute_microphones(
        &self,
        room: &str,
        wanted: &[ParticipantId],
    ) -> Result<Vec<ParticipantId>, CallError> {
        let found = match wanted {
            [one] => self
                .participant(room, &identity(*one, None))
                .await
                .map(|participant| vec![participant]),
            _ => self.participants(room).await,
        };
        let found = match found {
            Err(CallError::NotFound) => return Ok(Vec::new()),
            found => found?,
        };
        let found = &found;
        let mute = async |id: ParticipantId| {
            let name = identity(id, None);
            let participant = found.iter().find(|participant| participant.identity == name);
            let was_live = match participant {
                Some(participant) => self.mute_participant(room, participant).await?,
                None => false,
            };
            Ok(was_live.then_some(id))
        };
        let muted = all(wanted.iter().copied().map(mute)).await?;
        Ok(muted.into_iter().flatten().collect())
    }

    /// Whether there was something to mute.
    async fn mute_participant(&self, room: &str, participant: &Participant) -> Result<bool, CallError> {
        let mut was_live = false;
        for track in &participant.tracks {
            if track.is_live_microphone() {
                match self.mute(room, &participant.identity, &track.sid).await {
                    Ok(()) => was_live = true,
                    // Participant or track went in between: nobody was muted.
                    Err(CallError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(was_live)
    }
}

/// Makes all these calls, also when some fail: the others shall have what is theirs.
async fn all<T>(
    calls: impl Iterator<Item = impl Future<Output = Result<T, CallError>>>,
) -> Result<Vec<T>, CallError> {
    let results: Vec<_> = stream::iter(calls).buffered(CALLS_PER_WISH_MAX).collect().await;
    results.into_iter().collect()
}

fn absent_is_fine(result: Result<(), CallError>) -> Result<(), CallError> {
    match result {
        Err(CallError::NotFound) => Ok(()),
        other => other,
    }
}

fn permission(sources: &[Source]) -> Permission {
    let name = |source: &Source| match source {
        Source::Camera => "CAMERA",
        Source::Microphone => "MICROPHONE",
        Source::ScreenShare => "SCREEN_SHARE",
        Source::ScreenShareAudio => "SCREEN_SHARE_AUDIO",
    };
    Permission {
        can_subscribe: true,
        // LiveKit takes an empty list of sources for all of them.
        can_publish: !sources.is_empty(),
        can_publish_data: false,
        can_publish_sources: sources.iter().map(name).collect(),
        hidden: false,
    }
}
