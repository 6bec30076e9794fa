//! LiveKit: what the live core is told of it, and the calls that rooms want made.

mod breaker;
mod room_service;

use colloquy_actors::{
    ids::ParticipantId,
    livekit::{Call, Livekit, Outcome, Source, identity},
    ports::{BoxFuture, Media},
};
use url::Url;

pub use self::room_service::{CallError, Permission, RoomService};
use crate::config;

/// The keys with which rooms sign access tokens, and LiveKit's addresses for clients.
#[must_use]
pub fn keys(settings: &config::Livekit) -> Livekit {
    let text = |url: &Url| as_ws(url).as_str().trim_end_matches('/').to_owned();
    Livekit::new(
        text(&settings.public_url),
        text(&settings.service_url),
        settings.api_key.clone(),
        settings.api_secret.reveal(),
    )
}

/// The same address with another scheme, secure where it was.
fn with_scheme(url: &Url, plain: &str, secure: &str) -> Url {
    let is_secure = matches!(url.scheme(), "https" | "wss");
    let mut url = url.clone();
    // Between these four schemes a change is always allowed.
    let _ = url.set_scheme(if is_secure { secure } else { plain });
    url
}

fn as_http(url: &Url) -> Url {
    with_scheme(url, "http", "https")
}

fn as_ws(url: &Url) -> Url {
    with_scheme(url, "ws", "wss")
}

impl Media for RoomService {
    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            match self.perform(call).await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::Unavailable,
            }
        })
    }
}

impl RoomService {
    async fn perform(&self, call: Call) -> Result<Outcome, CallError> {
        match call {
            Call::Mute { room, participants } => {
                let muted = self.mute_microphones(&room.to_string(), &participants).await?;
                return Ok(Outcome::Muted(muted));
            }
            Call::Permit { room, participants } => {
                let room = room.to_string();
                for (id, sources) in participants {
                    let permission = permission(&sources);
                    absent_is_fine(self.permit(&room, &identity(id, None), &permission).await)?;
                }
            }
            Call::Remove {
                room,
                participant,
                popouts,
            } => {
                let room = room.to_string();
                for popout in std::iter::once(None).chain((1..=popouts).map(Some)) {
                    absent_is_fine(self.remove(&room, &identity(participant, popout)).await)?;
                }
            }
            Call::Delete { room } => absent_is_fine(self.delete(&room.to_string()).await)?,
        }
        Ok(Outcome::Done)
    }

    async fn mute_microphones(
        &self,
        room: &str,
        wanted: &[ParticipantId],
    ) -> Result<Vec<ParticipantId>, CallError> {
        let found = match wanted {
            [one] => self
                .participant(room, &identity(*one, None))
                .await
                .map(|p| vec![p]),
            _ => self.participants(room).await,
        };
        let found = match found {
            Err(CallError::NotFound) => return Ok(Vec::new()),
            found => found?,
        };
        let mut muted = Vec::new();
        for id in wanted {
            let name = identity(*id, None);
            let own = found.iter().filter(|participant| participant.identity == name);
            let mut was_live = false;
            for track in own.flat_map(|participant| &participant.tracks) {
                if track.is_live_microphone() {
                    absent_is_fine(self.mute(room, &name, &track.sid).await)?;
                    was_live = true;
                }
            }
            if was_live {
                muted.push(*id);
            }
        }
        Ok(muted)
    }
}

/// Whoever has gone already needs nothing.
fn absent_is_fine(result: Result<(), CallError>) -> Result<(), CallError> {
    match result {
        Err(CallError::NotFound) => Ok(()),
        other => other,
    }
}

fn permission(sources: &[Source]) -> Permission {
    let name = |source: &Source| {
        let name = match source {
            Source::Camera => "CAMERA",
            Source::Microphone => "MICROPHONE",
            Source::ScreenShare => "SCREEN_SHARE",
            Source::ScreenShareAudio => "SCREEN_SHARE_AUDIO",
        };
        name.to_owned()
    };
    Permission {
        can_subscribe: true,
        can_publish: true,
        can_publish_data: false,
        can_publish_sources: sources.iter().map(name).collect(),
        hidden: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_fit_their_use_and_stay_secure() {
        for (given, http, ws) in [
            (
                "ws://localhost:7880",
                "http://localhost:7880/",
                "ws://localhost:7880/",
            ),
            (
                "wss://media.example",
                "https://media.example/",
                "wss://media.example/",
            ),
            (
                "https://media.example/lk",
                "https://media.example/lk",
                "wss://media.example/lk",
            ),
        ] {
            let url = Url::parse(given).unwrap();
            assert_eq!((as_http(&url).as_str(), as_ws(&url).as_str()), (http, ws));
        }
    }
}
