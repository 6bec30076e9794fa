//! The table of namespaces, a line each. Whatever has to know all of them is made from it: [`Command`] and its parser, the
//! bits that open a session for them, the refusals and modules of rooms (`room/modules.rs`), the description of the protocol.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    Event, automod, breakout, chat, control, legal_vote, legal_vote::LegalVoteCommand, livekit,
    meeting::ParticipationKind, meeting_notes, meeting_report, moderation, object, polls, recording,
    recording_service, shared_folder, subroom_audio, timer, training_participation_report, whiteboard,
};

/// Calls a macro with all namespaces. `control` is part of every session; the others are modules, which a tariff allows or
/// not. A line has the namespace's name, which is that of its files too, its types of commands, events and errors, the state that
/// its rules keep (in `room/`), the sessions that it exists for, and what it is about.
macro_rules! with_namespaces {
    ($make:ident) => {
        $make! {
            control Control(ControlCommand, ControlEvent, ControlError) "Joining, leaving, roles, raised hands.";
            moderation Moderation(ModerationCommand, ModerationEvent, ModerationError) keeps Moderation for everybody
                "The waiting room, removing participants, names and raised hands. All commands are for moderators.";
            breakout Breakout(BreakoutCommand, BreakoutEvent, BreakoutError) keeps BreakoutRooms for everybody
                "Rooms beside the main room, for a time.";
            chat Chat(ChatCommand, ChatEvent, ChatError) keeps Chat for everybody
                "Messages, their history in chunks, and what each participant has seen of it.";
            timer Timer(TimerCommand, TimerEvent, TimerError) keeps Timers for everybody
                "A stopwatch or countdown for everybody in a room.";
            polls Polls(PollsCommand, PollsEvent, PollsError) keeps Polls for everybody
                "Questions with choices, and how many chose what.";
            legal_vote LegalVote(LegalVoteCommand, LegalVoteEvent, LegalVoteError) keeps LegalVotes for users
                "Formal votes of registered users, open or secret.";
            livekit Livekit(LivekitCommand, LivekitEvent, LivekitError) keeps Media for everybody
                "Credentials for the media server, and who may publish what.";
            meeting_report MeetingReport(MeetingReportCommand, MeetingReportEvent, MeetingReportError) keeps AttendanceReports for everybody
                "Who took part in a meeting, as a PDF.";
            training_participation_report TrainingParticipationReport(TrainingParticipationReportCommand, TrainingParticipationReportEvent, TrainingParticipationReportError) keeps TrainingReports for everybody
                "Whether those who take part in a training are there, as a PDF.";
            automod Automod(AutomodCommand, AutomodEvent, AutomodError) keeps TalkingStick for everybody
                "A talking stick: at most one participant speaks, chosen from a list. Clients mute themselves.";
            shared_folder SharedFolder(SharedFolderCommand, SharedFolderEvent, SharedFolderError) keeps SharedFolder for everybody
                "The folder of the room's event. There are no commands.";
            recording Recording(RecordingCommand, RecordingEvent, RecordingError) keeps Recording for everybody
                "What of a meeting is recorded or streamed, and who agrees to be.";
            recording_service RecordingService(RecordingServiceCommand, RecordingServiceEvent, RecordingServiceError)
                keeps RecordingService for everybody
                "Orders for the recorder of a room (`action`), and its reports (`message`). For others there is nothing here.";
            meeting_notes MeetingNotes(MeetingNotesCommand, MeetingNotesEvent, MeetingNotesError) keeps Notes for everybody
                "A pad at Etherpad, in which those write whom a moderator chooses.";
            whiteboard Whiteboard(WhiteboardCommand, WhiteboardEvent, WhiteboardError) keeps Whiteboards for everybody
                "A whiteboard at Spacedeck, on which everybody in a room draws.";
            subroom_audio SubroomAudio(SubroomAudioCommand, SubroomAudioEvent, SubroomAudioError) keeps WhisperGroups for everybody
                "Whisper groups: some talk among themselves and stay in the meeting.";
        }
    };
}
pub(crate) use with_namespaces;

/// Whether sessions of a kind have a namespace at all.
macro_rules! exists_for {
    (everybody, $kind:expr) => {
        true
    };
    (users, $kind:expr) => {
        $kind == ParticipationKind::User
    };
    (recorders, $kind:expr) => {
        $kind == ParticipationKind::Recorder
    };
}

