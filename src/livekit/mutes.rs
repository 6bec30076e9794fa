//! Muting: what people can be heard by, once or again where that failed or LiveKit did not show anything yet.

use std::collections::BTreeSet;

use colloquy_actors::{
    ids::ParticipantId,
    livekit::{MediaIdentity, MediaRoom, Seen, Track},
    task::Outcome,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    orders::all,
    room_service::{CallError, RoomService},
};

/// Before each try, in units of [`super::LivekitTimeouts::retry`].
const WAITS: [u32; 3] = [0, 1, 3];

impl RoomService {
    /// Mutes all that these can be heard by, but the sound of their screens. LiveKit shows a track up to 19 ms after others hear it.
    pub(super) async fn mute_all(&self, room: MediaRoom, wanted: &[ParticipantId]) -> Outcome {
        let room = &*room.to_string();
        let mut left: BTreeSet<_> = wanted.iter().copied().collect();
        let (mut muted, mut was_answered) = (Vec::new(), false);
        let end = Instant::now() + self.timeouts().wish;
        for wait in WAITS {
            sleep(self.timeouts().retry * wait).await;
            let tried = timeout_at(end, self.try_to_mute(room, &left)).await;
            let Ok(Ok(results)) = tried else { continue };
            was_answered = true;
            for (id, tried) in results {
                match tried {
                    Tried::Muted => {
                        muted.push(id);
                        left.remove(&id);
                    }
                    Tried::NothingToDo => {
                        left.remove(&id);
                    }
                    Tried::NoTrack | Tried::Failed => {}
                }
            }
            if left.is_empty() {
                break;
            }
        }
        if !was_answered && self.is_silent() {
            return Outcome::Unavailable;
        }
        Outcome::Muted(muted)
    }

    async fn try_to_mute(
        &self,
        room: &str,
        wanted: &BTreeSet<ParticipantId>,
    ) -> Result<Vec<(ParticipantId, Tried)>, CallError> {
        let seen = self.seen_of(room, wanted).await?;
        let mute = async |id: ParticipantId| {
            let name = MediaIdentity::from(id).to_string();
            let tried = match seen.iter().find(|seen| seen.identity == name) {
                Some(seen) => self.mute_participant(room, seen).await,
                None => Tried::NothingToDo,
            };
            (id, tried)
        };
        Ok(all(wanted.iter().copied().map(mute)).await)
    }

    async fn mute_participant(&self, room: &str, seen: &Seen) -> Tried {
        if !seen.tracks.iter().any(Track::is_voice) {
            return Tried::NoTrack;
        }
        let mut tried = Tried::NothingToDo;
        for track in seen.tracks.iter().filter(|track| track.is_live_voice()) {
            match self.mute(room, &seen.identity, &track.sid).await {
                Ok(()) if tried == Tried::NothingToDo => tried = Tried::Muted,
                // Participant or track went in between.
                Ok(()) | Err(CallError::NotFound) => {}
                Err(_) => tried = Tried::Failed,
            }
        }
        tried
    }

    /// Those of the wanted whom LiveKit shows in a room.
    pub(super) async fn seen_of(
        &self,
        room: &str,
        wanted: &BTreeSet<ParticipantId>,
    ) -> Result<Vec<Seen>, CallError> {
        let found = match wanted.first() {
            Some(one) if wanted.len() == 1 => {
                let found = self
                    .participant(room, &MediaIdentity::from(*one).to_string())
                    .await;
                found.map(|one| vec![one])
            }
            _ => self.participants(room, self.soon()).await,
        };
        match found {
            Err(CallError::NotFound) => Ok(Vec::new()),
            found => found,
        }
    }
}

/// What became of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Muted,
    /// It is not there, or can't be heard.
    NothingToDo,
    /// LiveKit shows nothing that it could be heard by; that may come.
    NoTrack,
    Failed,
}
