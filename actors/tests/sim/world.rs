//! The world of one room: people, sockets, its actor, a disk and LiveKit, on one thread and in virtual time.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use colloquy_actors::{
    access_revision::AccessRevision,
    frame::EncodedEvent,
    ids::{RoomId, SessionNo, Timestamp, TokenHash},
    livekit::Livekit,
    logged::LoggedRoom,
    protocol::{
        Command,
        control::ControlCommand,
        limits::{UNHEARD_AT_CLOSE_SECS, UNHEARD_SECS},
        shared_folder::FolderLinks,
    },
    room::{
        cost::Cost,
        effects::{Effect, Keys, Secret},
        input::{Ending, Input, Notice, Stamped, Start, StartOutcome},
        locations::StreamLocations,
    },
};

use super::{
    boards::Boards,
    cast::CAST,
    chance::Chance,
    client::Client,
    clock::Clock,
    disk::Disk,
    facts::Facts,
    ledger::Ledger,
    media::Media,
    net::Net,
    outside::{Asker, Handled},
    pads::Pads,
    plan::Plan,
    process::Process,
    server::Server,
    trial::{BEGIN, Opener},
};

/// What a step found wrong.
pub type Step = Result<(), String>;

/// What the whole process is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Crash,
    Stop,
}

/// A call of `start` that looks for its room.
#[derive(Debug)]
pub struct Asking {
    pub client: usize,
    pub start: Start,
    pub as_of: Option<AccessRevision>,
}

/// The last events, told only when somebody reads them.
pub type Trace = Rc<RefCell<Option<Vec<String>>>>;

#[derive(Debug)]
pub struct World {
    pub room: RoomId,
    pub process: Rc<RefCell<Process>>,
    pub wish: Option<Wish>,
    /// Calls of `start` by their numbers.
    pub asking: BTreeMap<u64, Asking>,
    /// Sessions that look for the next life of their room, by the numbers of their questions.
    pub seeking: BTreeMap<u64, SessionNo>,
    /// Tickets from before the actor's or the process' end.
    pub outlived: BTreeSet<TokenHash>,
    /// Calls that a token alone speaks for.
    pub by_token: BTreeMap<u64, TokenHash>,
    /// Who has lost access, as the database knows, and their tokens of then, with the number of the last call before.
    pub notices: Vec<Notice>,
    /// The folder of the room's event, as the database knows.
    pub folder: Option<FolderLinks>,
    pub void: BTreeMap<TokenHash, u64>,
    pub chance: Chance,
    /// Draws what came later, see [`Plan::draw`].
    pub later: Chance,
    /// The same of what came after that: nodes with sockets of their own.
    pub of_edges: Chance,
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
    /// Nobody tells where streams are sent to.
    pub locations: StreamLocations,
    pub media: Media,
    pub boards: Boards,
    pub pads: Rc<RefCell<Pads>>,
    /// Numbers for sessions, calls of `start`, tokens and tickets.
    pub counter: u64,
    /// The highest number that an event of this room was given: none comes twice, whatever was lost meanwhile.
    pub numbered: u64,
    /// Ids of what was seen running, and of recorders, whom nobody may see.
    pub seen: Vec<String>,
    pub hidden: Vec<String>,
    /// How often each kind of thing happened: a run that reaches nothing proves nothing.
    pub reached: BTreeMap<String, usize>,
    trace: Trace,
}

