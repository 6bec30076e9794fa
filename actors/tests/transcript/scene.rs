//! The cast of a transcript, their tokens and sockets, and the room between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    facts,
    names::{self, Names},
    words::{self, Deed, StartWords, TokenWords},
};
use crate::trial::{self, Kind, Trial, id_of};
use colloquy_actors::{
    ballots::Ballots,
    ids::{
        BreakoutRoomId, InviteCode, OriginHash, ParticipantId, SessionNo, TaskId, Timestamp, TokenHash,
        UserId,
    },
    protocol::meeting::{Caller, Group, GuestAccess, Identity, MeetingFacts},
    room::{
        RoomSettings,
        access::Origin,
        effects::{Effect, Effects},
        input::{Ending, Input, Notice, Reattach, SeatTaken, Start},
        tickets::Grant,
    },
    shell,
    task::{BallotWork, Outcome},
};

pub(super) type Result<T> = std::result::Result<T, String>;

#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) caller: Option<Caller>,
    /// One per `start` that was granted: the token and the ticket's participant.
    pub(super) grants: Vec<(TokenHash, ParticipantId, Option<BreakoutRoomId>)>,
    pub(super) sockets: Vec<SessionNo>,
    /// Where it comes from.
    pub(super) origin: Option<Origin>,
}

#[derive(Debug)]
pub struct Scene {
    pub(super) trial: Option<Trial>,
    pub(super) settings: RoomSettings,
    pub(super) facts: MeetingFacts,
    pub(super) cast: BTreeMap<String, Member>,
    pub(super) names: Names,
    pub(super) sessions: u64,
    /// Of the room's last life.
    pub(super) nonce: u64,
    /// Open sockets by the line that they receive.
    pub(super) lines: BTreeMap<SessionNo, SessionNo>,
    /// Sessions that may use all namespaces.
    pub(super) opened: BTreeSet<SessionNo>,
    /// What was to be done outside, in the order of the asking, each with what it is called.
    pub(super) tasks: Vec<(TaskId, &'static str)>,
    /// Looks at LiveKit that are not shown; nobody answers them.
    pub(super) looks: BTreeSet<TaskId>,
    pub(super) shows_looks: bool,
    /// Keys and tokens of secret votes, and the numbers drawn for them.
    pub(super) ballots: Ballots,
    pub(super) drawn: u64,
    /// What the shell does by itself, when what was asked for is over.
    pub(super) ballot_work: Vec<(TaskId, BallotWork)>,
    pub(super) outputs: Vec<String>,
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
            tasks: Vec::new(),
            looks: BTreeSet::new(),
            shows_looks: false,
            ballots: Ballots::default(),
            drawn: 0,
            ballot_work: Vec::new(),
            outputs: Vec::new(),
        }
    }
}

/// A number for a key, a token or a nonce.
pub(super) fn draw(drawn: &mut u64) -> u64 {
    *drawn += 1;
    drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
            ["show", "looks"] => self.shows_looks = true,
            ["look"] => self.look(),
            ["wait", time] => self.wait(words::micros(time)?)?,
            ["restart"] => {
                self.opened.clear();
                self.lines.clear();
                self.nonce = self.room().room.ring().nonce();
                self.input(Input::Restarted)?;
            }
            ["lose", "keys"] => self.ballots = Ballots::default(),
            ["delete", "room"] => self.input(Input::Notice(Notice::RoomDeleted))?,
            ["livekit", "tells", told @ ..] => {
                let json = self.names.expand(&told.join(" "))?;
                let told = serde_json::from_str(&json).map_err(|error| format!("{error}: {json}"))?;
                self.input(Input::MediaTold(told))?;
            }
            [
                of @ ("livekit" | "report" | "task" | "whiteboard" | "meeting_notes" | "subroom_audio"),
                call,
                outcome @ ..,
            ] => self.end_task(of, words::number(call)?, outcome)?,
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
            ["folder", "gone"] => self.input(Input::Notice(Notice::SharedFolder(None)))?,
            ["folder", name] => {
                let folder = Some(Box::new(trial::folder(name)));
                self.input(Input::Notice(Notice::SharedFolder(folder)))?;
            }
            ["change", "targets"] => self.input(Input::Notice(Notice::StreamingTargets))?,
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

    /// Of the tasks that were asked for, the one of this number comes to an end.
    fn end_task(&mut self, of: &str, number: usize, outcome: &[&str]) -> Result<()> {
        let outcome = self.outcome(outcome)?;
        let task = self.tasks.get(number - 1).filter(|(_, asked)| *asked == of);
        let (task, _) = *task.ok_or("nobody asked for that")?;
        self.input(Input::TaskDone { task, outcome })
    }

    /// What became of a task: a word, or JSON.
    fn outcome(&self, words: &[&str]) -> Result<Outcome> {
        Ok(match words {
            ["done"] => Outcome::Done,
            ["fails"] => Outcome::Unavailable,
            ["stored"] => Outcome::Stored {
                filename: "report.pdf".to_owned(),
            },
            ["muted", who @ ..] => {
                let ids = who.iter().filter_map(|name| self.names.id(name));
                Outcome::Muted(ids.map(ParticipantId).collect())
            }
            ["livestreams", names @ ..] => {
                Outcome::Livestreams(names.iter().map(|name| facts::livestream(name)).collect())
            }
            _ => {
                let json = self.names.expand(&words.join(" "))?;
                serde_json::from_str(&json).map_err(|error| format!("{error}: {json}"))?
            }
        })
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

    pub(super) fn room(&mut self) -> &mut Trial {
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
        let input = self.as_logged(input);
        let effects = self.room().step(input)?;
        for effect in &effects.list {
            self.effect(effect)?;
        }
        for effect in &effects.list {
            if let Effect::Close(session, _) = effect {
                self.closed(*session)?;
            }
        }
        for (task, work) in std::mem::take(&mut self.ballot_work) {
            let outcome = self.ballots.perform(&work);
            self.effects(Input::TaskDone { task, outcome })?;
        }
        Ok(effects)
    }

    /// An input as the shell logs it.
    fn as_logged(&mut self, input: Input) -> Input {
        self.room();
        let Some(trial) = &self.trial else { return input };
        let drawn = &mut self.drawn;
        shell::sealed(&trial.room, &self.ballots, || draw(drawn), input)
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
