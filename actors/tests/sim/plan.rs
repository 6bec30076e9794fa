//! What kind of world a seed makes: which things go wrong in it, how the room is set up, what people like to do.

use std::collections::BTreeSet;

use colloquy_actors::{
    ids::StreamingTargetId,
    protocol::{
        meeting::{Livestream, MeetingFacts, ModuleFeatures, RecordingFacts},
        training_participation_report::{RandomDelay, TrainingParameters},
    },
    room::RoomSettings,
};

use super::{chance::Chance, trial};

const RECORDING: &str = "recording";
const RECORDING_SERVICE: &str = "recording_service";

#[expect(clippy::struct_excessive_bools, reason = "what may go wrong, each for itself")]
#[derive(Debug)]
pub struct Plan {
    pub settings: RoomSettings,
    pub facts: MeetingFacts,
    pub steps: usize,
    /// How often each of these happens; 0 = never in this world.
    pub crash: usize,
    pub lose_tails: bool,
    pub disk_busy: usize,
    pub disk_fault: usize,
    pub panic: usize,
    /// Numbers of inputs that make a rule panic, whatever they are.
    pub panics_at: BTreeSet<u64>,
    pub stall: usize,
    pub vanish: usize,
    pub notice: usize,
    pub snapshot: usize,
    pub media_fails: bool,
    /// How often somebody comes into LiveKit with a token of before.
    pub media_returns: usize,
    /// Whether LiveKit tells by itself who comes.
    pub media_tells: bool,
    /// Now and then nothing happens for minutes.
    pub long_wait: usize,
    /// Frames that a session's queue holds.
    pub frames_max: usize,
    /// How often a command is of this namespace.
    pub namespaces: Vec<(usize, &'static str)>,
    /// How often people come, act and go.
    pub come: usize,
    pub act: usize,
    pub go: usize,
    pub go_elsewhere: usize,
    /// Everybody goes, for long.
    pub empty: usize,
    /// Somebody sets the clock.
    pub clock: usize,
    /// The registry breaks, and so does the room's actor.
    pub break_registry: usize,
    pub kill_actor: usize,
    /// The connection to a node with some of the sockets breaks.
    pub cuts_edges: bool,
    /// Rooms, tariffs and events are changed between meetings.
    pub changes_facts: bool,
}

/// Namespaces that came later.
const LATER_NAMES: [&str; 8] = [
    "legal_vote",
    "meeting_report",
    "training_participation_report",
    "automod",
    RECORDING,
    "whiteboard",
    "meeting_notes",
    "subroom_audio",
];

/// Those of them that people have no commands for.
const SILENT: [&str; 2] = ["shared_folder", RECORDING_SERVICE];

/// Something that half of the worlds know.
fn sometimes(chance: &mut Chance, weight: usize) -> usize {
    if chance.coin() { weight } else { 0 }
}

impl Plan {
    /// Whether inputs may be lost that had effects: with a log that could not be deleted when it failed.
    pub fn loses_inputs(&self) -> bool {
        self.disk_fault > 0
    }

