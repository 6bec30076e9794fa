//! What a room wants done, and the context in which a rule says so.

use std::{fmt, sync::Arc};

use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

use super::{Place, cost::Cost, input::StartOutcome, locations::StreamLocations};
use crate::{
    ballots::{Ballots, SecretVote},
    encoding::{self, EncodeError},
    frame::EncodedEvent,
    ids::{LegalVoteId, SessionNo, StreamingTargetId, TaskId, Timestamp, UserId},
    livekit::{Livekit, MediaAccess},
    protocol::{self, Event, Namespaces, ballot::SealedVote, codes::CloseCode, vote_token::VoteToken},
    sealed::{Sealed, Unsealer},
    task::Task,
};

/// Lines that an event goes to, resolved when it was sent. A line has the number of the session that came in; sessions
/// that resume it are bound to it ([`Effect::Bound`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receivers {
    One(SessionNo),
    Many {
        sessions: Arc<[SessionNo]>,
        except: Option<SessionNo>,
    },
}

impl Receivers {
    /// The same without one session.
    #[must_use]
    pub fn but(self, session: Option<SessionNo>) -> Self {
        match self {
            Self::Many { sessions, .. } => Self::Many {
                sessions,
                except: session,
            },
            one @ Self::One(_) => one,
        }
    }

    /// Whether nobody receives it.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.iter().next().is_none()
    }

    /// How many they are, or one more.
    #[must_use]
    pub fn count(&self) -> u32 {
        match self {
            Self::One(_) => 1,
            Self::Many { sessions, .. } => u32::try_from(sessions.len()).unwrap_or(u32::MAX),
        }
    }

    /// Whether both are the same list, without a look into it.
    #[must_use]
    pub fn are_one(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Many { sessions, except },
                Self::Many {
                    sessions: others,
                    except: but,
                },
            ) => Arc::ptr_eq(sessions, others) && except == but,
            (one, other) => one == other,
        }
    }

    #[must_use]
    pub fn contains(&self, session: SessionNo) -> bool {
        self.iter().any(|receiver| receiver == session)
    }

    pub fn iter(&self) -> impl Iterator<Item = SessionNo> {
        let (sessions, except) = match self {
            Self::One(session) => (std::slice::from_ref(session), None),
            Self::Many { sessions, except } => (&**sessions, *except),
        };
        sessions
            .iter()
            .copied()
            .filter(move |session| Some(*session) != except)
    }
}

impl From<Vec<SessionNo>> for Receivers {
    fn from(sessions: Vec<SessionNo>) -> Self {
        Self::Many {
            sessions: sessions.into(),
            except: None,
        }
    }
}

/// Something secret that an event brings. Rules and log know only what it is for and where it stands; it is made, or looked up, when
/// the event leaves the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What stands in its place: nobody can have written that before.
    mark: String,
    of: SecretOf,
}

/// Whoever knows, or can make, what is secret in events that leave.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    pub livekit: &'a Livekit,
    pub ballots: &'a Ballots,
    pub unsealer: &'a dyn Unsealer,
    pub locations: &'a StreamLocations,
    /// The link to what a task has made; none where it is not known any more: its process is gone, and what it led to ends.
    pub link: &'a dyn Fn(TaskId) -> Option<String>,
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// What is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretOf {
    /// An access token of LiveKit.
    Media { access: MediaAccess, at: Timestamp },
    /// The token of a user who may vote.
    VoteToken { vote: LegalVoteId, user: UserId },
    /// A password that is sealed; an event may bring several, each with its number.
    Password { sealed: Sealed, number: u8 },
    /// What a user has voted for ([`Secret::mark_of_option`]), and with which token.
    Receipt {
        vote: LegalVoteId,
        user: UserId,
        sealed: SealedVote,
    },
    /// Where a stream is sent to; null where that is not known.
    Location(StreamingTargetId),
    /// The link to what a task has made; whoever did it knows it.
    Link(TaskId),
}

