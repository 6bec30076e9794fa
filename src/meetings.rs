//! From rows to meetings: what the live core is told about rooms and people, and what it asks the database.

mod boards;
mod documents;
mod notes;
mod tasks;
mod vote_minutes;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use colloquy_actors::{
    ballots::Ballots,
    ids::RoomId,
    live::{Admission, JournalMode, LiveSettings},
    ports::{self, BoxFuture, Directory, Slept, SystemClock, SystemRandom, Unavailable},
    protocol::{
        meeting::{
            CallInInfo, Caller, EventInfo, Group, Identity, MeetingDetails, MeetingFacts, ModuleFeatures,
            ParticipationKind, RecordingFacts, Role, RoomInfo, StreamingLink, Tariff, UserInfo,
        },
        shared_folder::{FolderLink, FolderLinks},
        training_participation_report::{RandomDelay, TrainingParameters},
    },
    room::{RoomSettings, input::Notice},
    session::RateLimits,
};

use self::tasks::livestream;
pub use self::{boards::Boards, documents::Documents, notes::Notes, tasks::Tasks};
use crate::{
    call_in::CallerNames,
    catalogue::{CALL_IN, CORE, RECORDING, RECORDING_SERVICE},
    config::{CallInSettings, ChatHistory, Config, Defaults, JournalKind},
    livekit,
    origins::Origins,
    permissions::{Operation, Standing, Subject, check},
    profiles::{picture_of, profile_name},
    quotas::Quota,
    seals::Seals,
    secrets::Secret,
    store::{
        self, Db, StoreError, admitted,
        events::{Delay, TrainingReport},
        groups,
        guest_access::GuestAccess,
        room_events::Details,
        rooms,
        shared_folders::{self, Share, SharedFolder},
        streaming_targets::PublicTarget,
        users::Profile,
    },
    tariffs::{Offer, TariffResource},
};

/// Name of the journals' folder in the data folder.
const JOURNALS: &str = "journal";

/// How the live core works, by configuration.
#[must_use]
pub fn live_settings(config: &Config, data_folder: &std::path::Path) -> LiveSettings {
    let journal = match config.rooms.journal {
        JournalKind::Memory => JournalMode::Memory,
        JournalKind::File => JournalMode::Files {
            folder: data_folder.join(JOURNALS),
            fsync: config.rooms.fsync,
            age_max: std::time::Duration::from_secs(config.rooms.revive_max_age_secs),
        },
    };
    let signaling = &config.signaling;
    LiveSettings {
        rooms: RoomSettings {
            reconnect_grace_secs: signaling.reconnect_grace_secs,
            meeting_grace_secs: config.rooms.grace_secs,
            chat_messages_per_scope_max: signaling.chat_messages_per_scope_max,
            chat_history_as_list: signaling.chat_history == ChatHistory::List,
            screen_share_requires_permission: config.livekit.screen_share_requires_permission,
            waiting_max: config.guests.waiting_max,
            waiting_per_code_max: config.guests.waiting_per_code_max,
            waiting_per_network_max: config.guests.waiting_per_network_max,
            ..RoomSettings::default()
        },
        rates: RateLimits {
            commands_per_second: signaling.commands_per_second,
            commands_burst: signaling.commands_burst,
            bytes_per_second: signaling.command_bytes_per_second,
            join_deadline_secs: signaling.join_deadline_secs,
        },
        journal,
        livekit: Arc::new(livekit::keys(&config.livekit)),
        living_rooms_max: usize::try_from(config.quotas.living_rooms_max).unwrap_or(usize::MAX),
    }
}

/// What the live core reaches out through.
#[must_use]
pub fn ports(
    db: Db,
    tasks: Tasks,
    call_in: &CallInSettings,
    (origins, seals): (Origins, Seals),
) -> ports::Ports {
    ports::Ports {
        ballots: Ballots::default(),
        callers: Arc::new(CallerNames::new(db.clone(), call_in, origins)),
        clock: Arc::new(SystemClock::default()),
        random: Arc::new(SystemRandom),
        directory: Arc::new(Rooms {
            db,
            seals: seals.clone(),
        }),
        tasks: Arc::new(tasks),
        unsealer: Arc::new(seals),
    }
}