    /// What came later is drawn by another hand, so that seeds which found something still do the same.
    pub fn draw(chance: &mut Chance, later: &mut Chance, of_edges: &mut Chance) -> Self {
        let names = [
            "control",
            "moderation",
            "breakout",
            "chat",
            "timer",
            "polls",
            "livekit",
        ];
        let mut plan = Self {
            settings: settings(chance),
            facts: facts(chance),
            steps: chance.below(3_000) + 200,
            crash: sometimes(chance, 4),
            lose_tails: chance.coin(),
            disk_busy: sometimes(chance, 80),
            disk_fault: usize::from(chance.one_in(4)),
            panic: sometimes(chance, 1),
            panics_at: panics_at(later),
            stall: sometimes(chance, 20),
            vanish: sometimes(chance, 30),
            notice: usize::from(chance.one_in(3)),
            snapshot: sometimes(chance, 20),
            media_fails: chance.coin(),
            media_returns: sometimes(later, 30),
            media_tells: later.coin(),
            long_wait: usize::from(chance.one_in(3)),
            frames_max: if chance.one_in(3) { 12 } else { 4_096 },
            namespaces: names.map(|name| (chance.below(12), name)).into(),
            come: chance.below(300) + 150,
            act: chance.below(400) + 200,
            go: chance.below(80) + 5,
            go_elsewhere: sometimes(chance, 100),
            empty: sometimes(chance, 2),
            clock: if later.one_in(3) { 6 } else { 0 },
            changes_facts: later.coin(),
            break_registry: sometimes(later, 2),
            kill_actor: if later.one_in(3) { 2 } else { 0 },
            cuts_edges: of_edges.coin(),
        };
        let later_names = LATER_NAMES.map(|name| (later.below(8), name));
        plan.namespaces.extend(later_names);
        add_recording(&mut plan.facts, later);
        plan
    }
}

/// In most worlds something may be recorded and streamed.
pub fn add_recording(facts: &mut MeetingFacts, later: &mut Chance) {
    if later.one_in(8) {
        for name in [RECORDING, RECORDING_SERVICE] {
            facts.tariff.modules.remove(name);
        }
        return;
    }
    let features = ["record", "stream"].into_iter().filter(|_| !later.one_in(8));
    let features = features.map(str::to_owned).collect();
    let modules = &mut facts.tariff.modules;
    modules.insert(RECORDING.to_owned(), ModuleFeatures { features });
    modules.insert(RECORDING_SERVICE.to_owned(), ModuleFeatures::default());
    facts.recording = Some(RecordingFacts {
        id: StreamingTargetId(trial::id_of(RECORDING)),
        livestreams: livestreams(later),
    });
}

/// Where the room may be streamed to now: one that goes does not come back.
pub fn livestreams(later: &mut Chance) -> Vec<Livestream> {
    let passing = later.coin().then(|| format!("stream {}", later.number()));
    let names = ["stream one".to_owned(), "stream two".to_owned()].into_iter();
    let livestream = |name: String| Livestream {
        id: StreamingTargetId(trial::id_of(&name)),
        name: format!("{name} {}", later.below(3)),
        public_url: "https://watch.example".to_owned(),
    };
    names.chain(passing).map(livestream).collect()
}

/// In a quarter of the worlds, one input in fifty or so; not those that a room begins with, or it never would.
fn panics_at(later: &mut Chance) -> BTreeSet<u64> {
    let count = if later.one_in(4) { 60 } else { 0 };
    (0..count).map(|_| later.between(8, 3_000)).collect()
}

fn settings(chance: &mut Chance) -> RoomSettings {
    RoomSettings {
        reconnect_grace_secs: chance.pick(&[0, 15, 15, 15]).unwrap_or(15),
        meeting_grace_secs: chance.pick(&[5, 60]).unwrap_or(60),
        chat_messages_per_scope_max: chance.pick(&[3, 1_000]).unwrap_or(3),
        chat_history_as_list: chance.one_in(5),
        screen_share_requires_permission: chance.one_in(3),
        ..RoomSettings::default()
    }
}

pub fn facts(chance: &mut Chance) -> MeetingFacts {
    let mut facts = trial::facts();
    let modules = &mut facts.tariff.modules;
    modules.insert("livekit".to_owned(), ModuleFeatures::default());
    for name in LATER_NAMES.into_iter().chain(SILENT) {
        modules.insert(name.to_owned(), ModuleFeatures::default());
    }
    if chance.one_in(10) {
        let names: Vec<_> = modules.keys().cloned().collect();
        modules.remove(&names[chance.below(names.len())]);
    }
    modules.insert("legal_vote".to_owned(), ModuleFeatures::default());
    let quotas = &mut facts.tariff.quotas;
    if chance.one_in(5) {
        quotas.insert("room_participant_limit".to_owned(), chance.between(1, 5));
    }
    if chance.one_in(12) {
        quotas.insert("room_time_limit_secs".to_owned(), chance.between(5, 60));
    }
    facts.waiting_room = chance.one_in(4);
    facts.sip_lobby = chance.one_in(3);
    facts.custom_display_names = !chance.one_in(4);
    // Drawn from what is drawn already: other draws stay as they are.
    facts.training = (facts.waiting_room == facts.sip_lobby).then_some(TrainingParameters {
        initial_checkpoint_delay: RandomDelay { after: 2, within: 9 },
        checkpoint_interval: RandomDelay { after: 0, within: 30 },
    });
    facts
}