impl Secret {
    /// What stands in the place of the option in an event with a receipt.
    #[must_use]
    pub fn mark_of_option(mark: &str) -> String {
        format!("option-{mark}")
    }

    /// An event as it leaves: with its secrets in their places. None where one is gone.
    #[must_use]
    pub fn put_into(secrets: &[Self], frame: &EncodedEvent, keys: &Keys<'_>) -> Option<EncodedEvent> {
        let Some((first, rest)) = secrets.split_first() else {
            return Some(frame.clone());
        };
        let mut text = first.put(frame, keys)?;
        for secret in rest {
            text = secret.put(&text, keys)?;
        }
        Some(EncodedEvent::new(text.into()))
    }

    fn put(&self, text: &str, keys: &Keys<'_>) -> Option<String> {
        let (mark, ballots) = (&*self.mark, keys.ballots);
        Some(match &self.of {
            SecretOf::Media { access, at } => {
                let token = keys.livekit.access_token(access, *at);
                text.replacen(mark, &token, 1)
            }
            SecretOf::VoteToken { vote, user } => {
                // Where the key is gone, the vote is about to be cancelled; a `join_success` must arrive all the same.
                let token = ballots.token(*vote, *user).unwrap_or(VoteToken::of(0));
                text.replacen(mark, token.as_str(), 1)
            }
            SecretOf::Receipt { vote, user, sealed } => {
                let (option, token) = ballots.unseal(*vote, *user, sealed)?;
                text.replacen(&Self::mark_of_option(mark), option.name(), 1)
                    .replacen(mark, token.as_str(), 1)
            }
            SecretOf::Password { sealed, .. } => {
                text.replacen(mark, &inside_quotes(&keys.unsealer.open(sealed)), 1)
            }
            SecretOf::Location(id) => {
                let quoted = format!("\"{mark}\"");
                text.replacen(&quoted, &keys.locations.json(*id), 1)
            }
            SecretOf::Link(task) => text.replacen(mark, &inside_quotes(&(keys.link)(*task)?), 1),
        })
    }
}

/// A text as it stands between quotes in JSON.
fn inside_quotes(text: &str) -> String {
    let quoted = encoding::encode(&text).unwrap_or_else(EncodeError::undo);
    let inside = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inside.unwrap_or_default().to_owned()
}

/// Something to do outside, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// One encoded event for all its receivers.
    Send {
        seq: u64,
        frame: EncodedEvent,
        to: Receivers,
        /// Whether a client that resumes from a number gets it again.
        kept: bool,
        /// Put into it when it leaves. What has any is never kept.
        secrets: Vec<Secret>,
    },
    /// The session receives what is sent to the line from now on.
    Bound { session: SessionNo, line: SessionNo },
    /// The line's session is inside: these namespaces are open, larger messages are allowed.
    NamespacesOpened(SessionNo, Namespaces),
    /// The line's session waits (again): only joining and echo do anything.
    NamespacesClosed(SessionNo),
    /// The line's session goes on: it hears `resumed`, and then what it has missed.
    Resume {
        line: SessionNo,
        from: u64,
        resumed: Utf8Bytes,
        missed: Vec<(u64, EncodedEvent)>,
    },
    /// The session goes on in this life of the room.
    Reattached(Box<Reattached>),
    /// Answers a session itself: without a number, and not kept.
    Tell { line: SessionNo, frame: Utf8Bytes },
    /// The session ends after what was sent to it before.
    Close(SessionNo, CloseCode),
    /// The answer to a `start`.
    Answer(StartOutcome),
    /// A secret vote begins: its voters get their tokens.
    OpenVote(Box<SecretVote>),
    /// A secret vote is over: its key is not needed any more.
    ForgetVote(LegalVoteId),
    /// Something to be done outside, which is answered by [`super::input::Input::TaskDone`].
    Task(Box<Task>),
    /// What must not be done any more, if that can be helped.
    CancelTask(TaskId),
}

