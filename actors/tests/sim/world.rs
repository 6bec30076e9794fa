//! The world of one seed: people, sockets, a server, a disk and LiveKit, on one thread and in virtual time.

use std::{collections::BTreeMap, sync::Arc};

use colloquy_actors::{
    ids::{SessionNo, Timestamp},
    livekit::Livekit,
    protocol::{
        Command,
        codes::CloseCode,
        control::{ControlCommand, ControlError, ControlEvent},
        encode,
        limits::{UNHEARD_AT_CLOSE_SECS, UNHEARD_SECS},
    },
    room::{
        effects::{Effect, Effects},
        input::{Ending, Input, Stamped, StartOutcome},
    },
    ticket::Claim,
};

use super::{
    cast::CAST,
    chance::Chance,
    client::Client,
    clock::Clock,
    disk::Disk,
    facts::Facts,
    ledger::{Ledger, is_panic},
    media::{self, Media},
    net::Net,
    plan::Plan,
    server::{From, Progress, Server},
    trial::{BEGIN, ROOM},
};

/// What a step found wrong.
pub type Step = Result<(), String>;

#[derive(Debug)]
pub struct World {
    pub chance: Chance,
    /// Draws what came later, see [`Plan::draw`].
    pub later: Chance,
    pub plan: Plan,
    pub clock: Clock,
    /// What the meetings go by.
    pub facts: Facts,
    pub disk: Disk,
    /// Whether a process runs.
    pub up: bool,
    /// When the last process ended.
    pub died_at: Timestamp,
    /// The actor of the room, when there is one.
    pub server: Option<Server>,
    /// What a dead process had logged.
    pub past: Option<Ledger>,
    pub net: Net,
    pub clients: Vec<Client>,
    pub livekit: Arc<Livekit>,
    pub media: Media,
    /// Numbers for sessions, calls of `start`, tokens and tickets.
    pub counter: u64,
    /// The highest number that an event of this room was given: none comes twice, whatever was lost meanwhile.
    numbered: u64,
    /// Ids of what was seen running, and of recorders, whom nobody may see.
    pub seen: Vec<String>,
    pub hidden: Vec<String>,
    /// How often each kind of thing happened: a run that reaches nothing proves nothing.
    pub reached: BTreeMap<String, usize>,
    /// The last events, told only when somebody reads them.
    trace: Option<Vec<String>>,
}

impl World {
    pub fn new(seed: u64, traced: bool) -> Self {
        let mut chance = Chance::new(seed);
        let mut later = Chance::new(!seed);
        let plan = Plan::draw(&mut chance, &mut later);
        let mut net = Net::default();
        net.frames_max = plan.frames_max;
        let mut world = Self {
            chance,
            later,
            plan,
            clock: Clock::default(),
            facts: Facts::default(),
            disk: Disk::default(),
            up: true,
            died_at: BEGIN,
            server: None,
            past: None,
            net,
            clients: CAST.into_iter().map(Client::new).collect(),
            livekit: Arc::default(),
            media: Media::new(),
            counter: 0,
            numbered: 0,
            seen: Vec::new(),
            hidden: Vec::new(),
            reached: BTreeMap::new(),
            trace: traced.then(Vec::new),
        };
        world.tell(|world| format!("{:?}", world.plan));
        world
    }

    /// The room's time, or the last that it knew.
    pub fn now(&self) -> Timestamp {
        let server = self.server.as_ref();
        server.map_or(self.died_at, |server| server.time(self.clock.now()))
    }

    pub fn count(&mut self, what: &str) {
        match self.reached.get_mut(what) {
            Some(count) => *count += 1,
            None => {
                self.reached.insert(what.to_owned(), 1);
            }
        }
    }

