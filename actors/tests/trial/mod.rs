//! A room on trial: driven input by input in virtual time, looked at after each, and replayed at the end.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its part of this, and ends when it fails"
)]

pub mod bounds;
pub mod logged;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use colloquy_actors::{
    ids::{BreakoutRoomId, InviteCode, ParticipantId, RoomId, SessionNo, Timestamp, TokenHash, UserId},
    livekit::Livekit,
    protocol::{
        Command, Incoming,
        meeting::{
            Caller, Identity, MeetingFacts, ModuleFeatures, ParticipationKind, Role, RoomInfo, Tariff,
            UserInfo,
        },
        names::DisplayName,
        parse,
        shared_folder::{FolderLink, FolderLinks},
    },
    room::{
        Room, RoomSettings,
        effects::{Effect, Effects},
        input::{Input, SeatTaken, Stamped, Start, StartOutcome},
        tickets::Grant,
    },
    sealed::{Sealed, Unsealer},
};
use uuid::Uuid;

/// When every trial begins: 2026-01-01, midnight.
pub const BEGIN: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
pub const ROOM: RoomId = RoomId(Uuid::from_u128(0x0f0f));

#[derive(Debug)]
pub struct Trial {
    pub room: Room,
    pub now: Timestamp,
    pub inputs: Vec<Stamped>,
    pub effects: Vec<Vec<Effect>>,
    pub livekit: Arc<Livekit>,
    begin: Room,
}

impl Trial {
    pub fn new(settings: RoomSettings) -> Self {
        let room = Room::new(ROOM, settings);
        Self {
            begin: room.clone(),
            room,
            now: BEGIN,
            inputs: Vec::new(),
            effects: Vec::new(),
            livekit: Arc::default(),
        }
    }

    /// What the room's actor would log next.
    pub fn stamp(&self, input: Input) -> Stamped {
        let seq = self.room.input_seq() + 1;
        Stamped {
            seq,
            at: self.now.max(self.room.at().next()),
            seed: seq.wrapping_mul(0xd134_2543_de82_ef95),
            input,
        }
    }

    /// Handles an input and keeps it for the replay.
    pub fn input(&mut self, input: Input) -> Effects {
        let stamped = self.stamp(input);
        self.now = stamped.at;
        self.inputs.push(stamped.clone());
        let effects = self.room.handle(&self.livekit, stamped);
        self.effects.push(effects.list.clone());
        effects
    }

    /// [`Trial::input`], then everything that must hold after any input.
    pub fn step(&mut self, input: Input) -> Result<Effects, String> {
        let effects = self.input(input);
        self.room.check()?;
        let snapshot = serde_json::to_string(&self.room).map_err(|error| error.to_string())?;
        let revived: Room = serde_json::from_str(&snapshot).map_err(|error| error.to_string())?;
        if revived != self.room {
            return Err(format!("a snapshot gives another room: {snapshot}"));
        }
        Ok(effects)
    }

    /// Handles all inputs again in a new room: state and effects must be the same.
    pub fn replay(&self) -> Result<(), String> {
        let mut room = self.begin.clone();
        for (stamped, effects) in self.inputs.iter().zip(&self.effects) {
            let again = room.handle(&self.livekit, stamped.clone()).list;
            if again != *effects {
                return Err(format!("{stamped:?} brought {effects:?}, again {again:?}"));
            }
        }
        let mut read = self.begin.clone();
        for stamped in &self.inputs {
            read.replay(&self.livekit, stamped.clone());
        }
        if room == self.room && read == self.room {
            Ok(())
        } else {
            Err("a replay gives another room".to_owned())
        }
    }

    /// Somebody asks for a seat with everything that REST knows.
    pub fn start(&mut self, start: Start) -> Option<ParticipantId> {
        issued(&self.input(Input::Start(Box::new(start))))
    }

    /// Starts, connects and joins; the session has the number.
    pub fn enter(&mut self, kind: Kind, name: &str, session: u64) -> ParticipantId {
        let token = TokenHash::of(&format!("{name} {session}"));
        let participant = self.start(start(kind, name, token)).unwrap();
        let session = SessionNo(session);
        self.input(seat_taken(participant, token, session));
        self.input(join(session, name));
        participant
    }
}

pub fn issued(effects: &Effects) -> Option<ParticipantId> {
    effects.list.iter().find_map(|effect| match effect {
        Effect::Answer(StartOutcome::Issued(id)) => Some(*id),
        _ => None,
    })
}

pub fn start(kind: Kind, name: &str, token: TokenHash) -> Start {
    Start {
        caller: kind.caller(name),
        identity: Some(kind.identity(name)),
        facts: Some(Box::new(facts())),
        resumption: None,
        token,
        ticket: None,
        breakout_room: None,
        origin: None,
        signed_in: None,
    }
}

/// A socket for the main room that begins with `join_success`.
pub fn seat_taken(participant: ParticipantId, token: TokenHash, session: SessionNo) -> Input {
    seat_in(participant, token, session, None)
}