/// Where a session goes on that has outlived an earlier life of its room.
#[derive(Debug, Clone, PartialEq)]
pub struct Reattached {
    pub session: SessionNo,
    pub line: SessionNo,
    pub place: Place,
    /// What is open for it, if it is inside.
    pub open: Namespaces,
    pub missed: Vec<(u64, EncodedEvent)>,
    /// The number of the last of its commands that was handled.
    pub handled: u64,
}

/// What handling one input brought about.
#[derive(Debug, Default)]
pub struct Effects {
    pub list: Vec<Effect>,
    /// Events encoded so far: must not grow with the number of receivers.
    pub encodings: usize,
    pub cost: Cost,
}

/// The output function of `SplitMix64`.
const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The context of one input: its time, ids from its seed, the media server's addresses, and where effects go.
#[derive(Debug)]
pub struct Cx {
    pub at: Timestamp,
    /// The time of the input before.
    pub(super) before: Timestamp,
    /// Where LiveKit is; no part of the state.
    pub livekit: Arc<Livekit>,
    /// Whether the input was handled before, in a life or a try that is over: nobody waits for what comes of it.
    /// [`Cx::leave_out`] says what need not be made then.
    pub replays: bool,
    /// What handling the input costs.
    pub cost: Cost,
    /// Whether everybody was looked at to say who should be in LiveKit: once for one input.
    pub has_looked: bool,
    seed: u64,
    random: u64,
    pub(super) event_seq: u64,
    pub(super) effects: Effects,
}

impl Cx {
    pub(super) fn new(
        (before, at): (Timestamp, Timestamp),
        seed: u64,
        event_seq: u64,
        livekit: &Arc<Livekit>,
    ) -> Self {
        Self {
            at,
            before,
            livekit: Arc::clone(livekit),
            replays: false,
            cost: Cost::default(),
            has_looked: false,
            seed,
            random: seed,
            event_seq,
            effects: Effects::default(),
        }
    }

