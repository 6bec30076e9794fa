//! The line `room …`: facts of the next meeting, and an operator's settings.

use colloquy_actors::{
    ids::StreamingTargetId,
    protocol::{
        meeting::{
            EventInfo, Livestream, MeetingDetails, MeetingFacts, ModuleFeatures, RecordingFacts,
            StreamingLink,
        },
        training_participation_report::{RandomDelay, TrainingParameters},
    },
    room::RoomSettings,
};

use crate::trial::{ROOM, folder, id_of};

pub fn set(facts: &mut MeetingFacts, settings: &mut RoomSettings, word: &str) -> Result<(), String> {
    let (key, value) = word
        .split_once('=')
        .ok_or_else(|| format!("{word} has no value"))?;
    let number = || value.parse::<u64>().map_err(|error| format!("{word}: {error}"));
    let count = || number().map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    match key {
        "waiting_room" => facts.waiting_room = value == "true",
        "guests_wait" => facts.guests_wait = value == "true",
        "sip_lobby" => facts.sip_lobby = value == "true",
        "seats" => {
            let quota = "room_participant_limit".to_owned();
            facts.tariff.quotas.insert(quota, number()?);
        }
        "seconds" => {
            let quota = "room_time_limit_secs".to_owned();
            facts.tariff.quotas.insert(quota, number()?);
        }
        "screen_share" => settings.screen_share_requires_permission = value == "asks",
        "custom_names" => facts.custom_display_names = value == "true",
        "training" => facts.training = Some(training(value)?),
        "password" => facts.room.password = Some(value.to_owned()),
        "event" => facts.event = Some(event(value)),
        "folder" => facts.shared_folder = Some(folder(value)),
        "modules" => {
            let names = || {
                value
                    .split(',')
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
            };
            facts.tariff.modules = names().map(|name| (name, ModuleFeatures::default())).collect();
            facts.tariff.enabled_modules = names().collect();
        }
        "targets" => {
            let names = value.split(',').filter(|name| !name.is_empty());
            facts.recording = Some(RecordingFacts {
                id: StreamingTargetId(id_of("recording")),
                livestreams: names.map(livestream).collect(),
            });
        }
        "features" => {
            let features = value.split(',').filter(|name| !name.is_empty());
            let features = features.map(str::to_owned).collect();
            let module = ModuleFeatures { features };
            facts.tariff.modules.insert("recording".to_owned(), module);
        }
        "waiting" => settings.waiting_max = count()?,
        "waiting_per_code" => settings.waiting_per_code_max = count()?,
        "waiting_per_network" => settings.waiting_per_network_max = count()?,
        "waiting_kept" => settings.waiting_per_network_kept = count()?,
        "chat_bytes" => settings.chat_bytes_max = count()?,
        "grace" => settings.reconnect_grace_secs = number()?,
        "kept" => settings.chat_messages_per_scope_max = count()?,
        "history" => settings.chat_history_as_list = value == "list",
        _ => return Err(format!("a room has no {key}")),
    }
    Ok(())
}

/// `60+30/300+0`: asked first after 60 to 90 seconds, then every 300.
fn training(text: &str) -> Result<TrainingParameters, String> {
    let delay = |text: &str| {
        let (after, within) = text.split_once('+')?;
        Some(RandomDelay {
            after: after.parse().ok()?,
            within: within.parse().ok()?,
        })
    };
    let both = text.split_once('/').and_then(|(initial, interval)| {
        Some(TrainingParameters {
            initial_checkpoint_delay: delay(initial)?,
            checkpoint_interval: delay(interval)?,
        })
    });
    both.ok_or_else(|| format!("when are trainees asked by {text}?"))
}

/// Where the room may be streamed to.
pub fn livestream(name: &str) -> Livestream {
    Livestream {
        id: StreamingTargetId(id_of(name)),
        name: name.to_owned(),
        public_url: format!("https://watch.example/{name}"),
    }
}

fn event(title: &str) -> EventInfo {
    EventInfo {
        id: id_of("event"),
        room_id: ROOM,
        title: title.to_owned(),
        is_adhoc: false,
        meeting_details: Some(MeetingDetails {
            invite_code_id: None,
            call_in: None,
            streaming_links: vec![StreamingLink {
                name: "Stream".to_owned(),
                url: "https://stream.example/1".to_owned(),
            }],
        }),
        e2e_encryption: false,
    }
}