impl World {
    pub fn new(room: RoomId, seed: u64, process: &Rc<RefCell<Process>>, trace: &Trace) -> Self {
        let mut chance = Chance::new(seed);
        let (mut later, mut of_edges) = (Chance::new(!seed), Chance::new(seed.rotate_left(32)));
        let plan = Plan::draw(&mut chance, &mut later, &mut of_edges);
        let mut net = Net::default();
        net.frames_max = plan.frames_max;
        let mut world = Self {
            room,
            process: Rc::clone(process),
            wish: None,
            asking: BTreeMap::new(),
            seeking: BTreeMap::new(),
            outlived: BTreeSet::new(),
            by_token: BTreeMap::new(),
            notices: Vec::new(),
            folder: None,
            void: BTreeMap::new(),
            chance,
            later,
            of_edges,
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
            locations: StreamLocations::default(),
            media: Media::default(),
            boards: Boards::default(),
            pads: Rc::default(),
            counter: 0,
            numbered: 0,
            seen: Vec::new(),
            hidden: Vec::new(),
            reached: BTreeMap::new(),
            trace: Rc::clone(trace),
        };
        world.media.tells = world.plan.media_tells;
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
    pub fn tell(&self, what: impl FnOnce(&Self) -> String) {
        if let Some(trace) = &mut *self.trace.borrow_mut() {
            let millis = (self.now().as_micros() - BEGIN.as_micros()) / 1_000;
            let room = self.room.0.as_u128() % 10;
            trace.push(format!(
                "{room} {:6}.{:03} s  {}",
                millis / 1_000,
                millis % 1_000,
                what(self)
            ));
        }
    }

    pub fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// One step of the room's shell, with everything that it lets out.
    pub fn turn(&mut self) -> Step {
        if let Some(server) = &mut self.server {
            server.step(self.clock.times());
        }
        self.take_in()
    }

    /// What the shell did meanwhile.
    pub fn take_in(&mut self) -> Step {
        let Some(server) = &mut self.server else {
            return Ok(());
        };
        let (handled, panicked) = (server.outside.handled.take(), server.outside.panicked.take());
        let answers = std::mem::take(&mut server.outside.answers);
        let difference = server.outside.difference.take();
        let has_ended = server.outside.has_ended;
        if let Some((kind, panic)) = panicked {
            self.tell(|_| format!("{kind}: a rule panicked: {panic}"));
            self.count(&format!("panic: {kind}"));
            if kind == "notice" {
                // The room has not heard it.
                self.void.clear();
            }
            if !panic.contains("injected fault") {
                return Err(format!("a rule panicked: {panic}"));
            }
        }
        if let Some(handled) = handled {
            self.look(handled)?;
        }
        if let Some(difference) = difference {
            return Err(difference);
        }
        self.carry();
        for (asker, reply) in answers {
            self.answer(asker, reply)?;
        }
        if has_ended { self.has_ended() } else { Ok(()) }
    }

    /// Brings to the sockets what the room did with them, and to the room what it has not handled.
    pub fn carry(&mut self) {
        self.net.carry();
        for (session, sent) in std::mem::take(&mut self.net.again) {
            self.count("command sent again");
            if let Some(server) = &mut self.server {
                server.command(session, sent);
            }
        }
    }

    /// The room has ended, and its log is of no use.
    pub fn forget_room(&mut self) {
        self.end_asks();
        (self.server, self.past) = (None, None);
        self.disk.forget();
    }

    /// An input was handled.
    fn look(&mut self, handled: Handled) -> Step {
        let Handled {
            stamped,
            effects,
            cost,
        } = handled;
        self.tell(|_| format!("input {}: {:?}", stamped.seq, stamped.input));
        self.count("input");
        self.check_room(cost)?;
        self.check_facts(&stamped)?;
        self.forget_past_meetings();
        self.notice_losses(&stamped);
        for effect in effects {
            self.tell(|_| format!("    {}", shown(&effect)));
            match effect {
                Effect::Send { seq, .. } if std::mem::replace(&mut self.numbered, seq) >= seq => {
                    return Err(format!("the number {seq} is given out again"));
                }
                Effect::Send {
                    seq,
                    frame,
                    to,
                    secrets,
                    ..
                } => {
                    let Some(frame) = self.as_it_leaves(&secrets, frame) else {
                        continue;
                    };
                    self.net.sent(seq, &frame, &to);
                    self.media_takes(&frame);
                }
                Effect::Bound { session, line } => self.net.bound(session, line),
                Effect::Reattached(it) if it.missed.is_empty() => self.count("goes on"),
                Effect::Reattached(_) => self.count("goes on, having missed something"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whoever gets a token with these events goes into LiveKit with it.
    fn media_takes(&mut self, frame: &str) {
        let is_one = |name: &&str| frame.contains(&format!(r#""message":"{name}""#));
        let names = ["join_success", "whisper_group_created", "whisper_token"];
        let Some(name) = names.iter().find(|name| is_one(name)) else {
            return;
        };
        let Ok(envelope) = serde_json::from_str::<serde_json::Value>(frame) else {
            return;
        };
        let payload = &envelope["payload"];
        self.media.connect(match *name {
            "join_success" => &payload["livekit"]["token"],
            _ => &payload["token"],
        });
    }

    /// A frame with what is secret in it; none where that is a link that is gone. In place of other secrets that are gone the marks stay.
    fn as_it_leaves(&self, secrets: &[Secret], frame: EncodedEvent) -> Option<EncodedEvent> {
        let room = self.server.as_ref().and_then(Server::room);
        let lacks_link = Cell::new(false);
        let link = |task| {
            let link = self.pads.borrow().link(task);
            lacks_link.set(link.is_none());
            link
        };
        let keys = Keys {
            livekit: room.map_or(&*self.livekit, LoggedRoom::livekit),
            ballots: &self.process.borrow().ballots,
            unsealer: &Opener,
            locations: &self.locations,
            link: &link,
        };
        let frame = Secret::put_into(secrets, &frame, &keys).unwrap_or(frame);
        (!lacks_link.get()).then_some(frame)
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
                ..
            } => {
                let joining = clients.filter(|client| client.session == Some(*session));
                joining.for_each(|client| client.noticed(None, (stamped.at, UNHEARD_SECS), net));
            }
            Input::EdgeLost { sessions } => {
                let lost = clients
                    .filter(|client| client.session.is_some_and(|session| sessions.contains(&session)));
                lost.for_each(|client| client.noticed(None, (stamped.at, UNHEARD_SECS), net));
            }
            Input::Restarted => {
                clients.for_each(|client| client.noticed(None, (self.died_at, UNHEARD_SECS), net));
            }
            _ => {}
        }
    }

    /// Nobody is told what an earlier meeting left on its screen.
    pub fn forget_past_meetings(&mut self) {
        let room = self.server.as_ref().and_then(Server::room);
        if room.is_none_or(|room| !room.room().has_meeting()) {
            for client in &mut self.clients {
                client.forget();
            }
        }
    }

    fn check_room(&self, cost: Cost) -> Step {
        let room = self.server.as_ref().and_then(Server::room);
        let room = room.ok_or("the room is there after an input")?.room();
        room.check()?;
        super::trial::bounds::check(cost, room, super::cast::GROUPS.len())
    }

    /// The shell answers a `start`.
    fn answer(&mut self, asker: Asker, reply: StartOutcome) -> Step {
        if let StartOutcome::Issued(participant) = reply {
            self.check_token(asker.ask)?;
            if self.clients[asker.client].role.is_hidden() {
                self.hidden.push(participant.to_string());
            }
        }
        // Whoever asked may have gone.
        if self.clients[asker.client].ask == Some(asker.ask) {
            self.answered(asker, reply)?;
        }
        Ok(())
    }

    /// The room's actor is gone: its calls of `start` end without an answer.
    pub fn end_asks(&mut self) {
        let looking = &self.asking;
        for client in &mut self.clients {
            client.ask = client.ask.filter(|ask| looking.contains_key(ask));
            self.outlived
                .extend(client.tickets.iter().map(|ticket| TokenHash::of(ticket)));
        }
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
            let client = &mut self.clients[index];
            let heard = client.hear(&frame, &self.net).and_then(|name| {
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
