//! Rooms in various states, and what must hold while they are told nonsense.

use std::sync::Arc;

use colloquy_actors::{
    ids::{ParticipantId, SessionNo, StreamingTargetId, Timestamp, TokenHash},
    livekit::Livekit,
    protocol::{
        Command, Incoming, encode_echo,
        meeting::{Group, ModuleFeatures, RecordingFacts},
        parse,
    },
    room::{
        Room, RoomSettings,
        effects::Effect,
        input::{Input, Stamped, Start},
    },
};
use serde_json::Value;

use super::{
    dice::Dice,
    odd::{Known, Odd},
    trial::{self, Kind, Trial, id_of, join, seat_taken},
};

/// Messages that one room is told.
pub const MESSAGES_PER_ROOM: usize = 250;
/// Ids of timers and polls that are remembered.
const KNOWN_MAX: usize = 4;
/// Messages after which the invariants are checked.
const CHECK_EVERY: usize = 25;

const SESSIONS: u64 = 9;

/// The states that rooms begin in.
#[derive(Debug)]
pub struct Rooms {
    odd: Odd,
    states: Vec<(Room, Vec<ParticipantId>)>,
    livekit: Arc<Livekit>,
}

/// Takes the group `red` along.
fn start(kind: Kind, name: &str, token: TokenHash) -> Start {
    let mut start = trial::start(kind, name, token);
    if let Some(identity) = &mut start.identity
        && kind == Kind::User
    {
        let group = Group {
            id: id_of("red").into(),
            name: Arc::from("red"),
        };
        identity.groups = Arc::from([group]);
    }
    if let Some(facts) = &mut start.facts {
        let modules = &mut facts.tariff.modules;
        for name in [
            "automod",
            "livekit",
            "meeting_notes",
            "recording_service",
            "whiteboard",
        ] {
            modules.insert(name.to_owned(), ModuleFeatures::default());
        }
        let features = ["record".to_owned()].into();
        modules.insert("recording".to_owned(), ModuleFeatures { features });
        facts.recording = Some(RecordingFacts {
            id: StreamingTargetId(id_of("recording")),
            livestreams: Vec::new(),
        });
    }
    start
}

fn take_seat(trial: &mut Trial, kind: Kind, name: &str, session: u64) -> Option<ParticipantId> {
    let token = TokenHash::of(name);
    let id = trial.start(start(kind, name, token))?;
    trial.input(seat_taken(id, token, SessionNo(session)));
    Some(id)
}

fn say(trial: &mut Trial, session: u64, text: &str) {
    trial.input(trial::command(SessionNo(session), text));
}

impl Rooms {
    pub fn new() -> Self {
        let mut states = Vec::new();
        let settings = RoomSettings {
            chat_messages_per_scope_max: 20,
            screen_share_requires_permission: true,
            ..RoomSettings::default()
        };
        let mut trial = Trial::new(settings);
        let mut people = Vec::new();
        let cast = [
            (Kind::Owner, "ann"),
            (Kind::Moderator, "bob"),
            (Kind::User, "carol"),
            (Kind::User, "dan"),
            (Kind::Guest, "erin"),
            (Kind::Sip, "frank"),
            (Kind::Recorder, "recorder"),
        ];
        for ((kind, name), session) in cast.into_iter().zip(1..) {
            people.extend(take_seat(&mut trial, kind, name, session));
        }
        // Sockets that did not join yet.
        states.push((trial.room.clone(), people.clone()));
        for ((_, name), session) in cast.into_iter().zip(1..) {
            trial.input(join(SessionNo(session), name));
        }
        // Everybody is inside.
        states.push((trial.room.clone(), people.clone()));
        let wait = r#"{"namespace":"moderation","payload":{"action":"enable_waiting_room"}}"#;
        say(&mut trial, 1, wait);
        people.extend(take_seat(&mut trial, Kind::Guest, "grace", 8));
        trial.input(join(SessionNo(8), "grace"));
        // Somebody waits, and somebody is in a breakout room.
        let rooms = r#"{"namespace":"breakout","payload":{"action":"start","rooms":[{"name":"A","assignments":[]}]}}"#;
        trial.input(trial::command(SessionNo(1), rooms));
        if let Some(room) = ids_after(trial.effects.last(), "breakout").first() {
            let token = TokenHash::of("dan again");
            let mut start = start(Kind::User, "dan", token);
            start.resumption = Some(TokenHash::of("dan"));
            start.breakout_room = uuid::Uuid::parse_str(room).ok().map(Into::into);
            let asked = start.breakout_room;
            if let Some(participant) = trial.start(start) {
                trial.input(trial::seat_in(participant, token, SessionNo(9), asked));
                trial.input(join(SessionNo(9), "dan"));
            }
        }
        states.push((trial.room.clone(), people));
        Self {
            odd: Odd::new(),
            states,
            livekit: Arc::default(),
        }
    }