/// The same for a breakout room.
pub fn seat_in(
    participant: ParticipantId,
    token: TokenHash,
    session: SessionNo,
    breakout_room: Option<BreakoutRoomId>,
) -> Input {
    Input::SeatTaken(SeatTaken {
        grant: Grant {
            participant,
            token,
            breakout_room,
        },
        ticket: None,
        session,
        resume_from: None,
        origin: None,
    })
}

/// A command that a session sends, whatever came before.
pub fn sent(session: SessionNo, command: Command) -> Input {
    Input::Command {
        session,
        number: 0,
        command,
    }
}

/// A command as a session parses it.
pub fn command(session: SessionNo, text: &str) -> Input {
    match parse(text) {
        Incoming::Command(command) => sent(session, command),
        other => panic!("the session itself answers {text}: {other:?}"),
    }
}

pub fn join(session: SessionNo, name: &str) -> Input {
    command(
        session,
        &format!(r#"{{"namespace":"control","payload":{{"action":"join","display_name":"{name}"}}}}"#),
    )
}

pub fn say(session: SessionNo, content: &str) -> Input {
    command(
        session,
        &format!(
            r#"{{"namespace":"chat","payload":{{"action":"send_message","scope":"global","content":"{content}"}}}}"#
        ),
    )
}

#[cfg(feature = "fault-injection")]
pub fn panic(session: SessionNo) -> Input {
    let panic = colloquy_actors::protocol::control::ControlCommand::Panic;
    sent(session, Command::Control(panic))
}

/// Who somebody is to the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Owner,
    /// Invited as a moderator.
    Moderator,
    User,
    Guest,
    Sip,
    Recorder,
}

impl Kind {
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "owner" => Self::Owner,
            "moderator" => Self::Moderator,
            "user" => Self::User,
            "guest" => Self::Guest,
            "sip" => Self::Sip,
            "recorder" => Self::Recorder,
            _ => return None,
        })
    }

    /// Guests share one invite.
    pub fn caller(self, name: &str) -> Caller {
        match self {
            Self::Owner | Self::Moderator | Self::User => Caller::User(UserId(id_of(name))),
            Self::Guest => Caller::Guest(InviteCode(id_of("invite"))),
            Self::Sip => Caller::Sip,
            Self::Recorder => Caller::Recorder,
        }
    }

    pub fn identity(self, name: &str) -> Identity {
        let registered = matches!(self, Self::Owner | Self::Moderator | Self::User);
        Identity {
            kind: match self {
                Self::Owner | Self::Moderator | Self::User => ParticipationKind::User,
                Self::Guest => ParticipationKind::Guest,
                Self::Sip => ParticipationKind::Sip,
                Self::Recorder => ParticipationKind::Recorder,
            },
            role: match self {
                Self::Owner | Self::Moderator => Role::Moderator,
                Self::User => Role::User,
                Self::Guest | Self::Sip | Self::Recorder => Role::Guest,
            },
            profile_name: registered.then(|| DisplayName::from_profile(&format!("{name} (profile)"))),
            avatar_url: registered.then(|| format!("https://avatars.example/{name}")),
            is_room_owner: self == Self::Owner,
            groups: Arc::default(),
        }
    }
}

/// An id that shows the name it was made from.
pub fn id_of(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    Uuid::from_bytes(bytes)
}

/// A meeting with all modules but LiveKit, owned by alice.
pub fn facts() -> MeetingFacts {
    let modules = ["breakout", "chat", "moderation", "polls", "timer"];
    MeetingFacts {
        owner: Some(UserId(id_of("alice"))),
        room: RoomInfo {
            id: ROOM,
            password: None,
            created_by: UserInfo {
                title: String::new(),
                firstname: "Alice".to_owned(),
                lastname: "Adams".to_owned(),
                display_name: "Alice Adams".to_owned(),
                avatar_url: "https://avatars.example/alice".to_owned(),
            },
        },
        tariff: Tariff {
            id: id_of("tariff"),
            name: "Basic".to_owned(),
            quotas: BTreeMap::new(),
            modules: modules
                .map(|module| (module.to_owned(), ModuleFeatures::default()))
                .into(),
            enabled_modules: modules.map(str::to_owned).into(),
            disabled_features: BTreeSet::new(),
        },
        event: None,
        waiting_room: false,
        guests_wait: false,
        sip_lobby: false,
        custom_display_names: true,
        training: None,
        shared_folder: None,
        recording: None,
    }
}

/// The folder of this name, with its passwords sealed.
pub fn folder(name: &str) -> FolderLinks {
    let link = |kind: &str| FolderLink {
        url: format!("https://cloud.example/{name}/{kind}"),
        password: Sealed::new(format!("{name} {kind}")),
    };
    FolderLinks {
        read: link("read"),
        read_write: link("read_write"),
    }
}

/// What a password begins with once it is open; no state may hold that.
pub const OPENED: &str = "opened:";

/// Opens what [`folder`] has sealed.
#[derive(Debug)]
pub struct Opener;

impl Unsealer for Opener {
    fn open(&self, sealed: &Sealed) -> String {
        format!("{OPENED} {}", sealed.as_str())
    }
}