/// The table of rooms.
#[derive(Debug)]
struct Rooms {
    db: Db,
    seals: Seals,
}

impl Directory for Rooms {
    fn missing_rooms(&self, asked: Vec<RoomId>) -> BoxFuture<'_, Result<Vec<RoomId>, Unavailable>> {
        Box::pin(async move {
            let ids: Vec<_> = asked.iter().map(|room| room.0).collect();
            let existing = rooms::existing(&self.db, &ids).await.map_err(|error| {
                tracing::warn!(%error, "the database can't say which rooms exist");
                Unavailable
            })?;
            Ok(asked
                .into_iter()
                .filter(|room| !existing.contains(&room.0))
                .collect())
        })
    }

    fn missed_notices(&self, slept: Slept) -> BoxFuture<'_, Result<Vec<Notice>, Unavailable>> {
        Box::pin(async move {
            missed_notices(&self.db, &self.seals, &slept)
                .await
                .map_err(|error| {
                    tracing::warn!(%error, "the database can't say who may still come into a room");
                    Unavailable
                })
        })
    }
}

/// What became of the rights of those whom a room knows, and of its event's folder, since it slept.
async fn missed_notices(db: &Db, seals: &Seals, slept: &Slept) -> Result<Vec<Notice>, StoreError> {
    let (room, callers) = (slept.room.0, slept.callers.iter());
    let (mut users, mut codes) = (Vec::new(), Vec::new());
    for (caller, role) in callers {
        match caller {
            Caller::User(user) => users.push((user.0, *role)),
            Caller::Guest(code) => codes.push(code.0),
            Caller::Sip | Caller::Recorder => {}
        }
    }
    let mut missed = Vec::new();
    let ids: Vec<_> = users.iter().map(|(user, _)| *user).collect();
    let standings: HashMap<_, _> = admitted::users(db, room, &ids).await?.into_iter().collect();
    for (user, role) in users {
        let standing = standings.get(&user).filter(|standing| {
            check(Subject::User(**standing), Operation::StartRoom).is_ok() && role_of(**standing) >= role
        });
        if standing.is_none() {
            missed.push(Notice::UserWithdrawn(user.into()));
        }
    }
    // A guest's code opens the room to others all the same.
    let signed_in: Vec<_> = slept.signed_in.iter().map(|user| user.0).collect();
    let disabled = admitted::disabled(db, &signed_in).await?.into_iter();
    missed.extend(disabled.map(|user| Notice::UserDisabled(user.into())));
    let open: HashSet<_> = admitted::codes(db, room, &codes).await?.into_iter().collect();
    let closed = codes.iter().filter(|code| !open.contains(code));
    missed.extend(closed.map(|code| Notice::InviteWithdrawn((*code).into())));
    let guests = admitted::guests(db, room).await?;
    missed.extend(
        guests
            .filter(|guests| match guests {
                GuestAccess::DirectAccess => slept.guests_wait == Some(true),
                GuestAccess::WaitingRoom => slept.guests_wait == Some(false),
                GuestAccess::Disabled => !codes.is_empty(),
            })
            .map(|guests| Notice::GuestAccess(guests.into())),
    );
    if let Some(known) = &slept.folder_url {
        let folder = shared_folders::of_room(db, room).await?;
        if folder.as_ref().map(|folder| &folder.read.url) != known.as_ref() {
            missed.push(folder_notice(folder.as_ref(), seals));
        }
    }
    Ok(missed)
}

/// A folder as rooms keep it.
fn folder_links(folder: &SharedFolder, seals: &Seals) -> FolderLinks {
    let link = |share: &Share| FolderLink {
        url: share.url.clone(),
        password: seals.seal(&share.password),
    };
    FolderLinks {
        read: link(&folder.read),
        read_write: link(&folder.write),
    }
}

/// Word for a room of what its event has for a folder now.
#[must_use]
pub fn folder_notice(folder: Option<&SharedFolder>, seals: &Seals) -> Notice {
    Notice::SharedFolder(folder.map(|folder| Box::new(folder_links(folder, seals))))
}