    /// Tells a room many messages. What goes wrong is described, a panic tells the last message by `said`.
    pub fn try_one(&self, dice: &mut impl Dice, mut said: impl FnMut(&str)) -> Result<Told, String> {
        let (mut room, people) = self.states[dice.below(self.states.len())].clone();
        let mut known = Known {
            people: people.iter().map(ToString::to_string).collect(),
            ..Known::default()
        };
        let mut told = Told::default();
        for index in 0..MESSAGES_PER_ROOM {
            if dice.is_over() {
                break;
            }
            let text = self.odd.message(dice, &known);
            said(&text);
            let parsed = parse(&text);
            told.messages += 1;
            if let Incoming::Echo(payload) = &parsed {
                let _ = encode_echo(payload, room.at());
            }
            if let Incoming::Command(command) = parsed {
                told.commands += 1;
                survives_the_journal(&command)?;
                let session = SessionNo(1 + dice.roll(SESSIONS));
                let input = trial::sent(session, command);
                self.handle(&mut room, dice, input, &mut known)?;
            } else if dice.one_in(20) {
                self.handle(&mut room, dice, Input::Tick, &mut known)?;
            }
            if index % CHECK_EVERY == 0 {
                room.check()?;
            }
        }
        room.check()?;
        let snapshot = serde_json::to_string(&room).map_err(|error| error.to_string())?;
        let revived: Room = serde_json::from_str(&snapshot).map_err(|error| error.to_string())?;
        if revived == room {
            Ok(told)
        } else {
            Err(format!("a snapshot gives another room: {snapshot}"))
        }
    }

    fn handle(
        &self,
        room: &mut Room,
        dice: &mut impl Dice,
        input: Input,
        known: &mut Known,
    ) -> Result<(), String> {
        let pause = dice.roll(200_000).try_into().unwrap_or(0);
        let stamped = Stamped {
            seq: room.input_seq() + 1,
            at: Timestamp::from_micros(room.at().as_micros() + 1 + pause),
            seed: dice.roll(u64::MAX),
            input,
        };
        let effects = room.handle(&self.livekit, stamped);
        // Whoever has groups is in `red`.
        trial::bounds::check(effects.cost, room, 1)?;
        for (namespace, ids) in [("timer", &mut known.timers), ("polls", &mut known.polls)] {
            for id in ids_after(Some(&effects.list), namespace) {
                ids.truncate(KNOWN_MAX - 1);
                ids.insert(0, id);
            }
        }
        Ok(())
    }
}

/// How much was tried.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub messages: usize,
    /// Messages that were commands.
    pub commands: usize,
}

/// A command that is read back from a log is the same.
fn survives_the_journal(command: &Command) -> Result<(), String> {
    let text = serde_json::to_string(command).map_err(|error| format!("{command:?}: {error}"))?;
    let read: Command = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    if read == *command {
        Ok(())
    } else {
        Err(format!("{command:?} is read back as {read:?}"))
    }
}

/// The ids of what has just been started.
fn ids_after(effects: Option<&Vec<Effect>>, namespace: &str) -> Vec<String> {
    let begin = format!(r#"{{"namespace":"{namespace}","#);
    let started = effects.into_iter().flatten().filter_map(|effect| match effect {
        Effect::Send { frame, .. }
            if frame.starts_with(&begin) && frame.contains(r#""message":"started""#) =>
        {
            serde_json::from_str::<Value>(frame).ok()
        }
        _ => None,
    });
    let ids = started.filter_map(|envelope| {
        let payload = &envelope["payload"];
        let id = [&payload["timer_id"], &payload["id"], &payload["rooms"][0]["id"]];
        id.into_iter().find_map(|id| id.as_str().map(str::to_owned))
    });
    ids.collect()
}