macro_rules! make {
    (
        control Control($Command:ident, $Event:ident, $Error:ident) $about:literal;
        $($name:ident $Module:ident($MCommand:ident, $MEvent:ident, $MError:ident) keeps $State:ident for $sessions:ident $mabout:literal;)*
    ) => {
        /// A namespace that a room handles.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Namespace {
            Control,
            $($Module,)*
        }

        impl Namespace {
            /// All of them, `control` first.
            pub const ALL: &[Self] = &[Self::Control, $(Self::$Module,)*];

            /// As the envelope and the tariff's modules name it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    Self::Control => "control",
                    $(Self::$Module => stringify!($name),)*
                }
            }

            /// Whether sessions of this kind have it, where the tariff allows it.
            #[must_use]
            pub fn exists_for(self, _kind: ParticipationKind) -> bool {
                match self {
                    Self::Control => true,
                    $(Self::$Module => exists_for!($sessions, _kind),)*
                }
            }
        }

        /// A parsed command of a namespace that the room handles.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(tag = "namespace", content = "payload", rename_all = "snake_case")]
        pub enum Command {
            Control(control::$Command),
            $($Module($name::$MCommand),)*
        }

        impl Command {
            #[must_use]
            pub const fn namespace(&self) -> Namespace {
                match self {
                    Self::Control(_) => Namespace::Control,
                    $(Self::$Module(_) => Namespace::$Module,)*
                }
            }

            /// Reads a client's payload of a namespace.
            pub(super) fn parse(namespace: Namespace, payload: &RawValue) -> Option<Self> {
                let payload = payload.get();
                match namespace {
                    Namespace::Control => {
                        object(payload).map(|command: control::$Command| Self::Control(command.from_client()))
                    }
                    $(Namespace::$Module => object(payload).map(Self::$Module),)*
                }
                .filter(Self::may_come_from_clients)
            }
        }

        /// Shows somebody the types of all namespaces, with what each is about.
        pub fn describe(to: &mut impl Describe) {
            to.namespace::<control::$Command, control::$Event<'_>, control::$Error>(Namespace::Control, $about);
            $(to.namespace::<$name::$MCommand, $name::$MEvent<'_>, $name::$MError>(Namespace::$Module, $mabout);)*
        }
    };
}
with_namespaces!(make);

/// Somebody who wants to see the types of namespaces.
pub trait Describe {
    fn namespace<C, E, X>(&mut self, namespace: Namespace, about: &'static str)
    where
        C: schemars::JsonSchema,
        E: schemars::JsonSchema + Event,
        X: schemars::JsonSchema + DeserializeOwned + std::fmt::Display;
}

impl Command {
    /// Ballots are made from votes, where those are secret.
    const fn may_come_from_clients(&self) -> bool {
        !matches!(self, Self::LegalVote(LegalVoteCommand::Ballot(_)))
    }
}

impl Namespace {
    /// The one of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|namespace| namespace.name() == name)
    }
}

/// A set of namespaces: those that are open for a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Namespaces(u32);

impl Namespaces {
    /// The set that has been kept as a number ([`Self::bits`]).
    #[must_use]
    pub const fn of_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    #[must_use]
    pub const fn has(self, namespace: Namespace) -> bool {
        self.0 & bit(namespace) != 0
    }
}

impl FromIterator<Namespace> for Namespaces {
    fn from_iter<T: IntoIterator<Item = Namespace>>(namespaces: T) -> Self {
        Self(
            namespaces
                .into_iter()
                .fold(0, |bits, namespace| bits | bit(namespace)),
        )
    }
}

const fn bit(namespace: Namespace) -> u32 {
    1 << namespace as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        assert!(Namespace::ALL.len() <= 32, "each has a bit");
        let set: Namespaces = [Namespace::Control, Namespace::Polls].into_iter().collect();
        for namespace in Namespace::ALL {
            let is_in = matches!(namespace, Namespace::Control | Namespace::Polls);
            assert_eq!(set.has(*namespace), is_in, "{namespace:?}");
            assert_eq!(Namespace::named(namespace.name()), Some(*namespace));
        }
        assert_eq!(Namespaces::of_bits(set.bits()), set);
    }
}