/// A registered user on the way into a room.
#[derive(Debug, Clone)]
pub struct Visitor<'a> {
    pub profile: &'a Profile,
    pub standing: Standing,
    pub groups: Vec<groups::Group>,
}

/// What a meeting that is to begin needs to know of its room, which counts as used from now. `None`: no such room.
pub async fn facts(
    db: &Db,
    room: RoomId,
    now: DateTime<Utc>,
) -> Result<Option<rooms::MeetingFacts>, StoreError> {
    let facts = rooms::meeting_facts(db, room.0).await?;
    if let Some(facts) = &facts
        && !facts.owner_disabled
        && facts
            .used_at
            .is_none_or(|used_at| used_at <= now - rooms::USED_AT_PRECISION)
    {
        // A note for a job: a database that can be read but not written shuts no door.
        if let Err(error) = rooms::mark_used(db, room.0, now).await {
            tracing::warn!(%error, "could not note that a room is used");
        }
    }
    Ok(facts)
}

/// A meeting's facts, and who comes: a registered user or, without one, a guest.
#[must_use]
pub fn admission(
    facts: rooms::MeetingFacts,
    user: Option<Visitor<'_>>,
    config: &Config,
    (offer, seals): (&Offer, &Seals),
) -> Admission {
    let identity = user.map_or_else(guest, |user| member(user, &config.defaults));
    admitted(identity, facts, config, (offer, seals))
}

/// A meeting's facts for a caller by telephone.
#[must_use]
pub fn caller_admission(
    facts: rooms::MeetingFacts,
    config: &Config,
    (offer, seals): (&Offer, &Seals),
) -> Admission {
    let caller = Identity {
        kind: ParticipationKind::Sip,
        ..guest()
    };
    admitted(caller, facts, config, (offer, seals))
}

fn admitted(
    identity: Identity,
    facts: rooms::MeetingFacts,
    config: &Config,
    (offer, seals): (&Offer, &Seals),
) -> Admission {
    let event = event_info(&facts, config, offer);
    let training = facts.event.as_ref().and_then(|event| event.training_report);
    let training = training.map(training_parameters);
    let living_rooms_max = facts.tariff.quotas.get(Quota::LivingRoomsMax.name());
    let living_rooms_max = living_rooms_max.map(|max| usize::try_from(*max).unwrap_or(usize::MAX));
    let tariff = tariff(room_tariff(&facts.tariff, facts.room.e2e_encryption, offer));
    let owner = facts.room.created_by.id.into();
    // Also in an encrypted room, whose tariff lacks the features: there is nothing to record, and clients are told so.
    let recording = offer
        .has_module(RECORDING, &facts.tariff)
        .then(|| RecordingFacts {
            id: uuid::Uuid::new_v4().into(),
            livestreams: facts.streams.into_iter().map(livestream).collect(),
        });
    let room = RoomInfo {
        id: RoomId(facts.room.id),
        password: facts
            .room
            .password
            .as_ref()
            .map(Secret::reveal)
            .map(str::to_owned),
        created_by: user_info(facts.room.created_by, &config.defaults),
    };
    let facts = MeetingFacts {
        owner: Some(owner),
        room,
        tariff,
        event,
        waiting_room: facts.room.waiting_room,
        guests_wait: facts.room.guest_access == GuestAccess::WaitingRoom,
        sip_lobby: facts.sip_lobby,
        custom_display_names: config.defaults.custom_display_names,
        training,
        shared_folder: facts.folder.as_ref().map(|folder| folder_links(folder, seals)),
        recording,
    };
    Admission {
        identity: Some(identity),
        facts: Box::new(facts),
        living_rooms_max,
    }
}

/// When trainees are asked, as the event says.
fn training_parameters(report: TrainingReport) -> TrainingParameters {
    let delay = |Delay { after, within }| RandomDelay { after, within };
    TrainingParameters {
        initial_checkpoint_delay: delay(report.initial_checkpoint_delay),
        checkpoint_interval: delay(report.checkpoint_interval),
    }
}

