//! The cast of a transcript, their tokens and sockets, and the room between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use colloquy_actors::{
    frame::EncodedEvent,
    ids::{BreakoutRoomId, InviteCode, OriginHash, ParticipantId, SessionNo, Timestamp, TokenHash, UserId},
    livekit::{Livekit, Outcome},
    protocol::meeting::{Caller, Group, GuestAccess, Identity, MeetingFacts},
    room::{
        RoomSettings,
        access::Origin,
        effects::{Effect, Effects},
        input::{Ending, Input, Notice, Reattach, SeatTaken, Start, StartOutcome},
        roster::Place,
        tickets::Grant,
    },
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    facts,
    names::{self, Names},
    words::{self, Deed, StartWords, TokenWords},
};
use crate::trial::{self, Kind, Trial, id_of};

type Result<T> = std::result::Result<T, String>;

#[derive(Debug, Default)]
struct Member {
    caller: Option<Caller>,
    /// One per `start` that was granted: the token and the ticket's participant.
    grants: Vec<(TokenHash, ParticipantId, Option<BreakoutRoomId>)>,
    sockets: Vec<SessionNo>,
    /// Where it comes from.
    origin: Option<Origin>,
}

#[derive(Debug)]
pub struct Scene {
    trial: Option<Trial>,
    settings: RoomSettings,
    facts: MeetingFacts,
    cast: BTreeMap<String, Member>,
    names: Names,
    sessions: u64,
    /// Of the room's last life.
    nonce: u64,
    /// Open sockets by the line that they receive.
    lines: BTreeMap<SessionNo, SessionNo>,
    /// Sessions that may use all namespaces.
    opened: BTreeSet<SessionNo>,
    outputs: Vec<String>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            trial: None,
            settings: RoomSettings::default(),
            facts: trial::facts(),
            cast: BTreeMap::new(),
            names: Names::default(),
            sessions: 0,
            nonce: 0,
            lines: BTreeMap::new(),
            opened: BTreeSet::new(),
            outputs: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame<'a> {
    namespace: &'a str,
    timestamp: Timestamp,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Scene {
    /// Does what a line says; the outputs are what came of it.
    pub fn line(&mut self, line: &str) -> Result<Vec<String>> {
        let words: Vec<_> = line.split(' ').collect();
        match &words[..] {
            ["room", rest @ ..] => {
                for word in rest {
                    facts::set(&mut self.facts, &mut self.settings, word)?;
                }
            }
            ["show", "everything"] => self.names.abbreviate = false,
            ["look"] => self.look(),
            ["wait", time] => self.wait(words::micros(time)?)?,
            ["restart"] => {
                self.opened.clear();
                self.lines.clear();
                self.nonce = self.room().room.ring().nonce();
                self.input(Input::Restarted)?;
            }
            ["delete", "room"] => self.input(Input::Notice(Notice::RoomDeleted))?,
            ["livekit", call, outcome @ ..] => {
                let outcome = match outcome {
                    ["done"] => Outcome::Done,
                    ["fails"] => Outcome::Unavailable,
                    ["muted", who @ ..] => {
                        let ids = who.iter().filter_map(|name| self.names.id(name));
                        Outcome::Muted(ids.map(ParticipantId).collect())
                    }
                    _ => return Err("what became of the call?".to_owned()),
                };
                let call = words::number(call)? as u64;
                self.input(Input::CallDone { call, outcome })?;
            }
            ["withdraw", "invite"] => self.withdraw_invite("invite")?,
            ["withdraw", "invite", invite] => self.withdraw_invite(invite)?,
            ["close", "invite", invite] => {
                self.input(Input::Notice(Notice::InviteClosed(InviteCode(id_of(invite)))))?;
            }
            ["withdraw", "user", name] => {
                self.input(Input::Notice(Notice::UserWithdrawn(UserId(id_of(name)))))?;
            }
            ["disable", "user", name] => {
                self.input(Input::Notice(Notice::UserDisabled(UserId(id_of(name)))))?;
            }
            ["guests", access] => self.input(Input::Notice(Notice::GuestAccess(guest_access(access)?)))?,
            ["repeat", times, ..] => {
                let deed = line.splitn(3, ' ').nth(2).ok_or("repeat what?")?;
                for _ in 0..words::number(times)? {
                    self.deed(deed)?;
                }
                self.outputs.clear();
            }
            _ => self.deed(line)?,
        }
        Ok(std::mem::take(&mut self.outputs))
    }

    /// The replay of everything must give the same.
    pub fn end(&self) -> Result<()> {
        self.trial.as_ref().map_or(Ok(()), Trial::replay)
    }

    fn withdraw_invite(&mut self, name: &str) -> Result<()> {
        self.input(Input::Notice(Notice::InviteWithdrawn(InviteCode(id_of(name)))))
    }

    fn deed(&mut self, line: &str) -> Result<()> {
        let (who, deed) = line.split_once(": ").ok_or("who does what?")?;
        let (name, socket) = words::actor(who)?;
        match words::deed(deed)? {
            Deed::Start(words) => self.start(name, &words),
            Deed::Enter(words) => self.enter(name, &words),
            Deed::Connect { ticket, resume_from } => self.connect(name, ticket, resume_from),
            Deed::Command(text) => {
                let input = trial::command(self.session(name, socket)?, &self.names.expand(text)?);
                self.input(input)
            }
            Deed::Close => self.socket_ends(name, socket, Ending::Quit),
            Deed::Vanish => self.socket_ends(name, socket, Ending::Lost),
            Deed::GoOn { from } => {
                let session = self.session(name, socket)?;
                let member = self.cast.get(name).ok_or("nobody")?;
                let token = member.grants.last().ok_or("no ticket")?.0;
                let nonce = self.nonce;
                self.input(Input::Reattach(Reattach {
                    session,
                    token,
                    nonce,
                    from,
                }))
            }
        }
    }

    fn connect(&mut self, name: &str, ticket: Option<usize>, resume_from: Option<u64>) -> Result<()> {
        let member = self.cast.get_mut(name).ok_or("no ticket")?;
        let (token, participant, breakout_room) = *nth(&member.grants, ticket).ok_or("no such ticket")?;
        self.sessions += 1;
        let session = SessionNo(self.sessions);
        member.sockets.push(session);
        self.lines.insert(session, session);
        let origin = member.origin;
        let grant = Grant {
            participant,
            token,
            breakout_room,
        };
        self.input(Input::SeatTaken(SeatTaken {
            grant,
            ticket: None,
            session,
            resume_from,
            origin,
        }))
    }

    /// Comes in as other transcripts tell it: who it is, is all that is shown.
    fn enter(&mut self, name: &str, words: &StartWords<'_>) -> Result<()> {
        let known = self.outputs.len();
        self.start(name, words)?;
        if !self.outputs[known..]
            .iter()
            .any(|line| line.starts_with("answer issued"))
        {
            return Err(format!("refused: {:?}", self.outputs));
        }
        self.connect(name, None, None)?;
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let display_name: String = first.into_iter().chain(letters).collect();
        self.input(trial::join(self.session(name, None)?, &display_name))?;
        self.outputs.truncate(known);
        let grant = self.cast.get(name).and_then(|member| member.grants.last());
        let (_, id, _) = *grant.ok_or("no ticket")?;
        self.outputs
            .push(format!("{name} is {}", self.names.participant(id)));
        Ok(())
    }

    fn session(&self, name: &str, socket: Option<usize>) -> Result<SessionNo> {
        let member = self.cast.get(name);
        let session = member.and_then(|member| nth(&member.sockets, socket));
        session
            .copied()
            .ok_or_else(|| format!("{name} has no such socket"))
    }

    fn socket_ends(&mut self, name: &str, socket: Option<usize>, how: Ending) -> Result<()> {
        let session = self.session(name, socket)?;
        self.lines.retain(|_, open| *open != session);
        self.input(Input::Ended { session, how })
    }

    fn start(&mut self, name: &str, words: &StartWords<'_>) -> Result<()> {
        let token = TokenHash::of(&format!("token {}", self.room().room.input_seq()));
        let resumption = match &words.token {
            None => None,
            Some(TokenWords::Unknown) => Some(TokenHash::of("a token of another room")),
            Some(TokenWords::Of(whose, which)) => {
                let owner = self.cast.get(whose.unwrap_or(name)).ok_or("whose token?")?;
                Some(nth(&owner.grants, *which).ok_or("no such token")?.0)
            }
        };
        let member = self.cast.entry(name.to_owned()).or_default();
        if let Some(kind) = words.kind {
            member.caller = Some(match (kind, words.invite) {
                (Kind::Guest, Some(invite)) => Caller::Guest(InviteCode(id_of(invite))),
                _ => kind.caller(name),
            });
        }
        if let Some(network) = words.network {
            let network = OriginHash::new(*TokenHash::of(network).bytes());
            member.origin = Some(Origin {
                network,
                counted: true,
            });
        }
        let breakout_room = match words.breakout {
            None => None,
            Some(name) => Some(self.names.id(name).ok_or("which breakout room?")?.into()),
        };
        let groups = words.groups.iter().map(|group| Group {
            id: id_of(group).into(),
            name: (*group).into(),
        });
        let groups: Arc<[_]> = groups.collect();
        let identity = |kind: Kind| Identity {
            groups,
            ..kind.identity(name)
        };
        let start = Start {
            caller: member.caller.ok_or("who is that?")?,
            identity: words.kind.map(identity),
            facts: words.kind.map(|_| Box::new(self.facts.clone())),
            resumption,
            token,
            ticket: None,
            breakout_room,
            origin: member.origin,
            signed_in: words.signed_in.map(|name| UserId(id_of(name))),
        };
        let trial = self.room();
        trial.now = Timestamp::from_micros(trial.now.as_micros() + 1_000);
        let issued = self.effects(Input::Start(Box::new(start)))?;
        if let (Some(id), Some(member)) = (trial::issued(&issued), self.cast.get_mut(name)) {
            member.grants.push((token, id, breakout_room));
        }
        Ok(())
    }

    fn room(&mut self) -> &mut Trial {
        let settings = &self.settings;
        self.trial.get_or_insert_with(|| Trial::new(settings.clone()))
    }

    /// Lets time pass; the room is woken whenever it asked for it.
    fn wait(&mut self, micros: i64) -> Result<()> {
        let begin = self.room().now.as_micros();
        let end = Timestamp::from_micros(begin + micros);
        while let Some(due) = self.room().room.next_deadline().filter(|due| *due <= end) {
            let trial = self.room();
            trial.now = trial.now.max(due);
            let before = self.outputs.len();
            self.effects(Input::Tick)?;
            if self.outputs.len() > before {
                self.outputs
                    .insert(before, format!("at <{}>", names::seconds(due)));
            }
            if self.room().room.next_deadline() == Some(due) {
                return Err("a tick left what was due".to_owned());
            }
        }
        let trial = self.room();
        trial.now = trial.now.max(end);
        Ok(())
    }

    fn look(&mut self) {
        let room = &self.room().room;
        let (inside, waiting) = room.occupancy();
        let state = match (room.is_over(), room.has_meeting()) {
            (true, _) => "over",
            (false, true) => "a meeting",
            (false, false) => "no meeting, but tokens",
        };
        self.outputs
            .push(format!("{state}: {inside} inside, {waiting} waiting"));
    }

    fn input(&mut self, input: Input) -> Result<()> {
        let trial = self.room();
        trial.now = Timestamp::from_micros(trial.now.as_micros() + 1_000);
        self.effects(input).map(|_| ())
    }

    fn effects(&mut self, input: Input) -> Result<Effects> {
        let effects = self.room().step(input)?;
        for effect in &effects.list {
            self.effect(effect)?;
        }
        for effect in &effects.list {
            if let Effect::Close(session, _) = effect {
                self.closed(*session)?;
            }
        }
        Ok(effects)
    }

    fn effect(&mut self, effect: &Effect) -> Result<()> {
        match effect {
            Effect::Bound { session, line } => {
                self.lines.remove(session);
                self.lines.insert(*line, *session);
            }
            Effect::Opened(line) => self.opened.extend(self.lines.get(line)),
            Effect::Shut(line) => {
                if let Some(session) = self.lines.get(line) {
                    self.opened.remove(session);
                }
            }
            Effect::Tell { line, frame } => self.unnumbered(*line, frame)?,
            Effect::Resume {
                line, word, missed, ..
            } => {
                self.unnumbered(*line, word)?;
                self.again(*line, missed)?;
            }
            Effect::Reattached {
                session,
                line,
                place,
                missed,
                handled,
            } => {
                self.lines.insert(*line, *session);
                if *place == Place::Inside {
                    self.opened.insert(*session);
                }
                let label = self.label(*session)?;
                self.outputs
                    .push(format!("{label} goes on {place:?} after command {handled}"));
                self.again(*line, missed)?;
            }
            Effect::Call(id, call) => {
                let call = serde_json::to_string(call).map_err(|error| error.to_string())?;
                let line = format!("livekit {id} {}", self.names.shorten(&call));
                self.outputs.push(line);
            }
            Effect::CancelCall(id) => self.outputs.push(format!("livekit {id} cancelled")),
            Effect::Close(session, code) => {
                let line = format!("{} closed {}", self.label(*session)?, code.number());
                self.outputs.push(line);
            }
            Effect::Answer(outcome) => {
                let answer = match outcome {
                    StartOutcome::Issued(id) => format!("answer issued {}", self.names.participant(*id)),
                    StartOutcome::NeedsIdentity => "answer needs identity".to_owned(),
                    StartOutcome::NeedsFacts => "answer needs facts".to_owned(),
                    StartOutcome::NoBreakoutRooms => "answer no breakout rooms".to_owned(),
                    StartOutcome::Banned => "answer banned".to_owned(),
                    other => return Err(format!("no rule says {other:?}")),
                };
                self.outputs.push(answer);
            }
            Effect::Send {
                seq,
                frame,
                to,
                secret,
                ..
            } => {
                let signed = secret
                    .as_ref()
                    .map(|secret| secret.put_into(frame, &Livekit::default()));
                let frame = signed.as_ref().unwrap_or(frame);
                let receivers: Vec<_> = to.iter().filter(|line| self.lines.contains_key(line)).collect();
                let line = self.frame(*seq, frame, &receivers)?;
                // Whoever is lost may hear it later.
                if !receivers.is_empty() {
                    self.outputs.push(line);
                }
            }
        }
        Ok(())
    }

    /// What somebody has missed.
    fn again(&mut self, line: SessionNo, missed: &[(u64, EncodedEvent)]) -> Result<()> {
        for (seq, event) in missed {
            let frame: Frame<'_> = serde_json::from_str(event).map_err(|error| error.to_string())?;
            let shown = self.show(*seq, &frame, &[line])?;
            self.outputs.push(format!("again {shown}"));
        }
        Ok(())
    }

    /// An answer of the session itself.
    fn unnumbered(&mut self, line: SessionNo, text: &str) -> Result<()> {
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        let label = match self.lines.get(&line) {
            Some(session) => self.label(*session)?,
            None => return Err(format!("nobody is on {line:?}")),
        };
        let payload = self.names.shorten(frame.payload.get());
        let (namespace, seq) = (frame.namespace, frame.seq);
        if seq.is_some() {
            return Err(format!("a number where none belongs: {text}"));
        }
        self.outputs.push(format!(
            r#"{label} {{"namespace":"{namespace}","payload":{payload}}}"#
        ));
        Ok(())
    }

    fn frame(&mut self, seq: u64, text: &str, receivers: &[SessionNo]) -> Result<String> {
        let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
        // What somebody missed is told with the time of when it was said.
        let is_told_again = text.contains(r#""scope":"private""#) && frame.timestamp < self.room().room.at();
        if frame.seq != Some(seq) || frame.timestamp != self.room().room.at() && !is_told_again {
            return Err(format!("number or time of the envelope is wrong: {text}"));
        }
        let is_join = frame.payload.get().contains(r#""message":"join_success""#);
        let is_opened = |line| {
            self.lines
                .get(line)
                .is_some_and(|session| self.opened.contains(session))
        };
        if is_join && !receivers.iter().all(is_opened) {
            return Err("joined, but the session does not know".to_owned());
        }
        self.show(seq, &frame, receivers)
    }

    fn show(&mut self, seq: u64, frame: &Frame<'_>, lines: &[SessionNo]) -> Result<String> {
        let sessions = lines.iter().filter_map(|line| self.lines.get(line));
        let labels: Result<Vec<_>> = sessions.map(|session| self.label(*session)).collect();
        let number = match seq >> 32 {
            0 => format!("#{seq}"),
            restarts => format!("#{restarts}:{}", seq & u64::from(u32::MAX)),
        };
        Ok(format!(
            r#"{} {number} {{"namespace":"{}","payload":{}}}"#,
            labels?.join(", "),
            frame.namespace,
            self.names.shorten(frame.payload.get()),
        ))
    }

    /// Whose socket it is; the newest has no number.
    fn label(&self, session: SessionNo) -> Result<String> {
        for (name, member) in &self.cast {
            if let Some(index) = member.sockets.iter().position(|socket| *socket == session) {
                let newest = index + 1 == member.sockets.len();
                return Ok(if newest {
                    name.clone()
                } else {
                    format!("{name}/{}", index + 1)
                });
            }
        }
        Err(format!("nobody has {session:?}"))
    }

    /// The room closed a socket: when the socket says that it has ended, nothing more may come of it.
    fn closed(&mut self, session: SessionNo) -> Result<()> {
        self.opened.remove(&session);
        self.lines.retain(|_, open| *open != session);
        let how = Ending::Lost;
        let deadline = self.room().room.next_deadline();
        let effects = self.room().step(Input::Ended { session, how })?;
        if effects.list.is_empty() && self.room().room.next_deadline() == deadline {
            Ok(())
        } else {
            Err(format!("the end of a closed socket brought {:?}", effects.list))
        }
    }
}

fn guest_access(word: &str) -> Result<GuestAccess> {
    match word {
        "enter" => Ok(GuestAccess::DirectAccess),
        "wait" => Ok(GuestAccess::WaitingRoom),
        "stay_out" => Ok(GuestAccess::Disabled),
        _ => Err(format!("guests do not {word}")),
    }
}

/// The number counts from 1; the last one without.
fn nth<T>(list: &[T], number: Option<usize>) -> Option<&T> {
    list.get(number.unwrap_or(list.len()).checked_sub(1)?)
}