    /// `SplitMix64` (Steele, Lea, Flood 2014): ids need be unique, not secret; every secret is made outside the room.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.random)
    }

    /// Something secret that the next event of the room brings, and what stands for it there.
    #[must_use]
    pub fn secret(&self, of: SecretOf) -> (Secret, String) {
        // Other random numbers of the input stay as they are: a replay may leave this one out.
        let kind = match &of {
            SecretOf::Media { .. } => "secret",
            SecretOf::VoteToken { .. } | SecretOf::Receipt { .. } => "token",
            SecretOf::Password { number: 0, .. } => "password",
            SecretOf::Password { .. } => "passwords",
            // An event may bring those of several targets.
            SecretOf::Location(id) => &format!("location-{id}"),
            SecretOf::Link(_) => "link",
        };
        let mark = format!("{kind}-{:016x}{:016x}", mixed(!self.seed), self.event_seq);
        let secret = Secret {
            mark: mark.clone(),
            of,
        };
        (secret, mark)
    }

    /// [`Cx::secret`]: a token of LiveKit.
    #[must_use]
    pub fn media_secret(&self, access: MediaAccess) -> (Secret, String) {
        self.secret(SecretOf::Media { access, at: self.at })
    }

    /// A number that nobody else has, as likely as not.
    pub(super) fn nonce(&mut self) -> u64 {
        self.next_random()
    }

    /// A whole number below this one (not 0), by chance: each as likely as any other, as far as 64 bits go.
    pub fn below(&mut self, bound: u64) -> u64 {
        let scaled = u128::from(self.next_random()) * u128::from(bound);
        // The high half of 128 bits always fits.
        u64::try_from(scaled >> u64::BITS).unwrap_or_default()
    }

    /// One of so many, each as likely as the others; 0 of none.
    pub fn one_of(&mut self, count: usize) -> usize {
        // Less than `count`.
        usize::try_from(self.below(count as u64)).unwrap_or(0)
    }

    /// A UUID v4 that depends on the seed and on how many were made before.
    pub fn new_id(&mut self) -> Uuid {
        let (high, low) = (self.next_random(), self.next_random());
        uuid::Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes()).into_uuid()
    }

    /// Encodes an event once and sends it to all receivers under one number.
    pub fn send<E: Event>(&mut self, to: Receivers, event: &E) {
        if to.is_nobody() {
            return;
        }
        let seq = self.next_event();
        let frame = protocol::encode(event, self.at, Some(seq)).unwrap_or_else(EncodeError::undo);
        self.push_kept(seq, frame, to);
    }

    /// [`Cx::send`] to one line, if it is there.
    pub fn send_one<E: Event>(&mut self, line: Option<SessionNo>, event: &E) {
        if let Some(line) = line {
            self.send(Receivers::One(line), event);
        }
    }

    /// [`Cx::send_one`] for an answer that is too long to be kept. Returns its number: a client that has not seen it
    /// can't resume from an earlier one.
    pub fn send_long<E: Event>(&mut self, line: SessionNo, event: &E) -> u64 {
        let seq = self.next_event();
        let frame = protocol::encode(event, self.at, Some(seq)).unwrap_or_else(EncodeError::undo);
        self.push_own(seq, frame, line, Vec::new());
        seq
    }

    /// An event with secrets in it. Returns its number, as [`Cx::send_long`] does.
    pub fn send_secret<E: Event>(&mut self, to: Receivers, event: &E, secrets: Vec<Secret>) -> u64 {
        let seq = self.next_event();
        let frame = protocol::encode(event, self.at, Some(seq)).unwrap_or_else(EncodeError::undo);
        self.push_unkept(seq, frame, to, secrets);
        seq
    }

    /// In place of [`Cx::send_long`] while an input is replayed: an answer of which nothing is kept only takes its number.
    pub fn leave_out(&mut self) -> u64 {
        self.next_event()
    }

    /// Sends an event to one line with the time of when it happened.
    pub fn send_dated<E: Event>(&mut self, line: SessionNo, event: &E, at: Timestamp) {
        let seq = self.next_event();
        let frame = protocol::encode(event, at, Some(seq)).unwrap_or_else(EncodeError::undo);
        self.push_kept(seq, frame, Receivers::One(line));
    }

    /// An answer without a number.
    pub fn tell<E: Event>(&mut self, line: SessionNo, event: &E) {
        let frame = protocol::encode(event, self.at, None).unwrap_or_else(EncodeError::undo);
        self.effects.list.push(Effect::Tell { line, frame });
    }

    /// The number of the next event.
    pub(super) fn next_event(&mut self) -> u64 {
        self.event_seq += 1;
        self.event_seq
    }

    /// An event that is kept.
    fn push_kept(&mut self, seq: u64, frame: Utf8Bytes, to: Receivers) {
        self.effects.encodings += 1;
        self.effects.list.push(Effect::Send {
            seq,
            frame: EncodedEvent::new(frame),
            to,
            kept: true,
            secrets: Vec::new(),
        });
    }

    /// An event for one line that is not kept, and maybe has secrets in it.
    pub(super) fn push_own(&mut self, seq: u64, frame: Utf8Bytes, line: SessionNo, secrets: Vec<Secret>) {
        self.push_unkept(seq, frame, Receivers::One(line), secrets);
    }

    fn push_unkept(&mut self, seq: u64, frame: Utf8Bytes, to: Receivers, secrets: Vec<Secret>) {
        self.effects.encodings += 1;
        self.effects.list.push(Effect::Send {
            seq,
            frame: EncodedEvent::new(frame),
            to,
            kept: false,
            secrets,
        });
    }

    pub fn push(&mut self, effect: Effect) {
        self.effects.list.push(effect);
    }

    pub fn close(&mut self, session: SessionNo, code: CloseCode) {
        self.effects.list.push(Effect::Close(session, code));
    }

    pub fn answer(&mut self, outcome: StartOutcome) {
        self.effects.list.push(Effect::Answer(outcome));
    }
}