/// What a tariff allows in a room: a telephone can not decrypt, and neither can a recorder.
#[must_use]
pub fn room_tariff(tariff: &store::tariffs::Tariff, e2e_encryption: bool, offer: &Offer) -> TariffResource {
    let resource = TariffResource::new(tariff, offer).in_meetings();
    if e2e_encryption {
        resource
            .without(CORE, CALL_IN)
            .without_module(RECORDING)
            .without_module(RECORDING_SERVICE)
    } else {
        resource
    }
}

/// What participants are told of their room's event.
#[must_use]
pub fn event_info(facts: &rooms::MeetingFacts, config: &Config, offer: &Offer) -> Option<EventInfo> {
    let (event, room) = (facts.event.as_ref()?, &facts.room);
    let takes_calls = room_tariff(&facts.tariff, room.e2e_encryption, offer).allows(CORE, CALL_IN);
    let tel = config.call_in.tel.as_deref().filter(|_| takes_calls);
    let details = event.details.as_ref();
    let are_guests_out = offer.are_guests_out(room.guest_access, &facts.tariff);
    Some(EventInfo {
        id: event.id,
        room_id: RoomId(room.id),
        title: event.title.clone(),
        is_adhoc: event.is_adhoc,
        meeting_details: details.map(|details| {
            let shown = meeting_details(details, &facts.streams, tel);
            // A link that leads nowhere is no way to the meeting.
            let invite_code_id = shown.invite_code_id.filter(|_| !are_guests_out);
            MeetingDetails {
                invite_code_id,
                ..shown
            }
        }),
        e2e_encryption: room.e2e_encryption,
    })
}

fn meeting_details(details: &Details, streams: &[PublicTarget], tel: Option<&str>) -> MeetingDetails {
    let links = streams.iter().map(|target| StreamingLink {
        name: target.name.clone(),
        url: target.public_url.clone(),
    });
    MeetingDetails {
        invite_code_id: details.invite_code.map(Into::into),
        call_in: tel
            .zip(details.sip.as_ref())
            .map(|(tel, (id, password))| CallInInfo {
                tel: tel.to_owned(),
                id: id.clone(),
                password: password.reveal().to_owned(),
            }),
        streaming_links: links.collect(),
    }
}

/// The role that somebody comes in with.
const fn role_of(standing: Standing) -> Role {
    match standing {
        Standing::Owner | Standing::Moderator => Role::Moderator,
        Standing::Invited | Standing::Stranger | Standing::Foreign => Role::User,
    }
}

fn member(user: Visitor<'_>, defaults: &Defaults) -> Identity {
    let Visitor {
        profile,
        standing,
        groups,
    } = user;
    let groups = groups.into_iter().map(|group| Group {
        id: group.id.into(),
        name: group.name.into(),
    });
    Identity {
        kind: ParticipationKind::User,
        role: role_of(standing),
        profile_name: Some(profile_name(profile)),
        avatar_url: picture_of(defaults, profile),
        is_room_owner: standing == Standing::Owner,
        groups: groups.collect(),
    }
}

fn guest() -> Identity {
    Identity {
        kind: ParticipationKind::Guest,
        role: Role::Guest,
        profile_name: None,
        avatar_url: None,
        is_room_owner: false,
        groups: Arc::default(),
    }
}

/// Who records or streams a meeting: hidden from everybody.
#[must_use]
pub fn recorder() -> Identity {
    Identity {
        kind: ParticipationKind::Recorder,
        ..guest()
    }
}

fn user_info(profile: Profile, defaults: &Defaults) -> UserInfo {
    UserInfo {
        avatar_url: picture_of(defaults, &profile).unwrap_or_default(),
        title: profile.title,
        firstname: profile.firstname,
        lastname: profile.lastname,
        display_name: profile.display_name,
    }
}

fn tariff(resource: TariffResource) -> Tariff {
    let features = |list: Vec<&'static str>| ModuleFeatures {
        features: list.into_iter().map(str::to_owned).collect(),
    };
    Tariff {
        id: resource.id,
        name: resource.name,
        quotas: resource.quotas,
        modules: resource
            .modules
            .into_iter()
            .map(|(name, module)| (name.to_owned(), features(module.features)))
            .collect(),
        enabled_modules: resource.enabled_modules.into_iter().map(str::to_owned).collect(),
        disabled_features: resource.disabled_features,
    }
}