    /// Notes what happens.
    pub fn tell(&mut self, what: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let millis = (self.now().as_micros() - BEGIN.as_micros()) / 1_000;
            let line = format!("{:6}.{:03} s  {}", millis / 1_000, millis % 1_000, what(self));
            if let Some(trace) = &mut self.trace {
                trace.push(line);
            }
        }
    }

    pub fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    pub fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Finds the actor of the room, or begins it.
    pub fn open_room(&mut self) {
        if self.server.is_some() || !self.up {
            return;
        }
        if self.disk.has_log()
            && let Some(past) = self.past.take()
        {
            let revived = Server::revive(
                &self.disk,
                past,
                &self.livekit,
                self.clock.now(),
                &mut self.chance,
            );
            match revived {
                Ok(server) => {
                    self.server = Some(server);
                    if self.plan.lose_tails || self.plan.loses_inputs() {
                        // What the server has lost with the machine it can't tell.
                        self.clients.iter_mut().for_each(Client::forget);
                    }
                }
                Err(error) => {
                    self.tell(|_| format!("the journal is put aside: {error}"));
                    self.count("journal put aside");
                    self.media.is_told_all = false;
                    self.disk.forget();
                }
            }
        }
        if self.server.is_none() {
            self.forget_past_meetings();
            let settings = self.plan.settings.clone();
            self.numbered = 0;
            self.server = Some(Server::create(&self.disk, ROOM, settings, &self.livekit));
        }
    }

    /// One step of the room's actor, with everything that it lets out.
    pub fn turn(&mut self) -> Step {
        let (Some(server), now) = (&mut self.server, self.clock.now()) else {
            return Ok(());
        };
        server.ring(now);
        match server.step(now, &mut self.chance) {
            Progress::Waits | Progress::Worked => Ok(()),
            Progress::Handled(stamped, from, effects) => self.release(&stamped, from, effects),
            Progress::Panicked(stamped, from, cut) => {
                self.tell(|_| format!("input {} panicked", stamped.seq));
                self.count("panic");
                if !is_panic(&stamped.input) {
                    return Err(format!("a rule panicked: {}", super::last_panic()));
                }
                self.internal_error(&from);
                if let Some(session) = cut {
                    self.count("cut after a panic");
                    self.net.close(session, CloseCode::PolicyViolation);
                }
                self.check_room()
            }
            Progress::Failed(failure) => {
                self.tell(|_| format!("the room ends: {failure}"));
                self.count("room failed");
                self.net.close_all(Some(CloseCode::Restart));
                self.end_asks();
                self.server = None;
                self.disk.heal();
                self.disk.forget();
                Ok(())
            }
        }
    }

    fn release(&mut self, stamped: &Stamped, mut from: From, effects: Effects) -> Step {
        self.tell(|_| format!("input {}: {:?}", stamped.seq, stamped.input));
        self.count("input");
        self.check_room()?;
        self.check_facts(stamped)?;
        self.check_cost(&effects)?;
        self.forget_past_meetings();
        self.notice_losses(stamped);
        match stamped.input {
            Input::Ended { session, .. } => {
                self.net.unlink(session);
            }
            Input::CallDone { call, .. } => {
                if let Some(server) = &mut self.server {
                    server.calls.remove(&call);
                }
            }
            _ => {}
        }
        for effect in effects.list {
            self.tell(|_| format!("    {}", shown(&effect)));
            if let Effect::Send { seq, .. } = effect
                && std::mem::replace(&mut self.numbered, seq) >= seq
            {
                return Err(format!("the number {seq} is given out again"));
            }
            self.effect(effect, &mut from);
        }
        if let Some(server) = &mut self.server
            && let Some(base) = server.room().map(|room| room.room().ring_base())
        {
            server.kept.trim(base);
        }
        Ok(())
    }

    /// The room hears that connections are gone: from the sockets, from clients that come back before, or at a restart.
    fn notice_losses(&mut self, stamped: &Stamped) {
        let (net, clients) = (&self.net, self.clients.iter_mut());
        match &stamped.input {
            Input::Ended { session, how } => {
                let has_closed = *how == Ending::Quit;
                let unheard_secs = if has_closed {
                    UNHEARD_AT_CLOSE_SECS
                } else {
                    UNHEARD_SECS
                };
                clients.for_each(|client| client.noticed(Some(*session), (stamped.at, unheard_secs), net));
            }
            Input::Command {
                session,
                command: Command::Control(ControlCommand::Join { .. }),
            } => {
                let joining = clients.filter(|client| client.session == Some(*session));
                joining.for_each(|client| client.noticed(None, (stamped.at, UNHEARD_SECS), net));
            }
            Input::Restarted => {
                clients.for_each(|client| client.noticed(None, (self.died_at, UNHEARD_SECS), net));
            }
            _ => {}
        }
    }

    /// Nobody is told what an earlier meeting left on its screen.
    fn forget_past_meetings(&mut self) {
        let room = self.server.as_ref().and_then(Server::room);
        if room.is_none_or(|room| !room.room().has_meeting()) {
            for client in &mut self.clients {
                client.forget();
            }
        }
    }

    fn check_cost(&self, effects: &Effects) -> Step {
        let room = self.server.as_ref().and_then(Server::room);
        let room = room.ok_or("the room is there after an input")?;
        super::trial::bounds::check(effects.cost, room.room(), super::cast::GROUPS.len())
    }

    fn check_room(&self) -> Step {
        let room = self.server.as_ref().and_then(Server::room);
        room.ok_or("the room is there after an input")?.room().check()
    }

    fn effect(&mut self, effect: Effect, from: &mut From) {
        let Some(server) = &mut self.server else {
            return;
        };
        match effect {
            Effect::Send { seq, frame, to, kept } => {
                self.net.send(seq, &frame, &to);
                if frame.contains(r#""message":"join_success""#)
                    && let Ok(envelope) = serde_json::from_str::<serde_json::Value>(&frame)
                {
                    self.media.connect(&envelope["payload"]);
                }
                if kept {
                    server.kept.add(seq, frame, to);
                }
            }
            Effect::Tell { line, frame } => self.net.push(line, &frame, None),
            Effect::Bound { session, line } => self.net.bind(session, line),
            Effect::Opened(line) => {
                let facts = server.room().and_then(|room| room.room().facts());
                let modules = facts.map(|(facts, _)| facts.tariff.modules.keys().cloned().collect());
                self.net.open(line, modules.unwrap_or_default());
            }
            Effect::Shut(line) => self.net.open(line, Vec::new()),
            Effect::Resume { line, from, word } => {
                self.net.push(line, &word, None);
                for frame in server.kept.after(from, line) {
                    let seq = sequence(frame);
                    self.net.push(line, frame, seq);
                }
            }
            Effect::Close(session, code) => self.net.close(session, code),
            Effect::Answer(outcome) => {
                self.answer(outcome, &std::mem::replace(from, From::Nobody));
            }
            Effect::Call(id, call) => {
                server.calls.insert(id, call);
            }
            Effect::CancelCall(id) => {
                server.calls.remove(&id);
            }
        }
    }

    fn answer(&mut self, outcome: StartOutcome, from: &From) {
        let From::Start { client, ask, claim } = *from else {
            return;
        };
        let ticket = format!("ticket {}", self.next_number());
        if let (StartOutcome::Issued(participant), Some(server)) = (outcome, &mut self.server) {
            let claim = Claim { participant, ..claim };
            server.tickets.add(&ticket, claim, self.clock.now());
            if self.clients[client].role.is_hidden() {
                self.hidden.push(participant.to_string());
            }
        }
        // Whoever asked may have gone.
        if self.clients[client].ask == Some(ask) {
            self.answered(client, outcome, claim.token, ticket);
        }
    }

    fn internal_error(&mut self, from: &From) {
        match *from {
            From::Session(session) => {
                let error = ControlEvent::Error(ControlError::Internal);
                if let Some(line) = self.net.line_of(session)
                    && let Ok(frame) = encode(&error, self.now(), None)
                {
                    self.net.push(line, &frame, None);
                }
            }
            From::Start { client, .. } => self.clients[client].ask = None,
            From::Nobody => {}
        }
    }

    pub fn end_asks(&mut self) {
        for client in &mut self.clients {
            client.ask = None;
        }
    }

    /// LiveKit does something that it was asked to do.
    pub fn media_answers(&mut self) -> Step {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        let ids: Vec<_> = server.calls.keys().copied().collect();
        let (Some(id), Some(room)) = (self.chance.pick(&ids), server.room()) else {
            return Ok(());
        };
        let call = server.calls[&id].clone();
        let state = serde_json::to_value(room.room()).map_err(|error| error.to_string())?;
        media::check(&call, &state)?;
        let outcome = media::outcome(&call, self.plan.media_fails, &mut self.chance);
        self.media.obey(&call, &outcome);
        server.post(Input::CallDone { call: id, outcome }, From::Nobody);
        Ok(())
    }

    /// A socket brings its client some frames, then its end.
    pub fn deliver(&mut self, session: SessionNo, frames: usize) -> Step {
        for _ in 0..frames {
            let Some(socket) = self.net.sockets.get_mut(&session) else {
                return Ok(());
            };
            let index = socket.client;
            if self.clients[index].session != Some(session) {
                // Its client has another one, and does not look at this any more.
                socket.queue.clear();
                if !socket.is_whole() {
                    self.net.drop_socket(session, Ending::Lost);
                }
                return Ok(());
            }
            let Some(frame) = socket.queue.pop_front() else {
                let (close, is_over) = (socket.close, !socket.is_whole());
                if is_over {
                    self.tell(|world| format!("{} is closed: {close:?}", world.name(index)));
                    self.count(close.map_or("socket cut", |_| "socket closed"));
                    self.disconnect(index, close.is_some());
                }
                return Ok(());
            };
            let record = self.net.record(frame.line);
            let client = &mut self.clients[index];
            let heard = client.hear(&frame, record).and_then(|name| {
                let is_secret = |id: &&String| !client.role.is_hidden() && frame.text.contains(id.as_str());
                let hidden = self.hidden.iter().find(is_secret);
                hidden.map_or(Ok(name), |id| Err(format!("it sees the recorder {id}")))
            });
            let name = heard.map_err(|error| format!("{} gets {}: {error}", self.name(index), frame.text))?;
            self.count(&name);
        }
        Ok(())
    }

    pub fn name(&self, client: usize) -> String {
        format!("{} #{client}", self.clients[client].role.name)
    }
}

/// An effect, short enough to be read.
fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Send { frame, to, .. } => {
            let lines: Vec<_> = to.iter().map(|line| line.0).collect();
            let end = frame.floor_char_boundary(300);
            format!("to {lines:?}: {}", &frame[..end])
        }
        other => {
            let mut text = format!("{other:?}");
            text.truncate(text.floor_char_boundary(300));
            text
        }
    }
}

/// The number in an envelope.
fn sequence(frame: &str) -> Option<u64> {
    let envelope: serde_json::Value = serde_json::from_str(frame).ok()?;
    envelope["seq"].as_u64()
}
