//! What rooms want of LiveKit, as calls of `RoomService`. Whoever has gone already needs nothing.

use std::{collections::BTreeSet, future::Future, time::Duration};

use colloquy_actors::{
    ids::ParticipantId,
    livekit::{Call, MediaIdentity, MediaRoom, Removal, Source},
    task::Outcome,
};
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    messages::NewPermission,
    room_service::{CallError, RoomService},
};

/// Calls at the same time for one order: others shall get through too.
const CALLS_PER_ORDER_MAX: usize = 8;

/// What is not removed by then stays, as far as the room is told: it looks who is left. Below the time limit of the task, so that
/// nothing that is known gets lost.
const REMOVAL: Duration = Duration::from_secs(50);

/// Before a deletion is tried again, in units of [`super::LivekitTimeouts::retry`]; what fails then is the sweep's.
const DELETION_WAITS: [u32; 4] = [0, 1, 5, 20];

impl RoomService {
    /// Does what a room wants. What must be done in the end waits for a LiveKit that is away, as long as the room lets it.
    pub async fn do_for_room(&self, call: Call) -> Outcome {
        match call {
            Call::Mute { room, participants } => self.mute_all(room, &participants).await,
            Call::Permit { room, participants } => {
                let permitting = self.permit_all(room, participants);
                let permitted = timeout(self.timeouts().wish, permitting).await;
                or_unavailable(
                    permitted
                        .unwrap_or(Err(CallError::Unreachable))
                        .map(|()| Outcome::Done),
                )
            }
            Call::Remove(removal) => self.remove_all(removal).await,
            Call::Create { room } => {
                or_unavailable(self.create(&room.to_string()).await.map(|()| Outcome::Done))
            }
            Call::Delete { room } => or_unavailable(self.delete_in_the_end(&room.to_string()).await),
            Call::Look { room, urgent, brief } => or_unavailable(self.look(room, urgent, brief).await),
        }
    }

    /// Only of those whom LiveKit shows: about others it thinks for three seconds, before version 1.9.
    async fn permit_all(
        &self,
        room: MediaRoom,
        participants: Vec<(ParticipantId, Vec<Source>)>,
    ) -> Result<(), CallError> {
        let room = &*room.to_string();
        let wanted: BTreeSet<_> = participants.iter().map(|(id, _)| *id).collect();
        let seen = self.seen_of(room, &wanted).await?;
        let there: BTreeSet<_> = seen.iter().map(|seen| &*seen.identity).collect();
        let named = participants
            .into_iter()
            .map(|(id, sources)| (MediaIdentity::from(id).to_string(), sources));
        let permit = async |(name, sources): (String, Vec<Source>)| {
            absent_is_fine(self.permit(room, &name, &permission(&sources)).await)
        };
        let results = all(named.filter(|(name, _)| there.contains(&**name)).map(permit)).await;
        results.into_iter().collect()
    }

    /// At once, and once more where that failed; those whom a look has found, the next look finds again. Whom there was no time for, it
    /// says nothing of.
    async fn remove_all(&self, removal: Removal) -> Outcome {
        let Removal { room, who, warn } = removal;
        if warn {
            tracing::warn!(
                room.id = %room.room, webhooks = self.has_webhooks(),
                "somebody whom a moderator has removed was in LiveKit again, with a token of before; without webhooks it can hear between \
                 looks (docs/operating.md, LiveKit)"
            );
        }
        let room = &*room.to_string();
        let is_of_one = who
            .windows(2)
            .all(|pair| pair[0].participant == pair[1].participant);
        let end = Instant::now() + REMOVAL;
        let remove = async |one: MediaIdentity| {
            let name = one.to_string();
            let mut failure = None;
            let trying = async {
                failure = absent_is_fine(self.remove(room, &name).await).err();
                if failure.is_some() && is_of_one {
                    sleep(self.timeouts().retry).await;
                    failure = absent_is_fine(self.remove(room, &name).await).err();
                }
            };
            let _ = timeout_at(end, trying).await;
            Some((one, failure? == CallError::Unavailable))
        };
        let stayed: Vec<_> = all(who.into_iter().map(remove)).await;
        Outcome::Removed {
            stayed: stayed.into_iter().flatten().collect(),
        }
    }

    async fn delete_in_the_end(&self, room: &str) -> Result<Outcome, CallError> {
        let mut result = Ok(());
        for wait in DELETION_WAITS {
            sleep(self.timeouts().retry * wait).await;
            result = absent_is_fine(self.delete(room).await);
            if result.is_ok() {
                break;
            }
        }
        result.map(|()| Outcome::Done)
    }
}

fn or_unavailable(outcome: Result<Outcome, CallError>) -> Outcome {
    outcome.unwrap_or(Outcome::Unavailable)
}

/// Makes all these calls, also when some fail: the others shall have what is theirs.
pub(super) async fn all<T>(calls: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(calls).buffered(CALLS_PER_ORDER_MAX).collect().await
}

fn absent_is_fine(result: Result<(), CallError>) -> Result<(), CallError> {
    match result {
        Err(CallError::NotFound) => Ok(()),
        other => other,
    }
}

fn permission(sources: &[Source]) -> NewPermission {
    let name = |source: &Source| match source {
        Source::Camera => "CAMERA",
        Source::Microphone => "MICROPHONE",
        Source::ScreenShare => "SCREEN_SHARE",
        Source::ScreenShareAudio => "SCREEN_SHARE_AUDIO",
    };
    NewPermission {
        can_subscribe: true,
        // LiveKit takes an empty list of sources for all of them.
        can_publish: !sources.is_empty(),
        can_publish_data: false,
        can_publish_sources: sources.iter().map(name).collect(),
        hidden: false,
    }
}
